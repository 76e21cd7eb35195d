/**
 * Tables `charge` and `refund`, with what hangs on a charge: budgets and kept answers. The verbs of one api process,
 * spread over its tills; each is one statement or one transaction, so a crash leaves all of it or nothing.
 */
import type { Charge, KeptAnswer, Reservation, RetryKey } from "../../core/l402/account.ts";
import { msat, type UnixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { chargeIdOf, OPEN_CHARGES, tillOf } from "./take.ts";
import { openTill, type Standing, type Till } from "./till.ts";

/** Calls with a budget or a retry key are held one by one, in a transaction of their own; an account always uses the same till. */
const CAREFUL_TILLS = 2;

export type ChargeTable = ReturnType<typeof chargeTable>;

export function chargeTable(database: Database) {
  /** Charges to be given back as soon as the database takes it; some may turn out never to have been made. */
  const owed = new Set<bigint>();
  const hooks = {
    standing: (charge: Charge) => readStanding(database, charge),
    onDoubt: (chargeIds: bigint[]) => {
      for (const chargeId of chargeIds) owed.add(chargeId);
    },
  };
  const careful = { before: claim, after: noteBudgets };
  // One: a second would halve the batches, and a statement costs the database more than the charges in it.
  const plainTill = openTill(database, hooks);
  const carefulTills = Array.from({ length: CAREFUL_TILLS }, () => openTill(database, { ...hooks, steps: careful }));
  const tills = [plainTill, ...carefulTills];
  const tillFor = ({ tokenId, budgets, retryKey }: Charge): Till =>
    budgets.length > 0 || retryKey ? carefulTills[tokenId.at(-1)! % CAREFUL_TILLS]! : plainTill;
  const tillWith = (chargeId: bigint): Till | undefined => tills.find((till) => till.id() === tillOf(chargeId));
  const forget = (chargeId: bigint): void => tillWith(chargeId)?.forget(chargeId);

  return {
    /** Holds the price of one call. */
    reserve: (charge: Charge): Promise<Reservation> => tillFor(charge).take(charge),

    /** What a retry key was used for; undefined when it is free. Charges nothing. */
    findAnswer: (tokenId: Uint8Array, retryKey: RetryKey) => translated(readAnswer(database, tokenId, retryKey)),

    /** Earns what is held. False when it was given back, and then the answer must not be sent. */
    settle: async (chargeId: bigint): Promise<boolean> => (await tillWith(chargeId)?.close(chargeId)) ?? false,

    /**
     * Keeps the answer of a call with a retry key, which earns what is held: from here on it can be had again. False when
     * the charge was given back.
     */
    async keepAnswer(chargeId: bigint, body: string): Promise<boolean> {
      const text = "UPDATE kept_answer SET body = $2 WHERE charge_id = $1 AND body IS NULL";
      const kept = await translated(database.query({ name: "answer-keep", text, values: [chargeId, body] }));
      if (kept.rowCount === 1) forget(chargeId);
      return kept.rowCount === 1;
    },

    /** Gives back what is held, now or as soon as the database takes it. Idempotent; true when it was this call that did. */
    async refund(chargeId: bigint, at: UnixSeconds): Promise<boolean> {
      owed.add(chargeId);
      const count = await inTransaction(database, (client) => giveBack(client, [chargeId], at));
      owed.delete(chargeId);
      forget(chargeId);
      return count === 1;
    },

    /** Says that this process lives, and gives back what it could not give back before. */
    async beat(at: UnixSeconds): Promise<void> {
      const due = [...owed];
      // Only after a later commit is it certain that one in doubt will not take effect after all.
      await Promise.all(tills.map((till) => till.beat()));
      if (due.length === 0) return;
      await inTransaction(database, (client) => giveBack(client, due, at));
      for (const chargeId of due) {
        owed.delete(chargeId);
        forget(chargeId);
      }
    },

    /** Ends the tills that were not heard of for `silentSec`, and gives back what they left open. @returns how many charges */
    async sweep(silentSec: number, at: UnixSeconds): Promise<number> {
      let count = 0;
      for (;;) {
        const found = await inTransaction(database, async (client) => {
          const { rows } = await client.query(
            `SELECT till_id FROM till WHERE ended_at IS NULL AND beat_at < extract(epoch FROM now()) - $1
             ORDER BY till_id LIMIT 1 FOR UPDATE SKIP LOCKED`,
            [silentSec],
          );
          return rows[0] && endTill(client, rows[0].till_id, at);
        });
        if (found === undefined) return count;
        count += found;
      }
    },

    /** Forgets answers kept longer than `keepSec`. @returns how many */
    async forgetAnswers(keepSec: number, at: UnixSeconds): Promise<number> {
      const text = `DELETE FROM kept_answer WHERE (account_id, key) IN (
        SELECT account_id, key FROM kept_answer WHERE kept_at < $1 AND body IS NOT NULL LIMIT 10000)`;
      const { rowCount } = await translated(database.query({ name: "answer-forget", text, values: [at - keepSec] }));
      return rowCount ?? 0;
    },

    /** Ends this process's tills; what they still hold is given back. */
    async end(at: UnixSeconds): Promise<void> {
      for (const tillId of tills.map((till) => till.id())) {
        if (tillId !== undefined) await inTransaction(database, (client) => endTill(client, tillId, at));
      }
    },
  };
}

/** Ends a till, after which it can neither take nor close, and gives back what it left open. @returns how many charges */
async function endTill(client: Queryable, tillId: bigint, at: UnixSeconds): Promise<number> {
  const ended = await client.query(
    "UPDATE till SET ended_at = $2 WHERE till_id = $1 AND ended_at IS NULL RETURNING stated_below, still_open",
    [tillId, at],
  );
  const [row] = ended.rows;
  if (!row) return 0;
  const { rows } = await client.query(
    `SELECT charge_id FROM charge WHERE charge_id >= $1 AND charge_id < $2
     UNION ALL SELECT charge_id FROM charge WHERE charge_id = ANY ($3::bigint[])`,
    [
      chargeIdOf(tillId, row.stated_below),
      chargeIdOf(tillId + 1n, 0n),
      row.still_open.map((number: string) => chargeIdOf(tillId, BigInt(number))),
    ],
  );
  return giveBack(
    client,
    rows.map(({ charge_id }) => charge_id),
    at,
  );
}

/**
 * Gives charges back that exist and were not given back, within a transaction. One whose answer is kept stays earned: its
 * caller can have it. @returns how many
 */
async function giveBack(client: Queryable, chargeIds: bigint[], at: UnixSeconds): Promise<number> {
  if (chargeIds.length === 0) return 0;
  await client.query("DELETE FROM kept_answer WHERE charge_id = ANY ($1::bigint[]) AND body IS NULL", [chargeIds]);
  const refunded = await client.query(
    `INSERT INTO refund (charge_id, refunded_at)
     SELECT charge_id, $2 FROM charge WHERE charge_id = ANY ($1::bigint[])
       AND NOT EXISTS (SELECT 1 FROM kept_answer WHERE kept_answer.charge_id = charge.charge_id)
     ORDER BY charge_id ON CONFLICT DO NOTHING RETURNING charge_id`,
    [chargeIds, at],
  );
  const ids = refunded.rows.map(({ charge_id }) => charge_id);
  if (ids.length === 0) return 0;
  await client.query(
    `UPDATE budget SET spent_msat = spent_msat - returned.amount_msat FROM (
       SELECT budget_id, sum(amount_msat)::bigint AS amount_msat FROM budget_charge JOIN charge USING (charge_id)
       WHERE charge_id = ANY ($1::bigint[]) GROUP BY budget_id ORDER BY budget_id) returned
     WHERE budget.budget_id = returned.budget_id`,
    [ids],
  );
  await client.query(
    `WITH returned AS MATERIALIZED (
       SELECT token_id, sum(amount_msat)::bigint AS amount_msat FROM charge JOIN token USING (account_id)
       WHERE charge_id = ANY ($1::bigint[]) GROUP BY token_id ORDER BY token_id
     ), posted AS (
       INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at)
       SELECT 'refund', 'revenue', 'token', sum(amount_msat), $2, $3 FROM returned
     )
     UPDATE token SET balance_msat = balance_msat + returned.amount_msat FROM returned WHERE token.token_id = returned.token_id`,
    [ids, ids.length, at],
  );
  return ids.length;
}

/** What stands against holding a price: with what running calls hold, the balance might cover it. */
async function readStanding(database: Database, { tokenId }: Charge): Promise<Standing> {
  const text = `SELECT revoked_at, balance_msat,
      balance_msat + (SELECT coalesce(sum(amount_msat), 0)::bigint FROM ${OPEN_CHARGES} open) AS within_reach_msat
    FROM token WHERE token_id = $1`;
  const { rows } = await translated(database.query({ name: "token-standing", text, values: [tokenId] }));
  const [row] = rows;
  if (!row) return "unknown";
  if (row.revoked_at !== null) return "revoked";
  return { balance: row.balance_msat, withinReach: row.within_reach_msat };
}

const IN_PROGRESS = { held: false, reason: "in-progress" } as const;

/** Before a price is taken: the retry key is claimed, and every budget covers it. */
async function claim(client: Queryable, charge: Charge, chargeId: bigint): Promise<Reservation | undefined> {
  const { tokenId, amount, budgets, retryKey, at } = charge;
  const { rows } = await client.query("SELECT account_id, revoked_at FROM token WHERE token_id = $1", [tokenId]);
  if (!rows[0]) return { held: false, reason: "unknown" };
  // Not even an answer that was paid for: whoever stole the token could have those of its owner.
  if (rows[0].revoked_at !== null) return { held: false, reason: "revoked" };
  const accountId: bigint = rows[0].account_id;
  if (retryKey) {
    const { key, fingerprint } = retryKey;
    const claimed = await client.query(
      `INSERT INTO kept_answer (account_id, key, fingerprint, charge_id, kept_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [accountId, key, fingerprint, chargeId, at],
    );
    if (claimed.rowCount === 0) return (await readAnswer(client, tokenId, retryKey)) ?? IN_PROGRESS;
  }
  for (const { budgetId, limit } of [...budgets].sort((a, b) => Buffer.compare(a.budgetId, b.budgetId))) {
    if (amount > limit) return { held: false, reason: "over-budget" };
    const taken = await client.query(
      `INSERT INTO budget (budget_id, account_id, limit_msat, spent_msat) VALUES ($1, $2, $3, $4)
       ON CONFLICT (budget_id) DO UPDATE SET spent_msat = budget.spent_msat + excluded.spent_msat
         WHERE budget.spent_msat + excluded.spent_msat <= budget.limit_msat`,
      [budgetId, accountId, limit, amount],
    );
    if (taken.rowCount === 0) return { held: false, reason: "over-budget" };
  }
  return undefined;
}

/** What a retry key was used for; undefined when it is free, or was a moment ago. */
async function readAnswer(
  client: Queryable,
  tokenId: Uint8Array,
  { key, fingerprint }: RetryKey,
): Promise<KeptAnswer | undefined> {
  const { rows } = await client.query(
    `SELECT fingerprint = $3 AS is_same, body, balance_msat FROM kept_answer JOIN token USING (account_id)
     WHERE token_id = $1 AND key = $2 AND revoked_at IS NULL`,
    [tokenId, key, fingerprint],
  );
  const [row] = rows;
  if (!row) return undefined;
  if (!row.is_same) return { held: false, reason: "key-reused" };
  if (row.body === null) return IN_PROGRESS;
  return { held: false, reason: "answered", body: row.body, left: msat(row.balance_msat) };
}

async function noteBudgets(client: Queryable, { budgets }: Charge, chargeId: bigint): Promise<void> {
  for (const { budgetId } of budgets) {
    await client.query("INSERT INTO budget_charge (charge_id, budget_id) VALUES ($1, $2)", [chargeId, budgetId]);
  }
}
