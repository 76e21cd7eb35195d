/** A till whose database fails it at the worst moment: lost connections, deadlocks, outages, and being taken for dead. */
import { randomBytes } from "node:crypto";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { chargeTable } from "../../adapters/postgres/charge.ts";
import { checkBooks } from "../../adapters/postgres/reconciliation.ts";
import { tokenTable } from "../../adapters/postgres/token.ts";
import type { Charge } from "../../core/l402/account.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(20);
});
afterAll(() => database.close());
beforeEach(async () => {
  await silence();
  await other().sweep(90, at);
});
afterEach(async () => expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] }));

const at = unixSeconds(1_790_000_000);
const other = () => chargeTable(database.pool);
const silence = () => database.pool.query("UPDATE till SET beat_at = 0 WHERE ended_at IS NULL");
const charge = (tokenId: Uint8Array, amount: bigint, more: Partial<Charge> = {}): Charge => ({
  tokenId,
  operation: "toll",
  amount: msat(amount),
  at,
  budgets: [],
  ...more,
});

async function openAccount(amount: bigint): Promise<Uint8Array> {
  const tokenId = randomBytes(32);
  const payment = { tokenId, paymentHash: randomBytes(32), amount: msat(amount), settledAt: at, at };
  await tokenTable(database.pool).credit(payment);
  return tokenId;
}
const balance = async (tokenId: Uint8Array) => (await tokenTable(database.pool).account(tokenId))?.balance;

async function hold(charges: ReturnType<typeof chargeTable>, next: Charge): Promise<bigint> {
  const reservation = await charges.reserve(next);
  if (!reservation.held) throw new Error(`not held: ${reservation.reason}`);
  return reservation.chargeId;
}

/** A process whose commits fail, before they reach the server, for as long as `failing` says so. */
function faultyProcess() {
  const faults: { failing: () => Error | undefined } = { failing: () => undefined };
  const pool = new Proxy(database.pool, {
    get(target, name) {
      if (name !== "query" && name !== "connect") return Reflect.get(target, name, target);
      return async (...args: [{ name?: string }]) => {
        const error = name === "connect" || args[0].name === "till-take" ? faults.failing() : undefined;
        if (error) throw error;
        return name === "connect" ? target.connect() : target.query(...(args as unknown as [string]));
      };
    },
  }) as pg.Pool;
  return { faults, charges: chargeTable(pool) };
}

const lost = () => new Error("Connection terminated unexpectedly");
const times = (count: number, error: () => Error) => {
  let left = count;
  return () => (left-- > 0 ? error() : undefined);
};
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a settlement that waits to be repeated while its till is ended earns nothing, and touches no later charge", async () => {
  const tokenId = await openAccount(10_000n);
  const { charges, faults } = faultyProcess();
  const first = await hold(charges, charge(tokenId, 1_000n));
  faults.failing = times(1, lost);
  const settled = charges.settle(first);
  await sleep(20);
  await silence();
  expect(await other().sweep(90, at)).toBe(1);
  // The process goes on in another till before the settlement is repeated.
  await hold(charges, charge(tokenId, 1_000n));
  expect.soft(await settled).toBe(false);
  // Nobody settled the second call: when its process dies, its price comes back.
  await silence();
  expect.soft(await other().sweep(90, at)).toBe(1);
  expect.soft(await balance(tokenId)).toBe(10_000n);
});

test("a deadlock leaves no number open: what a till's row lists stays short", async () => {
  const tokenId = await openAccount(100_000n);
  const { charges, faults } = faultyProcess();
  await charges.settle(await hold(charges, charge(tokenId, 1_000n)));
  faults.failing = times(1, () => Object.assign(new Error("deadlock detected"), { code: "40P01" }));
  for (let i = 0; i < 20; i++) await charges.settle(await hold(charges, charge(tokenId, 1_000n)));
  const { rows } = await database.pool.query("SELECT cardinality(still_open) AS open FROM till WHERE ended_at IS NULL");
  expect(Math.max(...rows.map(({ open }) => open))).toBeLessThan(3);
});

test("after an outage no number stays open, and an empty account is asked to pay instead of to wait", async () => {
  const tokenId = await openAccount(2_000n);
  const { charges, faults } = faultyProcess();
  const kept = await hold(charges, charge(tokenId, 1_000n, { retryKey: { key: "k", fingerprint: Buffer.alloc(32) } }));
  // The answer is kept, and no commit of a till arrives for longer than one is repeated.
  faults.failing = lost;
  expect(await charges.keepAnswer(kept, "{}")).toBe(true);
  await sleep(2_000);
  faults.failing = () => undefined;
  await charges.settle(await hold(charges, charge(tokenId, 1_000n)));
  for (let i = 0; i < 3; i++) await charges.beat(at);
  expect(await charges.reserve(charge(tokenId, 1_000n))).toEqual({ held: false, reason: "exhausted" });
});

test("a process that stops in the middle of a transaction does not stop the others", async () => {
  const [stuck, free] = await Promise.all([openAccount(5_000n), openAccount(5_000n)]);
  const paused = await database.pool.connect();
  paused.on("error", () => undefined);
  await paused.query("BEGIN");
  await paused.query("SELECT 1 FROM token WHERE token_id = $1 FOR UPDATE", [stuck]);
  const charges = other();
  const calls = [charges.reserve(charge(stuck, 1_000n)), charges.reserve(charge(free, 1_000n))];
  try {
    expect(await Promise.all(calls)).toMatchObject([{ held: true }, { held: true }]);
  } finally {
    paused.release(true);
  }
});
