/** What must hold for money under concurrency, proved on a real Postgres. */
import { randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { tokenTable } from "./token.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(20);
});
afterAll(() => database.close());

const at = unixSeconds(1_790_000_000);
const charge = (tokenId: Uint8Array, amount: bigint, chargeId = randomUUID()) => ({
  chargeId,
  tokenId,
  operation: "resolveIntent",
  amount: msat(amount),
  at,
});

async function openAccount(amount: bigint): Promise<Uint8Array> {
  const tokenId = randomBytes(32);
  await tokenTable(database.pool).credit({
    tokenId,
    paymentHash: randomBytes(32),
    amount: msat(amount),
    settledAt: at,
    at,
  });
  return tokenId;
}

/** Balances as the ledger alone gives them: the column must agree. */
async function booksBalance(): Promise<void> {
  const { rows } = await database.pool.query(`
    SELECT token.token_id, token.balance_msat AS kept, coalesce(sum(CASE credit_account WHEN 'token' THEN amount_msat ELSE 0 END)
      - sum(CASE debit_account WHEN 'token' THEN amount_msat ELSE 0 END), 0)::bigint AS booked
    FROM token LEFT JOIN transfer USING (token_id) GROUP BY token.token_id`);
  for (const row of rows) expect(row.kept).toBe(row.booked);
  const held = await database.pool.query(`
    SELECT (SELECT coalesce(sum(amount_msat), 0)::bigint FROM charge WHERE state = 'reserved') AS open,
      (SELECT coalesce(sum(CASE credit_account WHEN 'held' THEN amount_msat ELSE 0 END)
        - sum(CASE debit_account WHEN 'held' THEN amount_msat ELSE 0 END), 0)::bigint FROM transfer) AS booked`);
  expect(held.rows[0].open).toBe(held.rows[0].booked);
}

test("200 parallel calls on a balance for one: exactly one is held", async () => {
  const tokenId = await openAccount(1_000n);
  const tokens = tokenTable(database.pool);
  const results = await Promise.all(Array.from({ length: 200 }, () => tokens.reserve(charge(tokenId, 1_000n))));
  expect(results.filter((result) => result.held)).toEqual([{ held: true, left: 0n }]);
  // The one that is held may fail and give the price back: the others are told to wait for it.
  expect(new Set(results.filter((r) => !r.held).map((r) => (r.held ? "" : r.reason)))).toEqual(new Set(["busy"]));
  await booksBalance();
});

test("100 parallel credits of one invoice: credited once", async () => {
  const tokenId = randomBytes(32);
  const deposit = { tokenId, paymentHash: randomBytes(32), amount: msat(7_000n), settledAt: at, at };
  const tokens = tokenTable(database.pool);
  const results = await Promise.all(Array.from({ length: 100 }, () => tokens.credit(deposit)));
  expect(results.filter(Boolean)).toHaveLength(1);
  expect(await tokens.balance(tokenId)).toBe(7_000n);
  await booksBalance();
});

test("settle and refund race: one of them wins, and the money is in one place", async () => {
  const tokens = tokenTable(database.pool);
  const tokenId = await openAccount(100_000n);
  const open = Array.from({ length: 100 }, () => charge(tokenId, 1_000n));
  for (const each of open) await tokens.reserve(each);
  const both = await Promise.all(
    open.map(({ chargeId }) => Promise.all([tokens.settle(chargeId, at), tokens.refund(chargeId, at)])),
  );
  // A refund that meets the lock of a settlement steps aside, so at most one says yes.
  expect(both.every(([settled, refunded]) => settled !== refunded)).toBe(true);
  const refunded = both.filter(([, gaveBack]) => gaveBack).length;
  expect(await tokens.balance(tokenId)).toBe(BigInt(refunded) * 1_000n);
  await booksBalance();
});

test("what a dead process held is given back once, and what is young stays held", async () => {
  const tokens = tokenTable(database.pool);
  const tokenId = await openAccount(5_000n);
  await tokens.reserve({ ...charge(tokenId, 1_000n), at: unixSeconds(at - 100) });
  await tokens.reserve(charge(tokenId, 1_000n));
  const sweep = () => tokens.refundAbandoned(unixSeconds(at - 50), at);
  const sweeps = await Promise.all([sweep(), sweep(), sweep(), sweep()]);
  expect(sweeps.reduce((sum, count) => sum + count, 0)).toBe(1);
  expect(await tokens.balance(tokenId)).toBe(4_000n);
  await booksBalance();
});

test("many accounts charged and settled at once from several processes: no deadlock, and the books balance", async () => {
  const accounts = await Promise.all(Array.from({ length: 60 }, () => openAccount(1_000_000n)));
  const processes = Array.from({ length: 4 }, () => tokenTable(database.pool));
  const one = async (index: number) => {
    const tokens = processes[index % processes.length]!;
    const next = charge(accounts[(index * 7) % accounts.length]!, 1_000n);
    expect(await tokens.reserve(next)).toMatchObject({ held: true });
    expect(await tokens.settle(next.chargeId, at)).toBe(true);
  };
  await Promise.all(Array.from({ length: 3_000 }, (_, index) => one(index)));
  await booksBalance();
}, 60_000);

test("a charge id is used once, and an account that was never paid for holds nothing", async () => {
  const tokens = tokenTable(database.pool);
  const tokenId = await openAccount(5_000n);
  const twice = charge(tokenId, 1_000n);
  await tokens.reserve(twice);
  await expect(tokens.reserve(twice)).rejects.toThrow();
  expect(await tokens.balance(tokenId)).toBe(4_000n);
  expect(await tokens.reserve(charge(randomBytes(32), 1n))).toEqual({ held: false, reason: "unknown" });
});

test("a revoked account is refused though it has a balance", async () => {
  const tokens = tokenTable(database.pool);
  const tokenId = await openAccount(5_000n);
  await database.pool.query("UPDATE token SET revoked_at = $2 WHERE token_id = $1", [tokenId, at]);
  expect(await tokens.reserve(charge(tokenId, 1_000n))).toEqual({ held: false, reason: "revoked" });
});

test("any sequence of verbs keeps the books balanced and no balance below zero", async () => {
  const tokens = tokenTable(database.pool);
  const step = fc.record({
    verb: fc.constantFrom("credit", "reserve", "settle", "refund"),
    amount: fc.bigInt({ min: 1n, max: 5_000n }),
    pick: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const tokenId = await openAccount(3_000n);
      const charges: string[] = [];
      await Promise.all(
        steps.map(async ({ verb, amount, pick }) => {
          const chargeId = charges[pick % Math.max(charges.length, 1)] ?? randomUUID();
          if (verb === "credit")
            await tokens.credit({ tokenId, paymentHash: randomBytes(32), amount: msat(amount), settledAt: at, at });
          if (verb === "settle") await tokens.settle(chargeId, at);
          if (verb === "refund") await tokens.refund(chargeId, at);
          if (verb !== "reserve") return;
          const next = charge(tokenId, amount);
          charges.push(next.chargeId);
          await tokens.reserve(next);
        }),
      );
      await booksBalance();
    }),
    { numRuns: 120, endOnFailure: true },
  );
});
