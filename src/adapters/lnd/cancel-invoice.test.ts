/** CancelInvoice: what LND 0.20.3 answers in each case (docs/lnd.md), and what it must not be taken for. */
import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { cancelInvoice } from "./cancel-invoice.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";

const r_hash = randomBytes(32);
const alreadySettled = new Refusal(status.UNKNOWN, "invoice already settled");
let node: TestNode;
let client: LndClient;
beforeAll(async () => {
  node = await startTestNode();
  client = connectLnd({ host: node.host, tlsCert: node.certificate.cert, macaroonHex: "00", deadlineMs: 2_000 });
});
beforeEach(() => {
  node.unary.GetState = () => ({ state: "SERVER_ACTIVE" });
  node.unary.CancelInvoice = () => alreadySettled;
  delete node.unary.LookupInvoice;
});
afterAll(() => {
  closeLnd(client);
  node.kill();
});

test("an open invoice, and one that is canceled already, is canceled without a second question", async () => {
  let asked: object = {};
  node.unary.CancelInvoice = (request) => {
    asked = request;
    return {};
  };
  expect(await cancelInvoice(client, r_hash)).toBe("canceled");
  expect(asked).toEqual({ payment_hash: r_hash });
});

test.each([
  { found: { r_hash, state: "SETTLED", amt_paid_msat: "1000", settle_date: "1795175982" }, want: "settled" },
  { found: { r_hash, state: "CANCELED" }, want: "canceled" },
  { found: new Refusal(status.NOT_FOUND, "unable to locate invoice"), want: "unknown" },
])("after a refusal the invoice itself decides: $want, whatever the words were", async ({ found, want }) => {
  node.unary.LookupInvoice = () => found;
  for (const words of ["invoice already settled", "unable to locate invoice", "permission denied", ""]) {
    node.unary.CancelInvoice = () => new Refusal(status.UNKNOWN, words);
    expect(await cancelInvoice(client, r_hash)).toBe(want);
  }
});

test.each(["OPEN", "ACCEPTED"])("a refused cancellation of an invoice that is %s is no cancellation", async (state) => {
  node.unary.CancelInvoice = () => new Refusal(status.UNKNOWN, "permission denied");
  node.unary.LookupInvoice = () => ({ r_hash, state });
  await expect(cancelInvoice(client, r_hash)).rejects.toMatchObject({
    code: "LND_REFUSED",
    message: expect.stringMatching(/CancelInvoice.*invoices:write$/),
  });
});

test("a macaroon that may not look either gets no answer", async () => {
  node.unary.LookupInvoice = () => new Refusal(status.UNKNOWN, "permission denied");
  await expect(cancelInvoice(client, r_hash)).rejects.toMatchObject({ code: "LND_REFUSED" });
});

test("a node that breaks off, is starting or says nothing may have canceled or not", async () => {
  node.unary.LookupInvoice = () => ({ r_hash, state: "CANCELED" });
  const unavailable = { code: "LND_UNAVAILABLE" };
  node.unary.CancelInvoice = () => new Refusal(status.INTERNAL);
  await expect(cancelInvoice(client, r_hash)).rejects.toMatchObject(unavailable);
  node.unary.CancelInvoice = () => new Promise(() => {});
  await expect(cancelInvoice(client, r_hash, { deadlineMs: 100 })).rejects.toMatchObject(unavailable);
  await expect(cancelInvoice(client, r_hash, { signal: AbortSignal.abort() })).rejects.toMatchObject(unavailable);
  node.unary.CancelInvoice = () => alreadySettled;
  node.unary.GetState = () => ({ state: "RPC_ACTIVE" });
  await expect(cancelInvoice(client, r_hash)).rejects.toMatchObject(unavailable);
});

test("a hash of the wrong length never reaches the node", async () => {
  await expect(cancelInvoice(client, randomBytes(33))).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
});
