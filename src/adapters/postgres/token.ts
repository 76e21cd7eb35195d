/**
 * Tables `token` and `deposit`: prepaid accounts and what was paid into them. What is taken from them is `charge.ts`'s.
 * Each verb is one statement or one transaction, so a crash leaves all of it or nothing.
 */
import type { Deposit } from "../../core/l402/account.ts";
import { type Msat, msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, translated } from "./connect.ts";
import { insertReceipt } from "./receipt.ts";
import { OPEN_CHARGES } from "./take.ts";

/** An account as its holder sees it. `held` is what running calls hold; it is no longer in the balance. */
export type Account = {
  balance: Msat;
  held: Msat;
  deposited: Msat;
  spent: Msat;
  openedAt: UnixSeconds;
  revokedAt: UnixSeconds | undefined;
};

/**
 * One line of a statement, newest first. `reference` is `p` and the payment hash in hex, `c` and the number of the charge, or
 * `m` and the number of a move from an account that this one replaced.
 */
export type StatementLine = {
  kind: "deposit" | "charge" | "move";
  amount: Msat;
  at: UnixSeconds;
  operation: string | undefined;
  reference: string;
  /** When a charge was given back. */
  refundedAt: UnixSeconds | undefined;
};

export function tokenTable(database: Database) {
  return {
    /** Whether the invoice with this payment hash was credited already. */
    async isCredited(paymentHash: Uint8Array): Promise<boolean> {
      const text = "SELECT 1 FROM deposit WHERE payment_hash = $1";
      const { rowCount } = await translated(database.query({ name: "deposit-find", text, values: [paymentHash] }));
      return rowCount === 1;
    },

    /**
     * Opens the account if need be and credits a settled invoice to it. Idempotent by payment hash; false when it was
     * credited before, to whomever.
     */
    credit(deposit: Deposit): Promise<boolean> {
      return inTransaction(database, async (client) => {
        const { tokenId, paymentHash, amount, settledAt, at } = deposit;
        await insertReceipt(client, { paymentHash, amount, settledAt }, at);
        await client.query(
          "INSERT INTO token (token_id, balance_msat, opened_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
          [tokenId, at],
        );
        const credited = await client.query(
          `INSERT INTO deposit (payment_hash, account_id, amount_msat, credited_at)
           SELECT $1, account_id, $3, $4 FROM token WHERE token_id = $2 ON CONFLICT DO NOTHING`,
          [paymentHash, tokenId, amount, at],
        );
        if (credited.rowCount === 0) return false;
        await client.query("UPDATE token SET balance_msat = balance_msat + $2 WHERE token_id = $1", [tokenId, amount]);
        await client.query(
          `INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at)
           VALUES ('deposit', 'unclaimed', 'token', $1, 1, $2)`,
          [amount, at],
        );
        return true;
      });
    },

    /** Withdraws an account: none of its tokens opens anything from here on. Idempotent; false when there is none. */
    async revoke(tokenId: Uint8Array, at: UnixSeconds): Promise<boolean> {
      const text = "UPDATE token SET revoked_at = coalesce(revoked_at, $2) WHERE token_id = $1";
      const { rowCount } = await translated(database.query({ name: "token-revoke", text, values: [tokenId, at] }));
      return rowCount === 1;
    },

    /** Undefined for an account that was never paid for. */
    async account(tokenId: Uint8Array): Promise<Account | undefined> {
      const { rows } = await translated(database.query({ name: "token-account", text: ACCOUNT, values: [tokenId] }));
      const [row] = rows;
      if (!row) return undefined;
      return {
        balance: msat(row.balance_msat),
        held: msat(row.held_msat),
        deposited: msat(row.deposited_msat),
        spent: msat(BigInt(row.deposited_msat) - row.moved_away_msat - row.balance_msat - row.held_msat),
        openedAt: unixSeconds(Number(row.opened_at)),
        revokedAt: row.revoked_at === null ? undefined : unixSeconds(Number(row.revoked_at)),
      };
    },

    /** What a budget has given out; nothing before its first use. */
    async budgetSpent(budgetId: Uint8Array): Promise<Msat> {
      const text = "SELECT spent_msat FROM budget WHERE budget_id = $1";
      const { rows } = await translated(database.query({ name: "budget-spent", text, values: [budgetId] }));
      return msat(rows[0] ? rows[0].spent_msat : 0n);
    },

    /** What came in and what was taken, newest first, from after `before` (a line's time and reference) on. */
    async statement(
      tokenId: Uint8Array,
      page: { before: { at: number; reference: string } | undefined; limit: number },
    ): Promise<StatementLine[]> {
      const { at, reference } = page.before ?? { at: Number.MAX_SAFE_INTEGER, reference: "" };
      const values = [tokenId, at, reference, page.limit];
      const { rows } = await translated(database.query({ name: "token-statement", text: STATEMENT, values }));
      return rows.map((row) => ({
        kind: row.kind,
        amount: msat(row.amount_msat),
        at: unixSeconds(Number(row.at)),
        operation: row.operation ?? undefined,
        reference: row.reference,
        refundedAt: row.refunded_at === null ? undefined : unixSeconds(Number(row.refunded_at)),
      }));
    },
  };
}

/** What was moved here belongs to what was paid in, and what was moved away was never spent. */
const ACCOUNT = `
  SELECT balance_msat, opened_at, revoked_at,
    (SELECT coalesce(sum(amount_msat), 0)::bigint FROM ${OPEN_CHARGES} open) AS held_msat,
    (SELECT coalesce(sum(amount_msat), 0)::bigint FROM deposit WHERE deposit.account_id = token.account_id)
      + (SELECT coalesce(sum(amount_msat), 0)::bigint FROM account_move WHERE to_account_id = account_id) AS deposited_msat,
    (SELECT coalesce(sum(amount_msat), 0)::bigint FROM account_move WHERE from_account_id = account_id) AS moved_away_msat
  FROM token WHERE token_id = $1`;

/** Each part reads no more than a page, in the order of its index. Lines of one second are told apart by their reference. */
const STATEMENT = `
  WITH account AS (SELECT account_id FROM token WHERE token_id = $1)
  SELECT * FROM (
    (SELECT 'deposit' AS kind, amount_msat, credited_at AS at, NULL AS operation, reference, NULL::bigint AS refunded_at
     FROM (SELECT *, 'p' || encode(payment_hash, 'hex') COLLATE "C" AS reference FROM deposit JOIN account USING (account_id)) line
     WHERE credited_at < $2 OR (credited_at = $2 AND reference < $3) ORDER BY credited_at DESC, payment_hash DESC LIMIT $4)
    UNION ALL
    (SELECT 'charge', amount_msat, reserved_at, operation, reference, refunded_at
     FROM (SELECT *, 'c' || lpad(charge_id::text, 19, '0') COLLATE "C" AS reference FROM charge JOIN account USING (account_id)) line
       LEFT JOIN refund USING (charge_id)
     WHERE reserved_at <= $2 AND (reserved_at < $2 OR reference < $3) ORDER BY reserved_at DESC, charge_id DESC LIMIT $4)
    UNION ALL
    (SELECT 'move', amount_msat, moved_at, NULL, reference, NULL
     FROM (SELECT *, 'm' || lpad(account_move_id::text, 19, '0') COLLATE "C" AS reference
           FROM account_move JOIN account ON to_account_id = account_id) line
     WHERE moved_at < $2 OR (moved_at = $2 AND reference < $3) ORDER BY moved_at DESC, account_move_id DESC LIMIT $4)
  ) line ORDER BY at DESC, reference DESC LIMIT $4`;
