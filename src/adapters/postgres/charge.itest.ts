/** What must hold for money under concurrency, proved on a real Postgres. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Budget, Charge } from "../../core/l402/account.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { chargeTable } from "./charge.ts";
import { checkBooks } from "./reconciliation.ts";
import { tokenTable } from "./token.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(30);
});
afterAll(() => database.close());
beforeEach(async () => {
  await silence();
  await process_().sweep(90, at);
});
afterEach(async () => expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] }));

const at = unixSeconds(1_790_000_000);
const process_ = () => chargeTable(database.pool);
const tokens = () => tokenTable(database.pool);
const charge = (tokenId: Uint8Array, amount: bigint, more: Partial<Charge> = {}): Charge => ({
  tokenId,
  operation: "resolveIntent",
  amount: msat(amount),
  at,
  budgets: [],
  ...more,
});
const budget = (limit: bigint): Budget => ({ budgetId: randomBytes(32), limit: msat(limit) });
const retryKey = (key: string, question = "q") => ({ key, fingerprint: Buffer.from(question.padEnd(32)) });

async function openAccount(amount: bigint): Promise<Uint8Array> {
  const tokenId = randomBytes(32);
  await tokens().credit({ tokenId, paymentHash: randomBytes(32), amount: msat(amount), settledAt: at, at });
  return tokenId;
}
const balance = async (tokenId: Uint8Array) => (await tokens().account(tokenId))?.balance;

async function hold(charges: ReturnType<typeof process_>, next: Charge): Promise<bigint> {
  const reservation = await charges.reserve(next);
  if (!reservation.held) throw new Error(`not held: ${reservation.reason}`);
  return reservation.chargeId;
}

/** A process that stops without a word: its till is silent from a time long past. */
const silence = () => database.pool.query("UPDATE till SET beat_at = 0 WHERE ended_at IS NULL");

test("200 parallel calls on a balance for one, in two processes: exactly one is held", async () => {
  const tokenId = await openAccount(1_000n);
  const processes = [process_(), process_()];
  const calls = Array.from({ length: 200 }, (_, i) => processes[i % 2]!.reserve(charge(tokenId, 1_000n)));
  const results = await Promise.all(calls);
  expect(results.filter((result) => result.held)).toMatchObject([{ held: true, left: 0n }]);
  // The one that is held may fail and give the price back: the others are told to wait for it.
  expect(new Set(results.filter((r) => !r.held).map((r) => (r.held ? "" : r.reason)))).toEqual(new Set(["busy"]));
});

test("an account that asks much with retry keys delays its own calls, and not those of another", async () => {
  const [busy, quiet] = [await openAccount(1_000_000n), await openAccount(1_000n)];
  quiet.set([...busy.slice(-1)], 31);
  const charges = process_();
  let answered = 0;
  const flood = Array.from({ length: 100 }, (_, i) =>
    charges.reserve(charge(busy, 1n, { retryKey: retryKey(`k${i}`) })).then(() => {
      answered += 1;
    }),
  );
  await charges.reserve(charge(quiet, 1n, { retryKey: retryKey("k") }));
  expect(answered).toBeLessThan(10);
  await Promise.all(flood);
  await charges.end(at);
});

test("calls that come together share what there is: as many are held as the balance covers, each told its own rest", async () => {
  const tokenId = await openAccount(7_500n);
  const charges = process_();
  const results = await Promise.all(Array.from({ length: 20 }, () => charges.reserve(charge(tokenId, 1_000n))));
  const left = results.flatMap((result) => (result.held ? [result.left] : []));
  expect(left.sort((a, b) => Number(b - a))).toEqual([6_500n, 5_500n, 4_500n, 3_500n, 2_500n, 1_500n, 500n]);
});

test("100 parallel credits of one invoice, for two accounts: credited once", async () => {
  const payment = { paymentHash: randomBytes(32), amount: msat(7_000n), settledAt: at, at };
  const accounts = [randomBytes(32), randomBytes(32)];
  const results = await Promise.all(
    Array.from({ length: 100 }, (_, i) => tokens().credit({ ...payment, tokenId: accounts[i % 2]! })),
  );
  expect(results.filter(Boolean)).toHaveLength(1);
  const balances = await Promise.all(accounts.map(balance));
  expect([...balances].sort()).toEqual([0n, 7_000n]);
});

