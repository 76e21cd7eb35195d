/**
 * Tables `receipt` and `invoice_cursor`: what LND says was paid to our invoices, and how far its word was taken in.
 * Claiming a receipt for an account is `token.ts`'s.
 */
import { type Msat, msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";

/**
 * A settled invoice. `settleIndex` is LND's own count of them, absent when the receipt was learned by hash; `nodePubkey` is
 * the node that was paid, absent when that was not known.
 */
export type Receipt = {
  paymentHash: Uint8Array;
  amount: Msat;
  settledAt: UnixSeconds;
  settleIndex?: bigint;
  nodePubkey?: string;
};

/**
 * How far a node's invoices were taken in: the index and hash of its newest settlement, and the add index up to which
 * nothing can change any more. The hash is absent while nothing was ever paid to the node, and `lostAt`, when it was last
 * seen to have lost payments, while it never was.
 */
export type InvoiceCursor = {
  settleIndex: bigint;
  paymentHash?: Uint8Array;
  finalIndex: bigint;
  sinceAt: UnixSeconds;
  lostAt?: UnixSeconds;
};

/**
 * Sorted by hash, so that processes that book the same receipts wait for one another in one order. The conflict names no
 * index on purpose: two processes may collide in either unique one, and a collision in the other would be an error.
 */
const RECORD = `
  WITH told AS (
    SELECT DISTINCT ON (payment_hash) * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $6::bytea[])
      AS settlement(payment_hash, amount_msat, settled_at, settle_index, node_pubkey) ORDER BY payment_hash
  ), closed AS (
    DELETE FROM open_invoice WHERE payment_hash = ANY ($1::bytea[])
  ), received AS (
    INSERT INTO receipt (payment_hash, amount_msat, settled_at, settle_index, received_at, node_pubkey)
    SELECT payment_hash, amount_msat, settled_at, settle_index, $5::bigint, node_pubkey FROM told ORDER BY payment_hash
    ON CONFLICT DO NOTHING RETURNING amount_msat
  )
  INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at)
  SELECT 'receipt', 'lightning', 'unclaimed', sum(amount_msat)::bigint, count(*)::integer, $5::bigint
  FROM received HAVING count(*) > 0 RETURNING items`;

/** Never backwards: another process may be ahead. */
const ADVANCE = `
  UPDATE invoice_cursor SET settle_index = $2, payment_hash = $3 WHERE node_pubkey = $1 AND settle_index < $2`;

export function receiptTable(database: Database) {
  return {
    /**
     * Books receipts, ends the sharing of their invoices, and moves the node's cursor, in one transaction. Idempotent by
     * payment hash. @returns how many were news
     */
    record(
      receipts: readonly Receipt[],
      at: UnixSeconds,
      reached?: { nodePubkey: string; settleIndex: bigint; paymentHash: Uint8Array },
    ): Promise<number> {
      return inTransaction(database, async (client) => {
        // First, so that processes that follow the same node take turns.
        if (reached) await client.query(ADVANCE, [reached.nodePubkey, reached.settleIndex, reached.paymentHash]);
        return receipts.length === 0 ? 0 : insertReceipts(client, receipts, at);
      });
    },

    /** What was received for each of these invoices, by the hash in hex; those nothing is known of are left out. */
    async amounts(paymentHashes: readonly Uint8Array[]): Promise<Map<string, Msat>> {
      const text =
        "SELECT encode(payment_hash, 'hex') AS hash, amount_msat FROM receipt WHERE payment_hash = ANY ($1::bytea[])";
      const values = [paymentHashes.map((hash) => Buffer.from(hash))];
      const { rows } = await translated(database.query({ name: "receipt-amounts", text, values }));
      return new Map(rows.map((row) => [row.hash, msat(row.amount_msat)]));
    },

    /** What was received for an invoice, or undefined when nothing is known of it here. */
    async find(paymentHash: Uint8Array): Promise<{ amount: Msat; settledAt: UnixSeconds } | undefined> {
      const text = "SELECT amount_msat, settled_at FROM receipt WHERE payment_hash = $1";
      const { rows } = await translated(database.query({ name: "receipt-find", text, values: [paymentHash] }));
      const [row] = rows;
      return row && { amount: msat(row.amount_msat), settledAt: unixSeconds(Number(row.settled_at)) };
    },

    /**
     * The newest receipts that were booked at an instant or later, at most `limit`: those of a node, and those nobody noted a
     * node for, unless they are from before this one was followed: then they are another's.
     */
    async bookedSince(
      nodePubkey: string,
      at: UnixSeconds,
      limit: number,
    ): Promise<{ paymentHash: Uint8Array; amount: Msat }[]> {
      const text = `
        SELECT payment_hash, amount_msat FROM receipt
        WHERE received_at >= $2 AND (node_pubkey = decode($1, 'hex') OR (
          node_pubkey IS NULL AND received_at > (SELECT since_at FROM invoice_cursor c WHERE c.node_pubkey = $1)))
        ORDER BY received_at DESC, payment_hash LIMIT $3`;
      const { rows } = await translated(
        database.query({ name: "receipt-since", text, values: [nodePubkey, at, limit] }),
      );
      return rows.map((row) => ({ paymentHash: new Uint8Array(row.payment_hash), amount: msat(row.amount_msat) }));
    },

    /** Undefined for a node that was never followed. */
    async readCursor(nodePubkey: string): Promise<InvoiceCursor | undefined> {
      const text =
        "SELECT settle_index, payment_hash, final_index, since_at, lost_at FROM invoice_cursor WHERE node_pubkey = $1";
      const { rows } = await translated(database.query({ name: "cursor-read", text, values: [nodePubkey] }));
      const row = rows[0];
      return (
        row && {
          settleIndex: row.settle_index,
          ...(row.payment_hash && { paymentHash: new Uint8Array(row.payment_hash) }),
          finalIndex: row.final_index,
          sinceAt: unixSeconds(Number(row.since_at)),
          ...(row.lost_at !== null && { lostAt: unixSeconds(Number(row.lost_at)) }),
        }
      );
    },

    /**
     * Writes a cursor after all of the node's invoices were read, even backwards: the node may have lost some. When that was last
     * seen stays, unless there is a newer time.
     */
    async resetCursor(nodePubkey: string, cursor: InvoiceCursor): Promise<void> {
      const { settleIndex, paymentHash = null, finalIndex, sinceAt, lostAt = null } = cursor;
      const text = `
        INSERT INTO invoice_cursor AS old (node_pubkey, settle_index, payment_hash, final_index, since_at, lost_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (node_pubkey) DO UPDATE
        SET settle_index = $2, payment_hash = $3, final_index = $4, lost_at = coalesce($6, old.lost_at)`;
      const values = [nodePubkey, settleIndex, paymentHash, finalIndex, sinceAt, lostAt];
      await translated(database.query({ name: "cursor-reset", text, values }));
    },

    /** Notes that nothing up to this add index can change any more. Never backwards. */
    async advanceFinal(nodePubkey: string, finalIndex: bigint): Promise<void> {
      const text = "UPDATE invoice_cursor SET final_index = $2 WHERE node_pubkey = $1 AND final_index < $2";
      await translated(database.query({ name: "cursor-final", text, values: [nodePubkey, finalIndex] }));
    },
  };
}

/** The row and its posting, inside a transaction of the caller's. False when the row was there. */
export async function insertReceipt(client: Queryable, receipt: Receipt, at: UnixSeconds): Promise<boolean> {
  return (await insertReceipts(client, [receipt], at)) === 1;
}

async function insertReceipts(client: Queryable, receipts: readonly Receipt[], at: UnixSeconds): Promise<number> {
  const { rows } = await client.query(RECORD, [
    receipts.map(({ paymentHash }) => Buffer.from(paymentHash)),
    receipts.map(({ amount }) => amount),
    receipts.map(({ settledAt }) => settledAt),
    receipts.map(({ settleIndex }) => settleIndex ?? null),
    at,
    receipts.map(({ nodePubkey }) => (nodePubkey === undefined ? null : Buffer.from(nodePubkey, "hex"))),
  ]);
  return rows[0]?.items ?? 0;
}
