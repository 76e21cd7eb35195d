import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { callLnd } from "./call.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";

let node: TestNode;
let client: LndClient;
beforeAll(async () => {
  node = await startTestNode();
});
beforeEach(() => {
  client = connectLnd({ host: node.host, tlsCert: node.certificate.cert, macaroonHex: "00", deadlineMs: 600_000 });
  node.unary.GetState = () => ({ state: "SERVER_ACTIVE" });
});
afterEach(() => closeLnd(client));
afterAll(() => node.kill());

test("a node that says nothing is given up at the deadline, and hears of it", async () => {
  node.unary.GetInfo = () => new Promise(() => {});
  await expect(callLnd(client, "GetInfo", {}, { deadlineMs: 200 })).rejects.toMatchObject({
    code: "LND_UNAVAILABLE",
    message: expect.stringContaining("in time"),
  });
});

test("a call is given up when its signal aborts, before or while it runs", async () => {
  node.unary.GetInfo = () => new Promise(() => {});
  const options = [{ signal: AbortSignal.abort() }, { signal: AbortSignal.timeout(50) }];
  for (const option of options) {
    await expect(callLnd(client, "GetInfo", {}, option)).rejects.toMatchObject({
      code: "LND_UNAVAILABLE",
      message: expect.stringContaining("given up"),
    });
  }
});

test.each([
  { code: status.UNKNOWN, want: "LND_REFUSED" },
  { code: status.INVALID_ARGUMENT, want: "LND_REFUSED" },
  { code: status.NOT_FOUND, want: "LND_REFUSED" },
  { code: status.ALREADY_EXISTS, want: "LND_REFUSED" },
  { code: status.PERMISSION_DENIED, want: "LND_REFUSED" },
  { code: status.UNAUTHENTICATED, want: "LND_REFUSED" },
  { code: status.UNIMPLEMENTED, want: "LND_REFUSED" },
  { code: status.RESOURCE_EXHAUSTED, want: "LND_REFUSED" },
  { code: status.UNAVAILABLE, want: "LND_UNAVAILABLE" },
  { code: status.INTERNAL, want: "LND_UNAVAILABLE" },
  { code: status.DATA_LOSS, want: "LND_UNAVAILABLE" },
  { code: status.DEADLINE_EXCEEDED, want: "LND_UNAVAILABLE" },
  { code: status.CANCELLED, want: "LND_UNAVAILABLE" },
])("status $code becomes $want, whatever the words", async ({ code, want }) => {
  for (const words of ["permission denied", "wallet locked, unlock it to enable full RPC access", ""]) {
    node.unary.AddInvoice = () => new Refusal(code, words);
    await expect(callLnd(client, "AddInvoice", {})).rejects.toMatchObject({ code: want });
  }
});

test.each([
  { state: "NON_EXISTING", words: "lncli create" },
  { state: "LOCKED", words: "lncli unlock" },
  { state: "UNLOCKED", words: "starting" },
  { state: "RPC_ACTIVE", words: "starting" },
  { state: "WAITING_TO_START", words: "leader" },
])("UNKNOWN from a node in state $state is LND_UNAVAILABLE", async ({ state, words }) => {
  node.unary.GetState = () => ({ state });
  node.unary.AddInvoice = () => new Refusal(status.UNKNOWN, "words");
  await expect(callLnd(client, "AddInvoice", {})).rejects.toMatchObject({
    code: "LND_UNAVAILABLE",
    message: expect.stringContaining(words),
  });
});

test("a refusal names the call, the permission it needs and LND's words, cut and printable", async () => {
  node.unary.AddInvoice = () => new Refusal(status.UNKNOWN, `permission denied\u0007${"x".repeat(500)}`);
  const error = await callLnd(client, "AddInvoice", {}).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({
    message: expect.stringMatching(/AddInvoice.*permission denied\?x+".*invoices:write$/),
  });
  expect((error as Error).message.length).toBeLessThan(400);
});

test("a node without the State service still refuses as LND_REFUSED", async () => {
  node.unary.GetState = () => new Refusal(status.UNIMPLEMENTED);
  node.unary.AddInvoice = () => new Refusal(status.UNKNOWN, "permission denied");
  await expect(callLnd(client, "AddInvoice", {})).rejects.toMatchObject({ code: "LND_REFUSED" });
});