test("a settled charge stays earned when its process dies, an open one is given back", async () => {
  const tokenId = await openAccount(10_000n);
  const charges = process_();
  const ids = await Promise.all(Array.from({ length: 6 }, () => hold(charges, charge(tokenId, 1_000n))));
  // Not in order, so that some closed ones lie above the mark.
  for (const index of [4, 1, 2]) expect(await charges.settle(ids[index]!)).toBe(true);
  expect(await tokens().account(tokenId)).toMatchObject({ balance: 4_000n, held: 3_000n, spent: 3_000n });
  await silence();
  const sweeps = await Promise.all([process_(), process_(), process_()].map((each) => each.sweep(90, at)));
  expect(sweeps.reduce((sum, count) => sum + count, 0)).toBe(3);
  expect(await tokens().account(tokenId)).toMatchObject({ balance: 7_000n, held: 0n, spent: 3_000n });
});

test("a process that was taken for dead can settle nothing it held, and goes on with new charges", async () => {
  const tokenId = await openAccount(10_000n);
  const charges = process_();
  const before = await hold(charges, charge(tokenId, 1_000n));
  await silence();
  expect(await process_().sweep(90, at)).toBe(1);
  expect(await charges.settle(before)).toBe(false);
  const after = await hold(charges, charge(tokenId, 1_000n));
  expect(await charges.settle(after)).toBe(true);
  expect(await charges.refund(before, at)).toBe(false);
  expect(await balance(tokenId)).toBe(9_000n);
});

test("a young process is left alone", async () => {
  const tokenId = await openAccount(5_000n);
  const charges = process_();
  const chargeId = await hold(charges, charge(tokenId, 1_000n));
  expect(await process_().sweep(90, at)).toBe(0);
  expect(await charges.settle(chargeId)).toBe(true);
});

test("a refund is exact and happens once, however often it is asked for", async () => {
  const tokenId = await openAccount(5_000n);
  const charges = process_();
  const chargeId = await hold(charges, charge(tokenId, 1_234n));
  const refunds = await Promise.all(Array.from({ length: 20 }, () => charges.refund(chargeId, at)));
  expect(refunds.filter(Boolean)).toHaveLength(1);
  expect(await balance(tokenId)).toBe(5_000n);
});

test("a process that ends gives back what is still held", async () => {
  const tokenId = await openAccount(5_000n);
  const charges = process_();
  const settled = await hold(charges, charge(tokenId, 1_000n));
  await hold(charges, charge(tokenId, 1_000n));
  await charges.settle(settled);
  await charges.end(at);
  expect(await balance(tokenId)).toBe(4_000n);
});

test("a charge whose outcome is in doubt is given back after the next commit", async () => {
  const tokenId = await openAccount(5_000n);
  const lossy = { armed: false };
  // A connection that breaks after the server has committed: the caller hears an error, the charge is there.
  const pool = new Proxy(database.pool, {
    get(target, name) {
      if (name !== "query") return Reflect.get(target, name, target);
      return async (config: { name?: string }, ...rest: []) => {
        const result = await target.query(config as never, ...rest);
        if (lossy.armed && config.name === "till-take") {
          lossy.armed = false;
          throw new Error("Connection terminated unexpectedly");
        }
        return result;
      };
    },
  });
  const charges = chargeTable(pool);
  await charges.settle(await hold(charges, charge(tokenId, 1_000n)));
  lossy.armed = true;
  await expect(charges.reserve(charge(tokenId, 1_000n))).rejects.toThrow();
  expect(await balance(tokenId)).toBe(3_000n);
  await charges.beat(at);
  expect(await balance(tokenId)).toBe(4_000n);
});

test("an answer that is ready survives a commit whose outcome is in doubt", async () => {
  const tokenId = await openAccount(5_000n);
  let broken = 2;
  const pool = new Proxy(database.pool, {
    get(target, name) {
      if (name !== "query") return Reflect.get(target, name, target);
      return async (config: { name?: string; values: unknown[] }, ...rest: []) => {
        const closes = config.name === "till-take" && config.values[4] === "{}";
        if (closes && broken-- > 0) throw new Error("Connection terminated unexpectedly");
        return target.query(config as never, ...rest);
      };
    },
  });
  const charges = chargeTable(pool);
  const chargeId = await hold(charges, charge(tokenId, 1_000n));
  expect(await charges.settle(chargeId)).toBe(true);
  await silence();
  expect(await process_().sweep(90, at)).toBe(0);
  expect(await balance(tokenId)).toBe(4_000n);
});

