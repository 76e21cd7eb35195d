/** Accounts that replace others: nothing is lost on the way, whoever asks how often, and whatever arrives late follows. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { toHex } from "../../core/bytes.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { accountMoveTable } from "./account-move.ts";
import { chargeTable } from "./charge.ts";
import { checkBooks } from "./reconciliation.ts";
import { tokenTable } from "./token.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(30);
});
afterAll(() => database.close());
afterEach(async () => expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] }));

const at = unixSeconds(1_790_000_000);
const tokens = () => tokenTable(database.pool);
const moves = () => accountMoveTable(database.pool);
const newId = () => new Uint8Array(randomBytes(32));
const key = () => new Uint8Array(randomBytes(32));
const pay = (tokenId: Uint8Array, amount: bigint) =>
  tokens().credit({ tokenId, paymentHash: randomBytes(32), amount: msat(amount), settledAt: at, at });
const balance = async (tokenId: Uint8Array) => (await tokens().account(tokenId))?.balance;
const charge = (tokenId: Uint8Array, amount: bigint) =>
  ({ tokenId, operation: "resolveIntent", amount: msat(amount), at, budgets: [] }) as const;

async function openAccount(amount: bigint): Promise<Uint8Array> {
  const tokenId = newId();
  await pay(tokenId, amount);
  return tokenId;
}
const sum = (amounts: (bigint | undefined)[]) => amounts.reduce<bigint>((total, each) => total + (each ?? 0n), 0n);

test("the whole balance moves, the old account is revoked, and both accounts say where the money is", async () => {
  const from = await openAccount(5_000n);
  const charges = chargeTable(database.pool);
  const spent = await charges.reserve(charge(from, 1_200n));
  if (!spent.held) throw new Error("not held");
  await charges.settle(spent.chargeId);
  const to = newId();
  expect(await moves().rotate({ from, to, keyDigest: key(), at })).toEqual({ rotated: true, tokenId: to });
  const old = await tokens().account(from);
  expect(old).toMatchObject({ balance: 0n, deposited: 5_000n, spent: 1_200n, revokedAt: at });
  const fresh = await tokens().account(to);
  expect(fresh).toMatchObject({ balance: 3_800n, deposited: 3_800n, spent: 0n, revokedAt: undefined });
  expect(await tokens().statement(to, { before: undefined, limit: 9 })).toMatchObject([
    { kind: "move", amount: 3_800n, at, operation: undefined },
  ]);
  expect(await charges.reserve(charge(from, 1n))).toEqual({ held: false, reason: "revoked" });
  expect((await charges.reserve(charge(to, 3_800n))).held).toBe(true);
  await charges.end(at);
});

test("50 parallel rotations with one key: one account, told to all of them", async () => {
  const from = await openAccount(7_000n);
  const keyDigest = key();
  const results = await Promise.all(
    Array.from({ length: 50 }, () => moves().rotate({ from, to: newId(), keyDigest, at })),
  );
  const ids = results.map((result) => (result.rotated ? toHex(result.tokenId) : result.reason));
  expect(new Set(ids).size).toBe(1);
  const [first] = results;
  if (!first?.rotated) throw new Error("not rotated");
  expect(await balance(first.tokenId)).toBe(7_000n);
  const opened = await database.pool.query(
    "SELECT count(*)::integer AS n FROM rotation JOIN token ON account_id = from_account_id WHERE token_id = $1",
    [from],
  );
  expect(opened.rows[0].n).toBe(1);
});

test("50 parallel rotations, each with its own key: one of them owns the balance, the others are refused", async () => {
  const from = await openAccount(7_000n);
  const asked = Array.from({ length: 50 }, () => ({ from, to: newId(), keyDigest: key(), at }));
  const results = await Promise.all(asked.map((rotation) => moves().rotate(rotation)));
  const won = results.flatMap((result) => (result.rotated ? [result.tokenId] : []));
  expect(won).toHaveLength(1);
  expect(
    new Set(results.filter(({ rotated }) => !rotated).map((result) => (result.rotated ? "" : result.reason))),
  ).toEqual(new Set(["revoked"]));
  expect(sum(await Promise.all(asked.map(({ to }) => balance(to))))).toBe(7_000n);
  expect(await balance(won[0]!)).toBe(7_000n);
});

test("an account nobody paid for, and one the operator withdrew, are not replaced", async () => {
  expect(await moves().rotate({ from: newId(), to: newId(), keyDigest: key(), at })).toEqual({
    rotated: false,
    reason: "unknown",
  });
  const from = await openAccount(1_000n);
  await tokens().revoke(from, at);
  expect(await moves().rotate({ from, to: newId(), keyDigest: key(), at })).toEqual({
    rotated: false,
    reason: "revoked",
  });
  expect(await balance(from)).toBe(1_000n);
});

test("a running call keeps its price; what it gives back, and what is paid late, follows", async () => {
  const from = await openAccount(5_000n);
  const charges = chargeTable(database.pool);
  const held = await charges.reserve(charge(from, 2_000n));
  if (!held.held) throw new Error("not held");
  const [to, keyDigest] = [newId(), key()];
  await moves().rotate({ from, to, keyDigest, at });
  expect(await balance(to)).toBe(3_000n);

  await charges.refund(held.chargeId, at);
  await pay(from, 4_000n);
  expect(await balance(from)).toBe(6_000n);
  expect(await moves().followAll(at)).toBe(1);
  expect(await moves().followAll(at)).toBe(0);
  expect([await balance(from), await balance(to)]).toEqual([0n, 9_000n]);

  // Long after, whoever has the key brings it along by asking again.
  await pay(from, 500n);
  const later = unixSeconds(at + 400_000);
  expect(await moves().followAll(later)).toBe(0);
  expect(await moves().rotate({ from, to: newId(), keyDigest, at: later })).toEqual({ rotated: true, tokenId: to });
  expect(await balance(to)).toBe(9_500n);
  await charges.end(at);
});

test("an empty account is replaced too, and a replaced one again", async () => {
  const first = await openAccount(900n);
  const charges = chargeTable(database.pool);
  await charges.reserve(charge(first, 900n)).then((result) => result.held && charges.settle(result.chargeId));
  const [second, third] = [newId(), newId()];
  await moves().rotate({ from: first, to: second, keyDigest: key(), at });
  await pay(second, 300n);
  await moves().rotate({ from: second, to: third, keyDigest: key(), at });
  expect(await Promise.all([first, second, third].map(balance))).toEqual([0n, 0n, 300n]);
  await charges.end(at);
});

test("in any order of calls, payments, rotations and refunds, from two processes, nothing is lost or made", async () => {
  type World = { ids: Uint8Array[]; paid: bigint; earned: bigint };
  type Charges = ReturnType<typeof chargeTable>;
  const hold = async (charges: Charges, from: Uint8Array, amount: bigint) => {
    const result = await charges.reserve(charge(from, amount));
    return result.held ? result.chargeId : undefined;
  };
  const ACTIONS = {
    async pay(world: World, from: Uint8Array, amount: bigint) {
      world.paid += amount;
      await pay(from, amount);
    },
    async rotate(world: World, from: Uint8Array) {
      const to = newId();
      if ((await moves().rotate({ from, to, keyDigest: key(), at })).rotated) world.ids.push(to);
    },
    async follow() {
      await moves().followAll(at);
    },
    async fail(_world: World, from: Uint8Array, amount: bigint, charges: Charges) {
      const chargeId = await hold(charges, from, amount);
      if (chargeId !== undefined) await charges.refund(chargeId, at);
    },
    async call(world: World, from: Uint8Array, amount: bigint, charges: Charges) {
      const chargeId = await hold(charges, from, amount);
      if (chargeId !== undefined && (await charges.settle(chargeId))) world.earned += amount;
    },
  };
  const step = fc.record({
    what: fc.constantFrom(...(Object.keys(ACTIONS) as (keyof typeof ACTIONS)[])),
    amount: fc.bigInt({ min: 1n, max: 900n }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const processes = [chargeTable(database.pool), chargeTable(database.pool)];
      const world: World = { ids: [await openAccount(2_000n)], paid: 2_000n, earned: 0n };
      await Promise.all(
        steps.map(({ what, amount }, index) => ACTIONS[what](world, world.ids.at(-1)!, amount, processes[index % 2]!)),
      );
      await Promise.all(processes.map((charges) => charges.end(at)));
      for (let round = 0; round < steps.length; round++) if ((await moves().followAll(at)) === 0) break;
      expect(sum(await Promise.all(world.ids.map(balance)))).toBe(world.paid - world.earned);
      expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
    }),
    { numRuns: 15 },
  );
});

test("a statement gives each line once, whatever the page, and through lines of one second", async () => {
  const from = await openAccount(50_000n);
  const charges = chargeTable(database.pool);
  for (let i = 0; i < 23; i++) {
    const time = unixSeconds(at + Math.floor(i / 5));
    const result = await charges.reserve({ ...charge(from, BigInt(i + 1)), at: time });
    if (result.held && i % 4 === 0) await charges.refund(result.chargeId, time);
    if (i % 6 === 0)
      await tokens().credit({
        tokenId: from,
        paymentHash: randomBytes(32),
        amount: msat(10n),
        settledAt: at,
        at: time,
      });
  }
  const whole = await tokens().statement(from, { before: undefined, limit: 100 });
  expect(whole).toHaveLength(23 + 4 + 1);
  expect(whole.filter(({ refundedAt }) => refundedAt !== undefined)).toHaveLength(6);
  for (const limit of [1, 2, 3, 7]) {
    const seen = [];
    for (let before: { at: number; reference: string } | undefined; ; ) {
      const page = await tokens().statement(from, { before, limit });
      seen.push(...page);
      before = page.at(-1);
      if (page.length < limit) break;
    }
    expect(seen).toEqual(whole);
  }
  expect([...whole].sort((a, b) => b.at - a.at || (a.reference < b.reference ? 1 : -1))).toEqual(whole);
  await charges.end(at);
});
