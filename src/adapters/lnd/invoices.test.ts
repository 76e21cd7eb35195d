/** AddInvoice, LookupInvoice and SubscribeInvoices, against a node that answers what no honest one would. */
import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { msat } from "../../core/units.ts";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { addInvoice } from "./add-invoice.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";
import { lookupInvoice } from "./lookup-invoice.ts";
import { subscribeInvoices } from "./subscribe-invoices.ts";

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

const r_hash = randomBytes(32);
const wanted = { amount: msat(1_500n), memo: "SatRank intent", expirySec: 600 };

test("an invoice is asked for in msat and read back", async () => {
  let asked: object = {};
  node.unary.AddInvoice = (request) => {
    asked = request;
    return { r_hash, payment_request: "lnbcrt15n1p4" };
  };
  expect(await addInvoice(client, wanted)).toEqual({ paymentHash: new Uint8Array(r_hash), invoice: "lnbcrt15n1p4" });
  expect(asked).toMatchObject({ value_msat: "1500", memo: "SatRank intent", expiry: "600", value: "0" });
});

test.each([
  { name: "a hash of 31 bytes", answer: { r_hash: randomBytes(31), payment_request: "lnbcrt1" }, field: "r_hash" },
  { name: "a hash of 33 bytes", answer: { r_hash: randomBytes(33), payment_request: "lnbcrt1" }, field: "r_hash" },
  { name: "no hash", answer: { payment_request: "lnbcrt1" }, field: "r_hash" },
  { name: "no invoice", answer: { r_hash }, field: "payment_request" },
  { name: "a header split", answer: { r_hash, payment_request: 'lnbcrt1"\r\nx: y' }, field: "payment_request" },
  {
    name: "an endless invoice",
    answer: { r_hash, payment_request: `ln${"q".repeat(8_000)}` },
    field: "payment_request",
  },
])("an invoice with $name is refused by the field's name", async ({ answer, field }) => {
  node.unary.AddInvoice = () => answer;
  await expect(addInvoice(client, wanted)).rejects.toMatchObject({
    code: "LND_REFUSED",
    message: expect.stringContaining(field),
  });
});

test.each([
  { name: "for nothing", change: { amount: msat(0n) }, code: "AMOUNT_INVALID" },
  { name: "with a memo no invoice holds", change: { memo: "é".repeat(320) }, code: "VALIDATION_FAILED" },
  { name: "that never lives", change: { expirySec: 0 }, code: "VALIDATION_FAILED" },
  { name: "that lives too long", change: { expirySec: 31_536_001 }, code: "VALIDATION_FAILED" },
])("an invoice $name is never asked for", async ({ change, code }) => {
  node.unary.AddInvoice = () => {
    throw new Error("asked");
  };
  await expect(addInvoice(client, { ...wanted, ...change })).rejects.toMatchObject({ code });
});

test.each([
  { lnd: { state: "OPEN" }, want: { state: "open", amountPaid: 0n } },
  { lnd: { state: "CANCELED" }, want: { state: "canceled", amountPaid: 0n } },
  { lnd: { state: "ACCEPTED" }, want: { state: "accepted", amountPaid: 0n } },
  {
    lnd: { state: "SETTLED", amt_paid_msat: "1501", settle_date: "1795175982" },
    want: { state: "settled", amountPaid: 1_501n, settledAt: 1_795_175_982 },
  },
])("an invoice in state $lnd.state is $want.state", async ({ lnd, want }) => {
  node.unary.LookupInvoice = () => ({ r_hash, ...lnd });
  expect(await lookupInvoice(client, r_hash)).toEqual(want);
});

test("an unknown invoice is undefined, and nothing else is", async () => {
  node.unary.LookupInvoice = () => new Refusal(status.NOT_FOUND, "there are no existing invoices");
  expect(await lookupInvoice(client, r_hash)).toBeUndefined();

  node.unary.LookupInvoice = () => new Refusal(status.UNKNOWN, "unable to locate invoice");
  await expect(lookupInvoice(client, r_hash)).rejects.toMatchObject({ code: "LND_REFUSED" });
});

test.each([
  { name: "another invoice", answer: { r_hash: randomBytes(32), state: "SETTLED" }, field: "r_hash" },
  { name: "a negative amount", answer: { r_hash, state: "SETTLED", amt_paid_msat: "-1" }, field: "amt_paid_msat" },
  { name: "a state of its own", answer: { r_hash, state: 9 }, field: "state" },
  { name: "a time before time", answer: { r_hash, state: "SETTLED", settle_date: "-1" }, field: "settle_date" },
])("a lookup answered with $name is refused", async ({ answer, field }) => {
  node.unary.LookupInvoice = () => answer;
  await expect(lookupInvoice(client, r_hash)).rejects.toMatchObject({
    code: "LND_REFUSED",
    message: expect.stringContaining(field),
  });
});

test("a hash of the wrong length never reaches the node", async () => {
  await expect(lookupInvoice(client, randomBytes(31))).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
});

const settled = (index: number) => ({
  r_hash,
  state: "SETTLED",
  amt_paid_msat: "1000",
  settle_date: "1795175982",
  settle_index: String(index),
});

test("a subscription resumes after an index and passes over invoices that are only new", async () => {
  let after: unknown;
  node.stream.SubscribeInvoices = (stream) => {
    after = stream.request["settle_index"];
    stream.write(settled(8));
    stream.write({ r_hash, state: "OPEN" });
    stream.write(settled(9));
  };
  const seen: bigint[] = [];
  for await (const invoice of subscribeInvoices(client, { afterSettleIndex: 7n })) {
    seen.push(invoice.settleIndex);
    if (seen.length === 2) break;
  }
  expect(after).toBe("7");
  expect(seen).toEqual([8n, 9n]);
});

test("a settled AMP invoice has no index and is passed over, so that nobody resumes after 0", async () => {
  node.stream.SubscribeInvoices = (stream) => {
    stream.write({ ...settled(0), is_amp: true, settle_date: "0" });
    stream.write(settled(9));
  };
  for await (const invoice of subscribeInvoices(client, { afterSettleIndex: 7n })) {
    expect(invoice.settleIndex).toBe(9n);
    break;
  }
});

test("a subscription returns when its signal aborts, and LND hears of it", async () => {
  const stop = new AbortController();
  const heard = new Promise((resolve) => {
    node.stream.SubscribeInvoices = (stream) => {
      stream.on("cancelled", resolve);
      stream.write(settled(1));
    };
  });
  let count = 0;
  for await (const _ of subscribeInvoices(client, { afterSettleIndex: 0n, signal: stop.signal })) {
    count++;
    stop.abort();
  }
  expect(count).toBe(1);
  await heard;
});

test.each([
  {
    name: "a status",
    behave: (s: { emit(name: "error", error: object): unknown }) => s.emit("error", { code: status.UNAVAILABLE }),
  },
  { name: "an orderly end", behave: (s: { end(): unknown }) => s.end() },
])("a subscription that $name ends is LND_UNAVAILABLE, never a quiet end", async ({ behave }) => {
  node.stream.SubscribeInvoices = behave as never;
  const read = async () => {
    for await (const _ of subscribeInvoices(client, { afterSettleIndex: 0n })) throw new Error("yielded");
  };
  await expect(read()).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
});
