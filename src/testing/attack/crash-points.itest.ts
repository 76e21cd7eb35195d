/**
 * Each verb of the ledger, by a process that dies before or after each of its statements, or loses its connection there; another
 * one sweeps, and asks again.
 */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accountMoveTable } from "../../adapters/postgres/account-move.ts";
import { chargeTable } from "../../adapters/postgres/charge.ts";
import { checkBooks } from "../../adapters/postgres/reconciliation.ts";
import { tokenTable } from "../../adapters/postgres/token.ts";
import { errorCode } from "../../core/errors.ts";
import type { Budget, Charge } from "../../core/l402/account.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";
import { type Fault, openMortalPool } from "./mortal-pool.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(20);
});
afterAll(() => database.close());

const at = unixSeconds(1_790_000_000);
const PAID = 10_000n;
const PRICE = 1_000n;

type Process = ReturnType<typeof processOn>;
function processOn(pool: TestDatabase["pool"]) {
  return { charges: chargeTable(pool), tokens: tokenTable(pool), moves: accountMoveTable(pool) };
}
const survivor = () => processOn(database.pool);

type Account = { tokenId: Uint8Array; budget: Budget; key: string };
async function openAccount(): Promise<Account> {
  const tokenId = randomBytes(32);
  await survivor().tokens.credit({ tokenId, paymentHash: randomBytes(32), amount: msat(PAID), settledAt: at, at });
  return {
    tokenId,
    budget: { budgetId: randomBytes(32), limit: msat(3n * PRICE) },
    key: randomBytes(8).toString("hex"),
  };
}

const plain = ({ tokenId }: Account): Charge => ({ tokenId, operation: "toll", amount: msat(PRICE), at, budgets: [] });
const budgeted = (account: Account): Charge => ({ ...plain(account), budgets: [account.budget] });
const keyed = (account: Account): Charge => ({
  ...budgeted(account),
  retryKey: { key: account.key, fingerprint: Buffer.alloc(32, 7) },
});

async function hold({ charges }: Process, charge: Charge): Promise<bigint> {
  const reservation = await charges.reserve(charge);
  if (!reservation.held) throw new Error(`not held: ${reservation.reason}`);
  return reservation.chargeId;
}
const balance = async ({ tokenId }: Account) => (await survivor().tokens.account(tokenId))?.balance;
const spent = ({ budget }: Account) => survivor().tokens.budgetSpent(budget.budgetId);

/** Everybody else is silent: whoever is dead is swept. The statement waits for what a dead process had locked. */
async function sweep(): Promise<void> {
  await database.pool.query("UPDATE till SET beat_at = 0 WHERE ended_at IS NULL");
  await survivor().charges.sweep(90, at);
}

/** After the sweep: nothing is held, and what is gone from the account is gone from the budget too. */
async function expectTaken(account: Account, taken: bigint, fromBudget = taken): Promise<void> {
  const view = await survivor().tokens.account(account.tokenId);
  expect(view).toMatchObject({ balance: PAID - taken, held: 0n, spent: taken });
  expect(await spent(account)).toBe(fromBudget);
}

/** The same request again, in another process: served once in all. */
async function expectRetry(account: Account, answered: string | undefined): Promise<void> {
  const again = survivor();
  const retry = await again.charges.reserve(keyed(account));
  if (answered !== undefined) return expect(retry).toMatchObject({ held: false, reason: "answered", body: answered });
  if (!retry.held) throw new Error(`the key is stuck: ${retry.reason}`);
  expect(await again.charges.keepAnswer(retry.chargeId, "again")).toBe(true);
  expect(await survivor().charges.reserve(keyed(account))).toMatchObject({ reason: "answered", body: "again" });
  await again.charges.end(at);
  await expectTaken(account, PRICE);
}

async function expectWhole(account: Account): Promise<void> {
  expect([await balance(account), await spent(account)]).toEqual([PAID, 0n]);
}

type Scenario<State = unknown> = {
  /** How many statements the verb needs at least, or the test would show nothing. */
  points: number;
  prepare(process: Process): Promise<State>;
  run(process: Process, state: State): Promise<unknown>;
  /** `result` is absent when the process died on the way. */
  check(state: State, result: unknown): Promise<void>;
  /** What a process that lost its connection, and was told so, has made up for without any sweep. */
  healed?(state: State): Promise<void>;
};
const scenario = <State>(each: Scenario<State>) => each as Scenario;

