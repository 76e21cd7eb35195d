/**
 * Tables `token`, `deposit`, `charge` and `transfer`: prepaid accounts, what was paid into them, what was taken, and
 * the double-entry record of both. Each verb is one statement or one transaction, so a crash leaves all of it or nothing.
 */
import type { Charge, Deposit, Reservation } from "../../core/l402/account.ts";
import { type Msat, msat, type UnixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, translated } from "./connect.ts";
import { groupCommit, LEDGER_COMMITS } from "./group-commit.ts";

/**
 * Holds many prices in one statement. Rows are locked in the order of their ids, which excludes deadlocks between
 * processes, and read after the lock; on one account calls are granted first come, first served, never below zero.
 * The new balance is computed from the locked row, because the UPDATE itself first meets the version that the statement's
 * snapshot knows, and a CHECK on that one would refuse what a deposit has just made good. NO KEY, because a settlement's
 * foreign keys share-lock the same rows in their own order: a full lock would wait for them, and deadlock.
 */
const RESERVE = `
  WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bigint[], $4::text[], $5::bigint[])
      WITH ORDINALITY AS call(charge_id, token_id, amount_msat, operation, reserved_at, position)
  ), locked AS MATERIALIZED (
    SELECT token_id, balance_msat FROM token
    WHERE token_id = ANY ($2::bytea[]) AND revoked_at IS NULL ORDER BY token_id FOR NO KEY UPDATE
  ), granted AS MATERIALIZED (
    SELECT * FROM (
      SELECT asked.*, balance_msat - sum(amount_msat) OVER (PARTITION BY token_id ORDER BY position) AS balance_left
      FROM asked JOIN locked USING (token_id)
    ) running WHERE balance_left >= 0
  ), taken AS (
    UPDATE token SET balance_msat = kept.balance_msat
    FROM (SELECT token_id, min(balance_left)::bigint AS balance_msat FROM granted GROUP BY token_id) kept
    WHERE token.token_id = kept.token_id
  ), charged AS (
    INSERT INTO charge (charge_id, token_id, operation, amount_msat, state, reserved_at)
    SELECT charge_id, token_id, operation, amount_msat, 'reserved', reserved_at FROM granted
  ), moved AS (
    INSERT INTO transfer (kind, debit_account, credit_account, amount_msat, token_id, charge_id, made_at)
    SELECT 'reserve', 'token', 'held', amount_msat, token_id, charge_id, reserved_at FROM granted
  )
  SELECT charge_id, balance_left::bigint FROM granted`;

const SETTLE = `
  WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS call(charge_id, closed_at)
  ), closed AS (
    UPDATE charge SET state = 'settled', closed_at = asked.closed_at
    FROM asked WHERE charge.charge_id = asked.charge_id AND charge.state = 'reserved'
    RETURNING charge.charge_id, charge.token_id, charge.amount_msat, charge.closed_at
  ), moved AS (
    INSERT INTO transfer (kind, debit_account, credit_account, amount_msat, token_id, charge_id, made_at)
    SELECT 'settle', 'held', 'revenue', amount_msat, token_id, charge_id, closed_at FROM closed
  )
  SELECT charge_id FROM closed`;

/** Gives held amounts back: of one charge, or of every charge that is still open and was reserved before an instant. */
const REFUND = `
  WITH due AS (
    SELECT charge_id FROM charge
    WHERE state = 'reserved' AND (charge_id = $1::uuid OR reserved_at < $2::bigint)
    ORDER BY token_id, charge_id LIMIT 1000 FOR UPDATE SKIP LOCKED
  ), closed AS (
    UPDATE charge SET state = 'refunded', closed_at = $3::bigint
    FROM due WHERE charge.charge_id = due.charge_id
    RETURNING charge.charge_id, charge.token_id, charge.amount_msat
  ), returned AS (
    UPDATE token SET balance_msat = token.balance_msat + sums.amount_msat
    FROM (SELECT token_id, sum(amount_msat)::bigint AS amount_msat FROM closed GROUP BY token_id) sums
    WHERE token.token_id = sums.token_id
  )
  INSERT INTO transfer (kind, debit_account, credit_account, amount_msat, token_id, charge_id, made_at)
  SELECT 'refund', 'held', 'token', amount_msat, token_id, charge_id, $3::bigint FROM closed
  RETURNING transfer_id`;

const NO_CHARGE = "00000000-0000-0000-0000-000000000000";

type Settlement = { chargeId: string; at: UnixSeconds };

