/** Receipts and their cursor, booked from two pools at once. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { inTransaction, openDatabase } from "./connect.ts";
import { insertReceipt, receiptTable } from "./receipt.ts";

let database: TestDatabase;
let other: ReturnType<typeof openDatabase>;
beforeAll(async () => {
  database = await openTestDatabase();
  other = openDatabase({ url: database.url, maxConnections: 10, onError: () => undefined });
});
afterAll(async () => {
  await other.end();
  await database.close();
});

const at = unixSeconds(1_800_000_000);
let node = "";
beforeEach(async () => {
  node = `02${randomBytes(32).toString("hex")}`;
  await receiptTable(database.pool).resetCursor(node, { settleIndex: 0n, finalIndex: 0n, sinceAt: at });
});

const receipt = (index: bigint) => ({
  paymentHash: new Uint8Array(randomBytes(32)),
  amount: msat(1_000n + index),
  settledAt: at,
  settleIndex: index,
});

async function journal(): Promise<{ msat: bigint; items: bigint; rows: bigint; received: bigint }> {
  const { rows } = await database.pool.query(
    `SELECT coalesce(sum(amount_msat), 0)::bigint AS msat, coalesce(sum(items), 0)::bigint AS items,
            (SELECT count(*) FROM receipt) AS rows, (SELECT coalesce(sum(amount_msat), 0)::bigint FROM receipt) AS received
     FROM journal WHERE kind = 'receipt'`,
  );
  return rows[0];
}

test("many processes book the same payments once, in any order, with one posting a batch", async () => {
  const before = await journal();
  const receipts = Array.from({ length: 200 }, (_, n) => receipt(BigInt(n + 1)));
  const tables = [receiptTable(database.pool), receiptTable(other)];
  const shuffled = () => [...receipts].sort(() => Math.random() - 0.5);
  const counts = await Promise.all(
    Array.from({ length: 12 }, (_, n) => {
      const batch = shuffled().slice(0, 120);
      const last = batch.reduce((a, b) => (b.settleIndex > a.settleIndex ? b : a));
      return tables[n % 2]!.record(batch, at, {
        nodePubkey: node,
        settleIndex: last.settleIndex,
        paymentHash: last.paymentHash,
      });
    }),
  );
  counts.push(await tables[0]!.record(receipts, at));
  expect(counts.reduce((sum, count) => sum + count)).toBe(200);
  const after = await journal();
  expect(after.rows - before.rows).toBe(200n);
  expect(after.items - before.items).toBe(200n);
  expect(after.msat - before.msat).toBe(receipts.reduce((sum, { amount }) => sum + amount, 0n));
  expect(after.received).toBe(after.msat);
});

test("a cursor only advances, until it is reset", async () => {
  const table = receiptTable(database.pool);
  const [first, second] = [receipt(5n), receipt(9n)];
  await table.record([second], at, { nodePubkey: node, settleIndex: 9n, paymentHash: second.paymentHash });
  await table.record([first], at, { nodePubkey: node, settleIndex: 5n, paymentHash: first.paymentHash });
  expect(await table.readCursor(node)).toEqual({
    settleIndex: 9n,
    paymentHash: second.paymentHash,
    finalIndex: 0n,
    sinceAt: at,
  });
  await table.advanceFinal(node, 7n);
  await table.advanceFinal(node, 3n);
  expect((await table.readCursor(node))?.finalIndex).toBe(7n);
  await table.resetCursor(node, { settleIndex: 2n, paymentHash: first.paymentHash, finalIndex: 1n, sinceAt: at });
  expect(await table.readCursor(node)).toMatchObject({ settleIndex: 2n, finalIndex: 1n });
  expect(await table.readCursor(`03${"0".repeat(64)}`)).toBeUndefined();
});

test("a batch that is only foreign moves the cursor and books nothing", async () => {
  const before = await journal();
  const { paymentHash } = receipt(1n);
  expect(await receiptTable(database.pool).record([], at, { nodePubkey: node, settleIndex: 4n, paymentHash })).toBe(0);
  expect((await receiptTable(database.pool).readCursor(node))?.settleIndex).toBe(4n);
  expect(await journal()).toEqual(before);
});

test("two nodes may use one settle index", async () => {
  const table = receiptTable(database.pool);
  expect(await table.record([receipt(77n)], at)).toBe(1);
  expect(await table.record([receipt(77n)], at)).toBe(1);
});

test("a receipt inside another transaction is there or not with it", async () => {
  const one = receipt(1n);
  const table = receiptTable(database.pool);
  const aborted = inTransaction(database.pool, async (client) => {
    expect(await insertReceipt(client, one, at)).toBe(true);
    throw new Error("crash");
  });
  await expect(aborted).rejects.toThrow("crash");
  expect(await table.find(one.paymentHash)).toBeUndefined();
  expect(await inTransaction(database.pool, (client) => insertReceipt(client, one, at))).toBe(true);
  expect(await inTransaction(database.pool, (client) => insertReceipt(client, one, at))).toBe(false);
  expect(await table.find(one.paymentHash)).toEqual({ amount: one.amount, settledAt: at });
  expect(await table.amounts([one.paymentHash, randomBytes(32)])).toEqual(
    new Map([[Buffer.from(one.paymentHash).toString("hex"), one.amount]]),
  );
});

test("what was booked since is told of one node, with the receipts of nobody from when it was followed", async () => {
  const table = receiptTable(database.pool);
  const later = unixSeconds(at + 1_000);
  const [early, late] = [1, 2].map((n) => `0${n + 1}${randomBytes(32).toString("hex")}`) as [string, string];
  const cursor = { settleIndex: 0n, finalIndex: 0n };
  await table.resetCursor(early, { ...cursor, sinceAt: at });
  await table.resetCursor(late, { ...cursor, sinceAt: later });
  const [ofEarly, ofLate, ofNobody] = [receipt(1n), receipt(2n), receipt(3n)];
  const named = [{ ...ofEarly, nodePubkey: early }, { ...ofLate, nodePubkey: late }, ofNobody];
  expect(await table.record(named, later)).toBe(3);
  const since = async (nodePubkey: string) =>
    (await table.bookedSince(nodePubkey, later, 1_000)).map(({ amount }) => amount).sort();
  expect(await since(early)).toEqual([ofEarly.amount, ofNobody.amount]);
  expect(await since(late)).toEqual([ofLate.amount]);
  expect(await since(`02${"0".repeat(64)}`)).toEqual([]);
  expect(await table.bookedSince(early, later, 1)).toHaveLength(1);
});

test("when a node was last seen to have lost payments stays, until that is seen again", async () => {
  const table = receiptTable(database.pool);
  const lostAt = async () => (await table.readCursor(node))?.lostAt;
  const cursor = { settleIndex: 0n, finalIndex: 0n, sinceAt: at };
  expect(await lostAt()).toBeUndefined();
  await table.resetCursor(node, { ...cursor, lostAt: unixSeconds(at + 1) });
  await table.resetCursor(node, cursor);
  expect(await lostAt()).toBe(at + 1);
  await table.resetCursor(node, { ...cursor, lostAt: unixSeconds(at + 2) });
  expect(await lostAt()).toBe(at + 2);
});