const scenarios: Record<string, Scenario> = {
  credit: scenario({
    points: 6,
    prepare: async () => ({ tokenId: randomBytes(32), paymentHash: randomBytes(32) }),
    run: ({ tokens }, ids) => tokens.credit({ ...ids, amount: msat(PAID), settledAt: at, at }),
    async check(ids, result) {
      const credited = (await survivor().tokens.account(ids.tokenId))?.balance ?? 0n;
      expect([0n, PAID]).toContain(credited);
      if (result !== undefined) expect([result, credited]).toEqual([true, PAID]);
      const again = await survivor().tokens.credit({ ...ids, amount: msat(PAID), settledAt: at, at });
      expect(again).toBe(credited === 0n);
      expect((await survivor().tokens.account(ids.tokenId))?.balance).toBe(PAID);
    },
  }),
  "reserve, plain": scenario({
    points: 2,
    prepare: openAccount,
    healed: expectWhole,
    run: (process, account) => hold(process, plain(account)),
    check: (account) => expectTaken(account, 0n),
  }),
  "reserve, from an account that cannot pay": scenario({
    points: 3,
    prepare: openAccount,
    run: ({ charges }, account) => charges.reserve({ ...plain(account), amount: msat(PAID + 1n) }),
    check: (account) => expectTaken(account, 0n),
  }),
  "reserve, with a budget": scenario({
    points: 6,
    prepare: openAccount,
    healed: expectWhole,
    run: (process, account) => hold(process, budgeted(account)),
    check: (account) => expectTaken(account, 0n),
  }),
  "reserve, with a key and a budget": scenario({
    points: 8,
    prepare: openAccount,
    healed: expectWhole,
    run: (process, account) => hold(process, keyed(account)),
    async check(account) {
      await expectTaken(account, 0n);
      await expectRetry(account, undefined);
    },
  }),
  "keep an answer, and close": scenario({
    points: 2,
    async prepare(process) {
      const account = await openAccount();
      return { account, chargeId: await hold(process, keyed(account)) };
    },
    async run(process, { chargeId }) {
      const kept = await process.charges.keepAnswer(chargeId, "the answer");
      await process.charges.beat(at);
      return kept;
    },
    async check({ account }, result) {
      const taken = PAID - ((await balance(account)) ?? 0n);
      expect([0n, PRICE]).toContain(taken);
      if (result !== undefined) expect([result, taken]).toEqual([true, PRICE]);
      await expectTaken(account, taken);
      await expectRetry(account, taken === PRICE ? "the answer" : undefined);
    },
  }),
  settle: scenario({
    points: 1,
    async prepare(process) {
      const account = await openAccount();
      const chargeIds = [];
      for (let i = 0; i < 3; i++) chargeIds.push(await hold(process, plain(account)));
      return { account, chargeId: chargeIds[1]! };
    },
    run: ({ charges }, { chargeId }) => charges.settle(chargeId),
    async check({ account }, result) {
      const taken = PAID - ((await balance(account)) ?? 0n);
      expect([0n, PRICE]).toContain(taken);
      // An answer leaves after a settlement: then it must stay earned.
      if (result !== undefined) expect([result, taken]).toEqual([true, PRICE]);
      await expectTaken(account, taken, 0n);
    },
  }),
  "settle, with a budget": scenario({
    points: 3,
    async prepare(process) {
      const account = await openAccount();
      return { account, chargeId: await hold(process, budgeted(account)) };
    },
    run: ({ charges }, { chargeId }) => charges.settle(chargeId),
    async check({ account }, result) {
      const taken = PAID - ((await balance(account)) ?? 0n);
      expect([0n, PRICE]).toContain(taken);
      if (result !== undefined) expect([result, taken]).toEqual([true, PRICE]);
      await expectTaken(account, taken);
    },
  }),
  refund: scenario({
    points: 6,
    async prepare(process) {
      const account = await openAccount();
      return { account, chargeId: await hold(process, keyed(account)) };
    },
    healed: ({ account }) => expectWhole(account),
    run: ({ charges }, { chargeId }) => charges.refund(chargeId, at),
    async check({ account, chargeId }) {
      await expectTaken(account, 0n);
      expect(await survivor().charges.refund(chargeId, at)).toBe(false);
      await expectRetry(account, undefined);
    },
  }),
  "beat, after a refund that failed": scenario({
    points: 8,
    async prepare(process) {
      const account = await openAccount();
      const chargeId = await hold(process, keyed(account));
      const lock = await database.pool.connect();
      // The account is locked for longer than the refund may wait.
      await lock.query("BEGIN");
      await lock.query("SELECT 1 FROM token WHERE token_id = $1 FOR UPDATE", [account.tokenId]);
      const refund = process.charges.refund(chargeId, at).catch(() => undefined);
      await cancelWaiting();
      await refund;
      await lock.query("ROLLBACK");
      lock.release();
      expect(await balance(account)).toBe(PAID - PRICE);
      return account;
    },
    run: ({ charges }) => charges.beat(at),
    async check(account) {
      await expectTaken(account, 0n);
      await expectRetry(account, undefined);
    },
  }),
  sweep: scenario({
    points: 12,
    async prepare() {
      const account = await openAccount();
      const dead = survivor();
      await hold(dead, plain(account));
      const kept = await hold(dead, keyed(account));
      await hold(dead, budgeted(account));
      await database.pool.query("UPDATE kept_answer SET body = 'the answer' WHERE charge_id = $1", [kept]);
      await database.pool.query("UPDATE till SET beat_at = 0 WHERE ended_at IS NULL");
      return account;
    },
    run: ({ charges }) => charges.sweep(90, at),
    async check(account) {
      await expectTaken(account, PRICE);
      await expectRetry(account, "the answer");
    },
  }),
  end: scenario({
    points: 12,
    async prepare(process) {
      const account = await openAccount();
      const settled = await hold(process, plain(account));
      await hold(process, plain(account));
      await hold(process, keyed(account));
      await process.charges.settle(settled);
      return account;
    },
    run: ({ charges }) => charges.end(at),
    async check(account) {
      await expectTaken(account, PRICE, 0n);
      await survivor()
        .charges.reserve(keyed(account))
        .then((retry) => expect(retry).toMatchObject({ held: true }));
    },
  }),
  "rotate an account": scenario({
    points: 8,
    prepare: async () => ({ from: await openAccount(), to: randomBytes(32), keyDigest: randomBytes(32) }),
    run: ({ moves }, { from, to, keyDigest }) => moves.rotate({ from: from.tokenId, to, keyDigest, at }),
    async check({ from, to, keyDigest }, result) {
      if (result !== undefined) expect(result).toEqual({ rotated: true, tokenId: to });
      const moved = (await survivor().tokens.account(to))?.balance ?? 0n;
      expect(moved + ((await balance(from)) ?? 0n)).toBe(PAID);
      const again = await survivor().moves.rotate({ from: from.tokenId, to: randomBytes(32), keyDigest, at });
      if (!again.rotated) throw new Error(`the account is lost: ${again.reason}`);
      expect((await survivor().tokens.account(again.tokenId))?.balance).toBe(PAID);
      expect(await survivor().charges.reserve(plain(from))).toEqual({ held: false, reason: "revoked" });
    },
  }),
};

