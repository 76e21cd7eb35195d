import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";
import { listInvoices } from "./list-invoices.ts";

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
const row = (add_index: number, change: object = {}) => ({
  add_index: String(add_index),
  r_hash,
  state: "OPEN",
  creation_date: "1795185347",
  expiry: "600",
  ...change,
});

test("a page is read field by field, and says where the next begins", async () => {
  let asked: object = {};
  node.unary.ListInvoices = (request) => {
    asked = request;
    const paid = { state: "SETTLED", amt_paid_msat: "1501", settle_date: "1795185351", settle_index: "39" };
    return { invoices: [row(8, { memo: "SatRank" }), row(11, paid)], last_index_offset: "11" };
  };
  expect(await listInvoices(client, { afterAddIndex: 7n, limit: 2 })).toEqual({
    invoices: [
      {
        addIndex: 8n,
        settleIndex: 0n,
        paymentHash: new Uint8Array(r_hash),
        state: "open",
        amountPaid: 0n,
        memo: "SatRank",
        createdAt: 1_795_185_347,
        expirySec: 600,
      },
      {
        addIndex: 11n,
        settleIndex: 39n,
        paymentHash: new Uint8Array(r_hash),
        state: "settled",
        amountPaid: 1_501n,
        settledAt: 1_795_185_351,
        memo: "",
        createdAt: 1_795_185_347,
        expirySec: 600,
      },
    ],
    lastAddIndex: 11n,
  });
  expect(asked).toMatchObject({ index_offset: "7", num_max_invoices: "2", reversed: false, pending_only: false });
});

test("past the end a page is empty and the place stays, though LND then says 0", async () => {
  node.unary.ListInvoices = () => ({ invoices: [], last_index_offset: "0" });
  expect(await listInvoices(client, { afterAddIndex: 126n, limit: 10 })).toEqual({ invoices: [], lastAddIndex: 126n });
});

test("a stranger's memo keeps its letters and loses what could move a cursor or a line", async () => {
  const memo = "line\nfeed \u202eright \u0007bell \u2028sep \u{1f600} żółć";
  node.unary.ListInvoices = () => ({ invoices: [row(1, { memo })] });
  const { invoices } = await listInvoices(client, { afterAddIndex: 0n, limit: 1 });
  expect(invoices[0]?.memo).toBe("line?feed ?right ?bell ?sep \u{1f600} żółć");
});

test.each([
  { name: "more than was asked for", rows: [row(1), row(2), row(3)], field: "invoices" },
  { name: "a page that begins before its start", rows: [row(0)], field: "add_index" },
  { name: "an index twice", rows: [row(5), row(5)], field: "add_index" },
  { name: "an index that goes back", rows: [row(6), row(5)], field: "add_index" },
  { name: "a hash of 31 bytes", rows: [row(1, { r_hash: randomBytes(31) })], field: "r_hash" },
  { name: "a state of its own", rows: [row(1, { state: 9 })], field: "state" },
  { name: "an endless memo", rows: [row(1, { memo: "x".repeat(1_025) })], field: "memo" },
  { name: "a time before time", rows: [row(1, { creation_date: "-62135596800" })], field: "creation_date" },
])("a page with $name is refused by the field's name", async ({ rows, field }) => {
  node.unary.ListInvoices = () => ({ invoices: rows });
  await expect(listInvoices(client, { afterAddIndex: 0n, limit: 2 })).rejects.toMatchObject({
    code: "LND_REFUSED",
    message: expect.stringContaining(field),
  });
});

test.each([
  { afterAddIndex: 0n, limit: 0 },
  { afterAddIndex: 0n, limit: 1_001 },
  { afterAddIndex: 0n, limit: 1.5 },
  { afterAddIndex: -1n, limit: 1 },
])("%o is never asked for", async (page) => {
  node.unary.ListInvoices = () => {
    throw new Error("asked");
  };
  await expect(listInvoices(client, page)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
});
