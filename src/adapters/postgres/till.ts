/**
 * Table `till`: one stream of commits of one api process, through which prices are held and charges are closed.
 *
 * What arrives while a commit is under way waits for it and goes along with the next one, so that one statement holds and
 * closes many; a free till waits for nothing. Every caller is answered after its own commit. A charge is a row that is
 * written once: that it is closed is said by the till's row, which states the whole truth each time, so that repeating a
 * statement whose outcome is unknown does no harm.
 */
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { Charge, Reservation } from "../../core/l402/account.ts";
import { msat } from "../../core/units.ts";
import { type Database, translated, wasRolledBack } from "./connect.ts";
import { openNumbers } from "./open-numbers.ts";
import { chargeIdOf, NUMBERS, type Steps, type Taken, take, takeCarefully, tillOf } from "./take.ts";

/** Most charges in one statement. */
const BATCH = 256;
/** Most calls waiting; beyond it callers are refused at once instead of waiting ever longer. */
const QUEUE = 10_000;
/** How often a call is tried again when others on its account were faster, or the database rolled a batch back. */
const ATTEMPTS = 5;
/** Of calls held one by one, the oldest is held at the latest after so many younger ones of other accounts. */
const ROUND = 64;
const RETRY_MS = 200;
const MAX_RETRY_MS = 5_000;

/** Calls on one account. */
type Group = { tokenIdHex: string; total: bigint; chargeIds: bigint[]; asks: Ask[] };
type Ask = {
  charge: Charge;
  tokenIdHex: string;
  attempt: number;
  resolve(result: Reservation): void;
  reject(error: unknown): void;
};
/** Closing one number. What is `certain` is said with whichever commit comes through; the rest is given up in the end. */
type Close = {
  of: bigint;
  number: number;
  certain: boolean;
  attempt: number;
  resolve(closed: boolean): void;
  reject(error: unknown): void;
};

export type TillHooks = {
  /** Why an account was not charged, and what would be. */
  standing(charge: Charge): Promise<Standing>;
  /** Whether these were charged is not known: they must be given back if they were. */
  onDoubt(chargeIds: bigint[]): void;
  /** Without steps, prices are held in batches; with them, one by one. */
  steps?: Steps;
};

/** An account as a refusal sees it; `withinReach` adds what running calls hold to the balance. */
export type Standing = "unknown" | "revoked" | { balance: bigint; withinReach: bigint };

export type Till = ReturnType<typeof openTill>;