test("many accounts charged and settled at once from several processes: no deadlock, and the books balance", async () => {
  const accounts = await Promise.all(Array.from({ length: 60 }, () => openAccount(1_000_000n)));
  const processes = Array.from({ length: 4 }, process_);
  const one = async (index: number) => {
    const charges = processes[index % processes.length]!;
    const chargeId = await hold(charges, charge(accounts[(index * 7) % accounts.length]!, 1_000n));
    if (index % 11 === 0) expect(await charges.refund(chargeId, at)).toBe(true);
    else expect(await charges.settle(chargeId)).toBe(true);
  };
  await Promise.all(Array.from({ length: 3_000 }, (_, index) => one(index)));
});

test("an account that was never paid for holds nothing, and a revoked one neither", async () => {
  const tokenId = await openAccount(5_000n);
  await tokens().revoke(tokenId, at);
  expect(await process_().reserve(charge(tokenId, 1_000n))).toEqual({ held: false, reason: "revoked" });
  expect(await process_().reserve(charge(randomBytes(32), 1n))).toEqual({ held: false, reason: "unknown" });
});

test("a budget is spent to the msat by racing calls in two processes, and a refund fills it again", async () => {
  const tokenId = await openAccount(100_000n);
  const child = budget(5_500n);
  const processes = [process_(), process_()];
  const calls = Array.from({ length: 30 }, (_, i) =>
    processes[i % 2]!.reserve(charge(tokenId, 1_000n, { budgets: [child] })),
  );
  const results = await Promise.all(calls);
  expect(results.filter(({ held }) => held)).toHaveLength(5);
  expect(results.find(({ held }) => !held)).toEqual({ held: false, reason: "over-budget" });
  expect(await tokens().budgetSpent(child.budgetId)).toBe(5_000n);
  const [held] = results.flatMap((result, i) => (result.held ? [{ id: result.chargeId, i }] : []));
  await processes[held!.i % 2]!.refund(held!.id, at);
  expect(await tokens().budgetSpent(child.budgetId)).toBe(4_000n);
  expect(await balance(tokenId)).toBe(96_000n);
});

test("nested budgets all count, and one that refuses leaves the others untouched", async () => {
  const tokenId = await openAccount(100_000n);
  const [outer, inner] = [budget(10_000n), budget(2_000n)];
  const charges = process_();
  for (let i = 0; i < 2; i++) await hold(charges, charge(tokenId, 1_000n, { budgets: [outer, inner] }));
  const third = await charges.reserve(charge(tokenId, 1_000n, { budgets: [outer, inner] }));
  expect(third).toEqual({ held: false, reason: "over-budget" });
  expect(await tokens().budgetSpent(outer.budgetId)).toBe(2_000n);
  // The account itself refuses: nothing is taken from the budget.
  const poor = await openAccount(500n);
  expect(await charges.reserve(charge(poor, 1_000n, { budgets: [outer] }))).toMatchObject({ reason: "exhausted" });
  expect(await tokens().budgetSpent(outer.budgetId)).toBe(2_000n);
});

test("a retry key is charged once by racing requests; the kept answer is given again, another question refused", async () => {
  const tokenId = await openAccount(10_000n);
  const processes = [process_(), process_()];
  const ask = (i: number, question?: string) =>
    processes[i % 2]!.reserve(charge(tokenId, 1_000n, { retryKey: retryKey("k1", question) }));
  const racing = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(i)));
  const held = racing.findIndex((each) => each.held);
  expect(racing.filter((each) => !each.held)).toEqual(Array(19).fill({ held: false, reason: "in-progress" }));
  const winner = racing[held]!;
  if (!winner.held) throw new Error("nobody won");
  expect(await processes[held % 2]!.keepAnswer(winner.chargeId, '{"data":1}')).toBe(true);
  expect(await ask(0)).toEqual({ held: false, reason: "answered", body: '{"data":1}', left: 9_000n });
  expect(await ask(1, "another")).toEqual({ held: false, reason: "key-reused" });
  expect(await balance(tokenId)).toBe(9_000n);
});

test("a kept answer is earned though its process dies, and an unanswered key is free again", async () => {
  const tokenId = await openAccount(10_000n);
  const charges = process_();
  const kept = await hold(charges, charge(tokenId, 1_000n, { retryKey: retryKey("kept") }));
  // The answer is stored, and the process dies before it closes the charge.
  await database.pool.query("UPDATE kept_answer SET body = 'x' WHERE charge_id = $1", [kept]);
  const open = await hold(charges, charge(tokenId, 1_000n, { retryKey: retryKey("open") }));
  await silence();
  const other = process_();
  expect(await other.sweep(90, at)).toBe(1);
  expect(await charges.keepAnswer(open, "late")).toBe(false);
  expect(await other.reserve(charge(tokenId, 1_000n, { retryKey: retryKey("kept") }))).toMatchObject({ body: "x" });
  expect(await other.reserve(charge(tokenId, 1_000n, { retryKey: retryKey("open") }))).toMatchObject({ held: true });
  expect(await balance(tokenId)).toBe(8_000n);
});

