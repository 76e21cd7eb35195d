import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";
import { listPayments } from "./list-payments.ts";

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

const hash = randomBytes(32);
const row = (payment_index: number, change: object = {}) => ({
  payment_index: String(payment_index),
  payment_hash: hash.toString("hex"),
  status: "FAILED",
  value_msat: "1000",
  ...change,
});
const list = (afterIndex = 7n, limit = 2) => listPayments(client, { afterIndex, limit });

test("a page is read field by field, and says where the next begins", async () => {
  let asked: object = {};
  node.unary.ListPayments = (request) => {
    asked = request;
    return { payments: [row(8), row(11, { status: "SUCCEEDED", fee_msat: "3" })], last_index_offset: "11" };
  };
  const paymentHash = new Uint8Array(hash);
  expect(await list()).toEqual({
    payments: [
      { index: 8n, paymentHash, status: "failed", amount: 1_000n, fee: 0n },
      { index: 11n, paymentHash, status: "succeeded", amount: 1_000n, fee: 3n },
    ],
    lastIndex: 11n,
  });
  expect(asked).toMatchObject({ include_incomplete: true, index_offset: "7", max_payments: "2", reversed: false });
});

test("an empty page ends where it began", async () => {
  node.unary.ListPayments = () => ({ payments: [], last_index_offset: "0" });
  expect(await list()).toEqual({ payments: [], lastIndex: 7n });
});

test.each([
  { name: "that goes back", payments: [row(7)] },
  { name: "that repeats itself", payments: [row(8), row(8)] },
  { name: "longer than was asked for", payments: [row(8), row(9), row(10)] },
  { name: "with a short hash", payments: [row(8, { payment_hash: "00" })] },
  { name: "with a negative amount", payments: [row(8, { value_msat: "-1" })] },
  { name: "with a fee beyond all bitcoin", payments: [row(8, { fee_msat: "9000000000000000000" })] },
  { name: "with an index beyond ours", payments: [row(8, { payment_index: "18446744073709551615" })] },
  { name: "with a state that is new to us", payments: [row(8, { status: 9 })] },
])("a page $name is refused", async ({ payments }) => {
  node.unary.ListPayments = () => ({ payments });
  await expect(list()).rejects.toMatchObject({ code: "LND_REFUSED" });
});

test("a page of no or too many payments is not asked for", async () => {
  for (const [after, limit] of [
    [0n, 0],
    [0n, 501],
    [0n, 1.5],
    [-1n, 1],
  ] as const) {
    await expect(list(after, limit)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
  }
});
