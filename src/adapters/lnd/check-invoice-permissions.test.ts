import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { checkInvoicePermissions } from "./check-invoice-permissions.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";

let node: TestNode;
let client: LndClient;
beforeAll(async () => {
  node = await startTestNode();
  client = connectLnd({ host: node.host, tlsCert: node.certificate.cert, macaroonHex: "00" });
});
afterAll(() => {
  closeLnd(client);
  node.kill();
});

const unheard = new Refusal(status.NOT_FOUND, "there are no existing invoices");
const senseless = new Refusal(status.INVALID_ARGUMENT, "invoice ref must be set");
const denied = new Refusal(status.UNKNOWN, "permission denied");

test.each([
  { read: unheard, write: senseless, want: undefined },
  { read: denied, write: senseless, want: "invoices:read" },
  { read: unheard, write: denied, want: "invoices:write" },
])("what is missing is named: $want", async ({ read, write, want }) => {
  node.unary.LookupInvoice = () => read;
  node.unary.LookupInvoiceV2 = () => write;
  const answer = checkInvoicePermissions(client);
  if (want === undefined) await expect(answer).resolves.toBeUndefined();
  else await expect(answer).rejects.toMatchObject({ code: "LND_REFUSED", message: expect.stringMatching(`${want}$`) });
});

test("a node that is starting has not refused anything", async () => {
  node.unary.GetState = () => ({ state: "RPC_ACTIVE" });
  node.unary.LookupInvoice = () => denied;
  await expect(checkInvoicePermissions(client)).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
});
