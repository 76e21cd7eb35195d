/**
 * Tables `token`, `deposit`, `charge` and `transfer`: prepaid accounts, what was paid into them, what was taken, and
 * the double-entry record of both. Each verb is one statement or one transaction, so a crash leaves all of it or nothing.
 */
import type { Charge, Deposit, Reservation } from "../../core/l402/account.ts";
import { type Msat, msat, type UnixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, translated } from "./connect.ts";

/** Takes `amount` out of the balance and holds it, in one statement: two calls racing for the last msat cannot both win. */
const RESERVE = `
  WITH taken AS (
    UPDATE token SET balance_msat = balance_msat - $3::bigint
    WHERE token_id = $2 AND revoked_at IS NULL AND balance_msat >= $3::bigint
    RETURNING balance_msat
  ), charged AS (
    INSERT INTO charge (charge_id, token_id, operation, amount_msat, state, reserved_at)
    SELECT $1::uuid, $2, $4, $3::bigint, 'reserved', $5::bigint FROM taken
  ), moved AS (
    INSERT INTO transfer (kind, debit_account, credit_account, amount_msat, token_id, charge_id, made_at)
    SELECT 'reserve', 'token', 'held', $3::bigint, $2, $1::uuid, $5::bigint FROM taken
  )
  SELECT balance_msat FROM taken`;

const SETTLE = `
  WITH closed AS (
    UPDATE charge SET state = 'settled', closed_at = $2::bigint
    WHERE charge_id = $1::uuid AND state = 'reserved'
    RETURNING charge_id, token_id, amount_msat
  )
  INSERT INTO transfer (kind, debit_account, credit_account, amount_msat, token_id, charge_id, made_at)
  SELECT 'settle', 'held', 'revenue', amount_msat, token_id, charge_id, $2::bigint FROM closed
  RETURNING transfer_id`;

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

export function tokenTable(database: Database) {
  return {
    /** Holds the price of one call. Atomic; not idempotent: a charge id is used once. */
    async reserve(charge: Charge): Promise<Reservation> {
      const { chargeId, tokenId, operation, amount, at } = charge;
      const values = [chargeId, tokenId, amount, operation, at];
      const { rows } = await translated(database.query({ name: "token-reserve", text: RESERVE, values }));
      if (rows[0]) return { held: true, left: msat(rows[0].balance_msat) };
      return { held: false, reason: await whyNot(database, tokenId) };
    },

    /** Turns what is held into revenue. False when the charge is no longer open, and then the answer must not be given. */
    async settle(chargeId: string, at: UnixSeconds): Promise<boolean> {
      const { rowCount } = await translated(
        database.query({ name: "token-settle", text: SETTLE, values: [chargeId, at] }),
      );
      return rowCount === 1;
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

async function whyNot(database: Database, tokenId: Uint8Array): Promise<"unknown" | "revoked" | "exhausted"> {
  const text = "SELECT revoked_at FROM token WHERE token_id = $1";
  const { rows } = await translated(database.query({ name: "token-why", text, values: [tokenId] }));
  if (!rows[0]) return "unknown";
  return rows[0].revoked_at === null ? "exhausted" : "revoked";
}