/** Ends the statement that waits for a lock, once there is one, as a server that goes down would. */
async function cancelWaiting(): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const { rows } = await database.pool.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    );
    if (rows.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("nothing waits for the lock");
}

/** One verb with one fault. @returns whether the fault was reached */
async function attempt(each: Scenario, fault: Fault): Promise<boolean> {
  const { pool, arm, died, struck } = openMortalPool(database.pool);
  const process = processOn(pool);
  const state = await each.prepare(process);
  arm(fault);
  const run = each.run(process, state).then(
    (result) => ({ result: result ?? true }),
    (error: unknown) => ({ error }),
  );
  const ended = await Promise.race([run, died]);
  arm(undefined);
  if (ended !== "died") {
    // Who lives on makes up for it by itself; what runs in the background may still have met its end.
    if ("error" in ended) expect(errorCode(ended.error)).toBe("DATABASE_UNAVAILABLE");
    for (let i = 0; i < 2; i++) await Promise.race([process.charges.beat(at), died]);
    if ("error" in ended) await each.healed?.(state);
  }
  await sweep();
  await each.check(state, ended !== "died" && "result" in ended ? ended.result : undefined);
  expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
  return struck();
}

test.each(Object.entries(scenarios))(
  "%s: a crash or a lost connection around any of its statements loses nothing and gives nothing away",
  async (_, each) => {
    for (const what of ["death", "loss"] as const) {
      for (const when of ["before", "after"] as const) {
        let points = 0;
        while (await attempt(each, { nth: points + 1, when, what })) points += 1;
        expect(points).toBeGreaterThanOrEqual(each.points);
      }
    }
  },
  60_000,
);
