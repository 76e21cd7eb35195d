/**
 * Table `till`: one stream of commits of one api process, through which prices are held and charges are closed.
 *
 * What arrives while a commit is under way waits for it and goes along with the next one, so that one statement holds and
 * closes many; a free till waits for nothing. Every caller is answered after its own commit. A charge is a row that is
 * written once: that it is closed is said by the till's row, which states the whole truth each time, so that repeating a
 * statement whose outcome is unknown does no harm.
 */
import { toHex } from "../../core/bytes.js";
import { OracleError } from "../../core/errors.js";
import { msat } from "../../core/units.js";
import { inTransaction, translated } from "./connect.js";
import { openNumbers } from "./open-numbers.js";
/** Numbers of one till; a charge's id is its till's times this, plus its number. */
export const NUMBERS = 2 ** 40;
/** Most charges in one statement. */
const BATCH = 256;
/** Most calls waiting; beyond it callers are refused at once instead of waiting ever longer. */
const QUEUE = 10_000;
/** How often a call is tried again when others on its account were faster, or the database rolled a batch back. */
const ATTEMPTS = 5;
const RETRY_MS = 200;
const MAX_RETRY_MS = 5_000;
/**
 * Beats, closes and takes, all or nothing; no row at all when the till was ended, or when a later batch came first: one whose
 * outcome was in doubt can do nothing any more once another is committed. An account is charged for all of its
 * calls in the batch or for none. Rows are taken in the order of their ids, which keeps processes from waiting for each
 * other in circles.
 */
const TAKE = `
  WITH alive AS (
    UPDATE till SET stated_below = $2, still_open = $3::bigint[], batch = $4, beat_at = extract(epoch FROM now())::bigint
    WHERE till_id = $1 AND ended_at IS NULL AND batch < $4 RETURNING till_id
  ), taken AS (
    UPDATE token SET balance_msat = balance_msat - asked.total_msat
    FROM (
      SELECT * FROM unnest($5::bytea[], $6::bigint[]) WITH ORDINALITY AS each(token_id, total_msat, slot) ORDER BY token_id
    ) asked, alive
    WHERE token.token_id = asked.token_id AND revoked_at IS NULL AND balance_msat >= asked.total_msat
    RETURNING slot, account_id, balance_msat
  ), charged AS (
    INSERT INTO charge (charge_id, account_id, operation, amount_msat, reserved_at)
    SELECT charge_id, account_id, operation, amount_msat, $11
    FROM unnest($7::bigint[], $8::bigint[], $9::text[], $10::bigint[]) AS call(charge_id, slot, operation, amount_msat)
      JOIN taken USING (slot)
    RETURNING amount_msat
  ), posted AS (
    INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at)
    SELECT 'charge', 'token', 'revenue', sum(amount_msat), count(*), $11 FROM charged HAVING count(*) > 0
  )
  SELECT slot, balance_msat FROM alive LEFT JOIN taken ON true`;
/** The charges of the account in the row `token` that running calls hold, as a sub-select. */
export const OPEN_CHARGES = `(
  SELECT held.amount_msat FROM till CROSS JOIN LATERAL (
    SELECT charge_id, account_id, amount_msat FROM charge
    WHERE charge_id >= till_id * ${NUMBERS} + stated_below AND charge_id < (till_id + 1) * ${NUMBERS}
    UNION ALL
    SELECT charge_id, account_id, amount_msat FROM unnest(still_open) AS number JOIN charge ON charge_id = till_id * ${NUMBERS} + number
  ) held
  WHERE ended_at IS NULL AND held.account_id = token.account_id
    AND NOT EXISTS (SELECT 1 FROM refund WHERE refund.charge_id = held.charge_id))`;
