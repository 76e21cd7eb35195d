/** The preimage of an invoice leaves the node's answer when it is settled, never before, and never into a message. */
import { createHash, randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";
import { lookupProof } from "./lookup-invoice.ts";

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

const r_preimage = randomBytes(32);
const r_hash = createHash("sha256").update(r_preimage).digest();
const invoice = { r_hash, r_preimage, memo: "SatRank deposit" };

test.each(["OPEN", "CANCELED", "ACCEPTED"])("the preimage of an invoice that is %s is not read", async (state) => {
  node.unary.LookupInvoice = () => ({ ...invoice, state });
  expect(await lookupProof(client, r_hash)).toEqual({ state: state.toLowerCase(), memo: invoice.memo });
});

test("the preimage of a settled invoice is", async () => {
  node.unary.LookupInvoice = () => ({ ...invoice, state: "SETTLED" });
  const preimage = new Uint8Array(r_preimage);
  expect(await lookupProof(client, r_hash)).toEqual({ state: "settled", memo: invoice.memo, preimage });
});

test("an unknown invoice is undefined", async () => {
  node.unary.LookupInvoice = () => new Refusal(status.NOT_FOUND, "there are no existing invoices");
  expect(await lookupProof(client, r_hash)).toBeUndefined();
});

test.each([
  { name: "of another hash", r_preimage: Buffer.from(r_preimage).reverse() },
  { name: "that is cut", r_preimage: r_preimage.subarray(1) },
  { name: "that is missing", r_preimage: undefined },
])("a preimage $name is refused, and not told", async ({ r_preimage: wrong }) => {
  node.unary.LookupInvoice = () => ({ ...invoice, r_preimage: wrong, state: "SETTLED" });
  const refused = await lookupProof(client, r_hash).catch((error: Error) => error);
  expect(refused).toMatchObject({ code: "LND_REFUSED" });
  if (wrong) expect(JSON.stringify([String(refused), refused])).not.toContain(wrong.toString("hex"));
});