export function openTill(database: Database, hooks: TillHooks) {
  const asks: Ask[] = [];
  const closes: Close[] = [];
  /** Closed by the last commit; their callers are not told yet. */
  let closed: Close[] = [];
  const later = new Map<Close, NodeJS.Timeout>();
  let tillId: bigint | undefined;
  let batch = 0;
  let numbers = openNumbers();
  let busy = false;
  let scheduled = false;

  /** One call of each account that waits, in order of arrival, then again: who asks much delays itself, and nobody else. */
  const served = new Set<string>();
  const nextInTurn = (): Ask[] => {
    let index = asks.findIndex(({ tokenIdHex }) => !served.has(tokenIdHex));
    if (index === -1 || served.size >= ROUND) {
      served.clear();
      index = 0;
    }
    const next = asks.splice(index, 1);
    for (const { tokenIdHex } of next) served.add(tokenIdHex);
    return next;
  };

  const schedule = (): void => {
    if (busy || scheduled) return;
    scheduled = true;
    // At the end of this turn of the event loop: what arrived with it goes along.
    setImmediate(async () => {
      scheduled = false;
      const told = closed.splice(0);
      const isWork = asks.length > 0 || closes.length > 0;
      busy = isWork;
      const committed = isWork && commit(hooks.steps ? nextInTurn() : asks.splice(0, BATCH), closes.splice(0));
      // Their answers are written while the database works on the next commit, and not before it is sent.
      for (const each of told) each.resolve(true);
      await committed;
      busy = false;
      if (asks.length + closes.length + closed.length > 0) schedule();
    });
  };

  /** One commit. Its callers are answered from here, whatever happens; it never throws. */
  const commit = async (taking: Ask[], queued: Close[]): Promise<void> => {
    let groups: Group[] = [];
    let closing = queued;
    try {
      tillId ??= await openRow(database);
      // Those of an ended till were given back with it.
      for (const each of queued) if (each.of !== tillId) each.resolve(false);
      closing = queued.filter(({ of }) => of === tillId);
      const closedNumbers = closing.map(({ number }) => number);
      // The careful way states its row twice.
      batch += 2;
      const stated = { tillId, ...numbers.without(closedNumbers), batch };
      groups = gather(taking, chargeIdOf(tillId, BigInt(numbers.take(taking.length))));
      const { rows, instead } = hooks.steps
        ? await takeCarefully(database, hooks.steps, stated, groups[0])
        : { rows: await take(database, stated, groups) };
      if (rows.length === 0) return restart(taking, closing);
      numbers.close(closedNumbers);
      closed = closing;
      if (instead) replace(groups, instead);
      else answer(groups, rows);
    } catch (error) {
      recover(error, taking, groups, closing);
    }
  };

  /** After a commit that failed, or whose outcome is in doubt. */
  const recover = (error: unknown, taking: Ask[], groups: Group[], closing: Close[]): void => {
    const chargeIds = groups.flatMap((group) => group.chargeIds);
    const again = wasRolledBack(error) && taking.every(({ attempt }) => attempt < ATTEMPTS);
    if (again) {
      chargeIds.forEach(forget);
      asks.unshift(...taking.map((each) => ({ ...each, attempt: each.attempt + 1 })));
    } else {
      for (const each of taking) each.reject(error);
      hooks.onDoubt(chargeIds);
    }
    for (const each of closing) {
      if (each.certain || each.attempt < ATTEMPTS) closeLater(each);
      else each.reject(error);
    }
  };

  /** Closing again does no harm, and giving up would take back an answer that is ready. */
  const closeLater = (close: Close): void => {
    const pauseMs = Math.min(RETRY_MS * close.attempt, MAX_RETRY_MS);
    const again = { ...close, attempt: close.attempt + 1 };
    later.set(again, setTimeout(() => closeNow(again), pauseMs).unref());
  };
  const closeNow = (close: Close): void => {
    clearTimeout(later.get(close));
    later.delete(close);
    closes.push(close);
    schedule();
  };

  /** Somebody took this process for dead and gave back what it held: it begins anew. Nothing was taken by this batch. */
  const restart = (taking: Ask[], closing: Close[]): void => {
    tillId = undefined;
    numbers = openNumbers();
    asks.unshift(...taking);
    for (const each of closing) each.resolve(false);
  };

  const replace = (groups: Group[], instead: Reservation): void => {
    for (const { asks, chargeIds } of groups) {
      for (const each of asks) each.resolve(instead);
      chargeIds.forEach(forget);
    }
  };

  const answer = (groups: Group[], rows: Taken[]): void => {
    const balances = new Map(rows.map(({ slot, balance_msat }) => [Number(slot), balance_msat]));
    for (const [index, group] of groups.entries()) {
      const balance = balances.get(index + 1);
      if (balance === undefined) void refuse(group);
      else grant(group, balance);
    }
  };

  /** Not all calls of an account could be held: as many as its balance covers try again, the others hear why. */
  const refuse = async ({ asks: refused, chargeIds }: Group): Promise<void> => {
    chargeIds.forEach(forget);
    try {
      const account = await hooks.standing(refused[0]!.charge);
      let left = typeof account === "string" ? 0n : account.balance;
      for (const each of refused) {
        const { amount } = each.charge;
        if (typeof account === "string") each.resolve({ held: false, reason: account });
        else if (amount <= left && each.attempt < ATTEMPTS) {
          left -= amount;
          asks.push({ ...each, attempt: each.attempt + 1 });
        } else each.resolve({ held: false, reason: account.withinReach >= amount ? "busy" : "exhausted" });
      }
      schedule();
    } catch (error) {
      for (const each of refused) each.reject(error);
    }
  };

  const enqueue = (of: bigint, number: number, certain: boolean): Promise<boolean> =>
    new Promise((resolve, reject) => {
      closes.push({ of, number, certain, attempt: 1, resolve, reject });
      schedule();
    });
  const closeCharge = (chargeId: bigint, certain: boolean): Promise<boolean> => {
    const of = tillOf(chargeId);
    return of === tillId ? enqueue(of, Number(chargeId % BigInt(NUMBERS)), certain) : Promise.resolve(false);
  };
  /** Closes a charge that nobody waits for: one that was never made, was given back, or whose answer is kept. */
  const forget = (chargeId: bigint): void => void closeCharge(chargeId, true);

  return {
    forget,
    /** Says that a charge is answered. Idempotent; false when the till was ended, and the charge given back with it. */
    close: (chargeId: bigint): Promise<boolean> => closeCharge(chargeId, false),
    /** Holds a price, together with those that arrive meanwhile. Atomic. */
    take(charge: Charge): Promise<Reservation> {
      return new Promise((resolve, reject) => {
        if (asks.length >= QUEUE) {
          reject(new OracleError("DATABASE_UNAVAILABLE", "too much waits for the database; try again in a moment"));
          return;
        }
        asks.push({ charge, tokenIdHex: toHex(charge.tokenId), attempt: 1, resolve, reject });
        schedule();
      });
    },
    /** Says that this process lives; the number is nobody's. */
    async beat(): Promise<void> {
      for (const close of [...later.keys()]) closeNow(close);
      if (tillId !== undefined) await enqueue(tillId, 0, false);
    },
    /** The row's id, when there is one. */
    id: (): bigint | undefined => tillId,
  };
}

async function openRow(database: Database): Promise<bigint> {
  const text = `INSERT INTO till (opened_at, beat_at)
    SELECT at, at FROM (SELECT extract(epoch FROM now())::bigint AS at) clock RETURNING till_id`;
  const { rows } = await translated(database.query({ name: "till-open", text }));
  return rows[0].till_id;
}

/** Calls by account, in order of arrival, with ids that follow each other from `firstId`. */
function gather(taking: Ask[], firstId: bigint): Group[] {
  const groups = new Map<string, Group>();
  for (const [index, ask] of taking.entries()) {
    const { tokenIdHex } = ask;
    let group = groups.get(tokenIdHex);
    if (!group) {
      group = { tokenIdHex, total: 0n, chargeIds: [], asks: [] };
      groups.set(tokenIdHex, group);
    }
    group.total += ask.charge.amount;
    group.chargeIds.push(firstId + BigInt(index));
    group.asks.push(ask);
  }
  return [...groups.values()];
}

/** First come, first served: each call saw the balance that the ones after it had not yet lowered. */
function grant(group: Group, balance: bigint): void {
  let left = balance + group.total;
  for (const [index, { charge, resolve }] of group.asks.entries()) {
    left -= charge.amount;
    resolve({ held: true, chargeId: group.chargeIds[index]!, left: msat(left) });
  }
}