/** The till that holds a charge. */
export function tillOf(chargeId) {
  return chargeId / BigInt(NUMBERS);
}
/** The id of a till's charge. */
export function chargeIdOf(tillId, number) {
  return tillId * BigInt(NUMBERS) + number;
}
export function openTill(database, hooks) {
  const asks = [];
  const closes = [];
  let tillId;
  let batch = 0;
  let numbers = openNumbers();
  let busy = false;
  let scheduled = false;
  const schedule = () => {
    if (busy || scheduled) return;
    scheduled = true;
    // At the end of this turn of the event loop: what arrived with it goes along.
    setImmediate(async () => {
      scheduled = false;
      busy = true;
      await commit(asks.splice(0, hooks.steps ? 1 : BATCH), closes.splice(0));
      busy = false;
      if (asks.length > 0 || closes.length > 0) schedule();
    });
  };
  /** One commit. Its callers are answered from here, whatever happens; it never throws. */
  const commit = async (taking, queued) => {
    let groups = [];
    let closing = queued;
    try {
      tillId ??= await openRow(database);
      // Those of an ended till were given back with it.
      for (const each of queued) if (each.of !== tillId) each.resolve(false);
      closing = queued.filter(({ of }) => of === tillId);
      const closed = closing.map(({ number }) => number);
      // The careful way states its row twice.
      batch += 2;
      const stated = { tillId, ...numbers.without(closed), batch };
      groups = gather(taking, chargeIdOf(tillId, BigInt(numbers.take(taking.length))));
      const { rows, instead } = hooks.steps
        ? await takeCarefully(database, hooks.steps, stated, groups[0])
        : { rows: await take(database, stated, groups) };
      if (rows.length === 0) return restart(taking, closing);
      numbers.close(closed);
      for (const each of closing) each.resolve(true);
      if (instead) replace(groups, instead);
      else answer(groups, rows);
    } catch (error) {
      recover(error, taking, groups, closing);
    }
  };
  /** After a commit that failed, or whose outcome is in doubt. */
  const recover = (error, taking, groups, closing) => {
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
  const closeLater = (close) => {
    const pauseMs = Math.min(RETRY_MS * close.attempt, MAX_RETRY_MS);
    const again = () => {
      closes.push({ ...close, attempt: close.attempt + 1 });
      schedule();
    };
    setTimeout(again, pauseMs).unref();
  };
  /** Somebody took this process for dead and gave back what it held: it begins anew. Nothing was taken by this batch. */
  const restart = (taking, closing) => {
    tillId = undefined;
    numbers = openNumbers();
    asks.unshift(...taking);
    for (const each of closing) each.resolve(false);
  };
  const replace = (groups, instead) => {
    for (const { asks, chargeIds } of groups) {
      for (const each of asks) each.resolve(instead);
      chargeIds.forEach(forget);
    }
  };
  const answer = (groups, rows) => {
    const balances = new Map(rows.map(({ slot, balance_msat }) => [Number(slot), balance_msat]));
    for (const [index, group] of groups.entries()) {
      const balance = balances.get(index + 1);
      if (balance === undefined) void refuse(group);
      else grant(group, balance);
    }
  };
  /** Not all calls of an account could be held: as many as its balance covers try again, the others hear why. */
  const refuse = async ({ asks: refused, chargeIds }) => {
    chargeIds.forEach(forget);
    try {
      const account = await hooks.standing(refused[0].charge);
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
  const enqueue = (of, number, certain) =>
    new Promise((resolve, reject) => {
      closes.push({ of, number, certain, attempt: 1, resolve, reject });
      schedule();
    });
  const closeCharge = (chargeId, certain) => {
    const of = tillOf(chargeId);
    return of === tillId ? enqueue(of, Number(chargeId % BigInt(NUMBERS)), certain) : Promise.resolve(false);
  };
  /** Closes a charge that nobody waits for: one that was never made, was given back, or whose answer is kept. */
  const forget = (chargeId) => void closeCharge(chargeId, true);
  return {
    forget,
    /** Says that a charge is answered. Idempotent; false when the till was ended, and the charge given back with it. */
    close: (chargeId) => closeCharge(chargeId, false),
    /** Holds a price, together with those that arrive meanwhile. Atomic. */
    take(charge) {
      return new Promise((resolve, reject) => {
        if (asks.length >= QUEUE) {
          reject(new OracleError("DATABASE_UNAVAILABLE", "too much waits for the database; try again in a moment"));
          return;
        }
        asks.push({ charge, attempt: 1, resolve, reject });
        schedule();
      });
    },
    /** Says that this process lives; the number is nobody's. */
    async beat() {
      if (tillId !== undefined) await enqueue(tillId, 0, false);
    },
    /** The row's id, when there is one. */
    id: () => tillId,
  };
}
async function openRow(database) {
  const text = `INSERT INTO till (opened_at, beat_at)
    SELECT at, at FROM (SELECT extract(epoch FROM now())::bigint AS at) clock RETURNING till_id`;
  const { rows } = await translated(database.query({ name: "till-open", text }));
  return rows[0].till_id;
}
/** Calls by account, in order of arrival, with ids that follow each other from `firstId`. */
function gather(taking, firstId) {
  const groups = new Map();
  for (const [index, ask] of taking.entries()) {
    const key = toHex(ask.charge.tokenId);
    const group = groups.get(key) ?? { tokenId: ask.charge.tokenId, total: 0n, chargeIds: [], asks: [] };
    groups.set(key, group);
    group.total += ask.charge.amount;
    group.chargeIds.push(firstId + BigInt(index));
    group.asks.push(ask);
  }
  return [...groups.values()];
}
/** First come, first served: each call saw the balance that the ones after it had not yet lowered. */
function grant(group, balance) {
  let left = balance + group.total;
  for (const [index, { charge, resolve }] of group.asks.entries()) {
    left -= charge.amount;
    resolve({ held: true, chargeId: group.chargeIds[index], left: msat(left) });
  }
}
async function take(client, { tillId, below, open, batch }, groups) {
  const calls = groups.flatMap(({ asks, chargeIds }, index) =>
    asks.map(({ charge }, each) => ({ charge, chargeId: chargeIds[each], slot: index + 1 })),
  );
  const at = calls[0]?.charge.at ?? 0;
  const values = [
    tillId,
    below,
    open,
    batch,
    groups.map(({ tokenId }) => Buffer.from(tokenId)),
    groups.map(({ total }) => total),
    calls.map(({ chargeId }) => chargeId),
    calls.map(({ slot }) => slot),
    calls.map(({ charge }) => charge.operation),
    calls.map(({ charge }) => charge.amount),
    at,
  ];
  const { rows } = await translated(client.query({ name: "till-take", text: TAKE, values }));
  return rows;
}
/**
 * The same for one price, between the steps of its transaction. What refuses it is undone to the point where the till
 * has beaten and closed. The till's row is locked first, as everywhere.
 */
function takeCarefully(database, steps, stated, group) {
  return inTransaction(database, async (client) => {
    const alive = await take(client, stated, []);
    const [charge, chargeId] = [group?.asks[0]?.charge, group?.chargeIds[0]];
    if (alive.length === 0 || !group || !charge || chargeId === undefined) return { rows: alive };
    await client.query("SAVEPOINT untaken");
    const instead = await steps.before(client, charge, chargeId);
    const rows = instead ? alive : await take(client, { ...stated, batch: stated.batch + 1 }, [group]);
    if (rows.some(({ slot }) => slot !== null)) {
      await steps.after(client, charge, chargeId);
      return { rows };
    }
    await client.query("ROLLBACK TO SAVEPOINT untaken");
    return instead ? { rows, instead } : { rows };
  });
}
/** Deadlock and serialization failures: the server says that nothing happened. */
function wasRolledBack(error) {
  return error instanceof Error && "code" in error && (error.code === "40P01" || error.code === "40001");
}
//# sourceMappingURL=till.js.map