export function tokenTable(database: Database) {
  const reserveTogether = groupCommit((charges: Charge[]) => reserveBatch(database, charges), LEDGER_COMMITS);
  const settleTogether = groupCommit((settlements: Settlement[]) => settleBatch(database, settlements), LEDGER_COMMITS);
  return {
    /** Holds the price of one call. Atomic; not idempotent: a charge id is used once. */
    reserve(charge: Charge): Promise<Reservation> {
      return reserveTogether(charge);
    },

    /** Turns what is held into revenue. False when the charge is no longer open, and then the answer must not be given. */
    settle(chargeId: string, at: UnixSeconds): Promise<boolean> {
      return settleTogether({ chargeId, at });
    },

    /** Gives back what is held. Idempotent: a closed charge is left alone, and false is returned. */
    async refund(chargeId: string, at: UnixSeconds): Promise<boolean> {
      const { rowCount } = await translated(
        database.query({ name: "token-refund", text: REFUND, values: [chargeId, 0, at] }),
      );
      return rowCount === 1;
    },

    /** Gives back what calls held that never ended, because their process died. @returns how many */
    async refundAbandoned(reservedBefore: UnixSeconds, at: UnixSeconds): Promise<number> {
      const values = [NO_CHARGE, reservedBefore, at];
      const { rowCount } = await translated(database.query({ name: "token-refund", text: REFUND, values }));
      return rowCount ?? 0;
    },

    /** Whether the invoice with this payment hash was credited already. */
    async isCredited(paymentHash: Uint8Array): Promise<boolean> {
      const text = "SELECT 1 FROM deposit WHERE payment_hash = $1";
      const { rowCount } = await translated(database.query({ name: "deposit-find", text, values: [paymentHash] }));
      return rowCount === 1;
    },

    /** Opens the account if need be and credits a settled invoice to it. Idempotent by payment hash; false when it was there. */
    credit(deposit: Deposit): Promise<boolean> {
      return inTransaction(database, async (client) => {
        const { tokenId, paymentHash, amount, settledAt, at } = deposit;
        await client.query(
          "INSERT INTO token (token_id, balance_msat, opened_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
          [tokenId, at],
        );
        const credited = await client.query(
          `INSERT INTO deposit (payment_hash, token_id, amount_msat, settled_at, credited_at)
           VALUES ($1, $2, $3, $4, $5) ON CONFLICT (payment_hash) DO NOTHING`,
          [paymentHash, tokenId, amount, settledAt, at],
        );
        if (credited.rowCount === 0) return false;
        await client.query("UPDATE token SET balance_msat = balance_msat + $2 WHERE token_id = $1", [tokenId, amount]);
        await client.query(
          `INSERT INTO transfer (kind, debit_account, credit_account, amount_msat, token_id, payment_hash, made_at)
           VALUES ('deposit', 'lightning', 'token', $1, $2, $3, $4)`,
          [amount, tokenId, paymentHash, at],
        );
        return true;
      });
    },

    /** What is left, or undefined for an account that was never paid for. */
    async balance(tokenId: Uint8Array): Promise<Msat | undefined> {
      const text = "SELECT balance_msat FROM token WHERE token_id = $1";
      const { rows } = await translated(database.query({ name: "token-balance", text, values: [tokenId] }));
      return rows[0] && msat(rows[0].balance_msat);
    },
  };
}

async function reserveBatch(database: Database, charges: Charge[]): Promise<Reservation[]> {
  const values = [
    charges.map(({ chargeId }) => chargeId),
    charges.map(({ tokenId }) => Buffer.from(tokenId)),
    charges.map(({ amount }) => amount),
    charges.map(({ operation }) => operation),
    charges.map(({ at }) => at),
  ];
  const { rows } = await translated(database.query({ name: "token-reserve", text: RESERVE, values }));
  const left = new Map<string, bigint>(rows.map((row) => [row.charge_id, row.balance_left]));
  return Promise.all(
    charges.map(async (charge): Promise<Reservation> => {
      const balance = left.get(charge.chargeId);
      if (balance !== undefined) return { held: true, left: msat(balance) };
      return { held: false, reason: await whyNot(database, charge) };
    }),
  );
}

async function settleBatch(database: Database, settlements: Settlement[]): Promise<boolean[]> {
  const values = [settlements.map(({ chargeId }) => chargeId), settlements.map(({ at }) => at)];
  const { rows } = await translated(database.query({ name: "token-settle", text: SETTLE, values }));
  const settled = new Set(rows.map((row) => row.charge_id));
  return settlements.map(({ chargeId }) => settled.has(chargeId));
}

/** What stands against holding `amount`: with what running calls hold, the balance might cover it. */
const WHY_NOT = `
  SELECT revoked_at, balance_msat + coalesce((
    SELECT sum(amount_msat) FROM charge WHERE charge.token_id = token.token_id AND state = 'reserved'), 0)::bigint AS within_reach
  FROM token WHERE token_id = $1`;

async function whyNot(
  database: Database,
  { tokenId, amount }: Charge,
): Promise<"unknown" | "revoked" | "exhausted" | "busy"> {
  const { rows } = await translated(database.query({ name: "token-why", text: WHY_NOT, values: [tokenId] }));
  if (!rows[0]) return "unknown";
  if (rows[0].revoked_at !== null) return "revoked";
  return rows[0].within_reach >= amount ? "busy" : "exhausted";
}
