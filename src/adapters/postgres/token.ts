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
        const { tokenId, paymentHash, amount, at } = deposit;
        await insertReceipt(client, deposit, at);
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

    /** What came in and what was taken, newest first, from after `before` (a line's time and reference) on; at most 100 lines. */
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

/** Most lines of one page of a statement. */
const MAX_LINES = 100;

/** The part of a statement that comes from one table. `extra` is its operation, and when it was given back. */
function lines(kind: string, table: string, extra: string, columns: Record<"owner" | "at" | "id" | "name", string>) {
  const { owner, at, id, name } = columns;
  return `
    (SELECT '${kind}' AS kind, amount_msat, ${at} AS at, reference, ${extra}
     FROM (SELECT *, ${name} COLLATE "C" AS reference FROM ${table}) line
     WHERE ${owner} = (SELECT account_id FROM token WHERE token_id = $1) AND ${at} <= $2 AND (${at} < $2 OR reference < $3)
     ORDER BY ${at} DESC, ${id} DESC LIMIT ${MAX_LINES})`;
}

/**
 * Each part reads no more than a page, in the order of its index: the account is a value and no join, and the limit a
 * constant, or Postgres would sort everything that an account ever did. Lines of one second are told apart by their reference.
 */
const STATEMENT = `
  SELECT * FROM (${[
    lines("deposit", "deposit", "NULL AS operation, NULL::bigint AS refunded_at", {
      owner: "account_id",
      at: "credited_at",
      id: "payment_hash",
      name: "'p' || encode(payment_hash, 'hex')",
    }),
    lines(
      "charge",
      "charge",
      "operation, (SELECT refunded_at FROM refund WHERE refund.charge_id = line.charge_id) AS refunded_at",
      { owner: "account_id", at: "reserved_at", id: "charge_id", name: "'c' || lpad(charge_id::text, 19, '0')" },
    ),
    lines("move", "account_move", "NULL AS operation, NULL::bigint AS refunded_at", {
      owner: "to_account_id",
      at: "moved_at",
      id: "account_move_id",
      name: "'m' || lpad(account_move_id::text, 19, '0')",
    }),
  ].join(" UNION ALL")}
  ) line ORDER BY at DESC, reference DESC LIMIT $4`;