test("a refused call leaves its retry key free", async () => {
  const tokenId = await openAccount(500n);
  const charges = process_();
  const ask = () => charges.reserve(charge(tokenId, 1_000n, { retryKey: retryKey("k") }));
  expect(await ask()).toEqual({ held: false, reason: "exhausted" });
  await tokens().credit({ tokenId, paymentHash: randomBytes(32), amount: msat(1_000n), settledAt: at, at });
  expect(await ask()).toMatchObject({ held: true, left: 500n });
});

test("kept answers are forgotten after their time, claimed keys are not", async () => {
  const tokenId = await openAccount(10_000n);
  const charges = process_();
  const old = unixSeconds(at - 100_000);
  const kept = await hold(charges, charge(tokenId, 1_000n, { retryKey: retryKey("kept"), at: old }));
  await charges.keepAnswer(kept, "x");
  await hold(charges, charge(tokenId, 1_000n, { retryKey: retryKey("open"), at: old }));
  await charges.forgetAnswers(86_400, at);
  const keys = await database.pool.query(
    "SELECT key FROM kept_answer JOIN token USING (account_id) WHERE token_id = $1",
    [tokenId],
  );
  expect(keys.rows).toEqual([{ key: "open" }]);
});

test("records of money can be added to and not changed", async () => {
  await openAccount(1_000n);
  for (const table of ["receipt", "deposit", "charge", "refund", "journal"]) {
    await expect(database.pool.query(`DELETE FROM ${table}`)).rejects.toThrow(/not allowed/);
    await expect(database.pool.query(`TRUNCATE ${table} CASCADE`)).rejects.toThrow(/not allowed/);
  }
  await expect(database.pool.query("UPDATE journal SET amount_msat = 1")).rejects.toThrow(/not allowed/);
  await expect(database.pool.query("UPDATE token SET balance_msat = -1")).rejects.toThrow(/balance_msat/);
});

test("a statement lists deposits and charges, newest first, in pages that meet", async () => {
  const tokenId = await openAccount(10_000n);
  const charges = process_();
  const first = await hold(charges, charge(tokenId, 1_000n, { at: unixSeconds(at + 1) }));
  await hold(charges, charge(tokenId, 2_000n, { at: unixSeconds(at + 1), operation: "other" }));
  await charges.refund(first, unixSeconds(at + 2));
  const page = await tokens().statement(tokenId, { before: undefined, limit: 2 });
  const rest = await tokens().statement(tokenId, { before: page[1], limit: 5 });
  expect([...page, ...rest].map(({ kind, amount, refundedAt }) => [kind, amount, refundedAt])).toEqual([
    ["charge", 2_000n, undefined],
    ["charge", 1_000n, at + 2],
    ["deposit", 10_000n, undefined],
  ]);
});

test("any sequence of verbs keeps the books balanced and no balance below zero", async () => {
  const charges = process_();
  const step = fc.record({
    verb: fc.constantFrom("credit", "reserve", "settle", "refund", "keep", "beat"),
    amount: fc.bigInt({ min: 1n, max: 5_000n }),
    pick: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const tokenId = await openAccount(3_000n);
      const child = budget(6_000n);
      const held: bigint[] = [];
      await Promise.all(
        steps.map(async ({ verb, amount, pick }, index) => {
          const chargeId = held[pick % Math.max(held.length, 1)] ?? 1n;
          if (verb === "credit")
            await tokens().credit({ tokenId, paymentHash: randomBytes(32), amount: msat(amount), settledAt: at, at });
          if (verb === "settle") await charges.settle(chargeId);
          if (verb === "refund") await charges.refund(chargeId, at);
          if (verb === "keep") await charges.keepAnswer(chargeId, "{}");
          if (verb === "beat") await charges.beat(at);
          if (verb !== "reserve") return;
          const special = [{}, { budgets: [child] }, { retryKey: retryKey(`k${index}`) }][pick % 3]!;
          const result = await charges.reserve(charge(tokenId, amount, special));
          if (result.held) held.push(result.chargeId);
        }),
      );
      const books = await checkBooks(database.pool);
      expect(books).toMatchObject({ differenceMsat: 0n, findings: [] });
    }),
    { numRuns: 60, endOnFailure: true },
  );
});
