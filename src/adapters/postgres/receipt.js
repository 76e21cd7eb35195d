/**
 * Tables `receipt` and `invoice_cursor`: what LND says was paid to our invoices, and how far its word was taken in.
 * Claiming a receipt for an account is `token.ts`'s.
 */
import { msat, unixSeconds } from "../../core/units.js";
import { inTransaction, translated } from "./connect.js";

/**
 * Sorted by hash, so that processes that book the same receipts wait for one another in one order. The conflict names no
 * index on purpose: two processes may collide in either unique one, and a collision in the other would be an error.
 */
const RECORD = `
  WITH told AS (
    SELECT DISTINCT ON (payment_hash) * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[])
      AS settlement(payment_hash, amount_msat, settled_at, settle_index) ORDER BY payment_hash
  ), closed AS (
    DELETE FROM open_invoice WHERE payment_hash = ANY ($1::bytea[])
  ), received AS (
    INSERT INTO receipt (payment_hash, amount_msat, settled_at, settle_index, received_at)
    SELECT payment_hash, amount_msat, settled_at, settle_index, $5::bigint FROM told ORDER BY payment_hash
    ON CONFLICT DO NOTHING RETURNING amount_msat
  )
  INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at)
  SELECT 'receipt', 'lightning', 'unclaimed', sum(amount_msat)::bigint, count(*)::integer, $5::bigint
  FROM received HAVING count(*) > 0 RETURNING items`;
/** Never backwards: another process may be ahead. */
const ADVANCE = `
  UPDATE invoice_cursor SET settle_index = $2, payment_hash = $3 WHERE node_pubkey = $1 AND settle_index < $2`;
export function receiptTable(database) {
  return {
    /**
     * Books receipts, ends the sharing of their invoices, and moves the node's cursor, in one transaction. Idempotent by
     * payment hash. @returns how many were news
     */
    record(receipts, at, reached) {
      return inTransaction(database, async (client) => {
        // First, so that processes that follow the same node take turns.
        if (reached) await client.query(ADVANCE, [reached.nodePubkey, reached.settleIndex, reached.paymentHash]);
        return receipts.length === 0 ? 0 : insertReceipts(client, receipts, at);
      });
    },
    /** What was received for each of these invoices, by the hash in hex; those nothing is known of are left out. */
    async amounts(paymentHashes) {
      const text =
        "SELECT encode(payment_hash, 'hex') AS hash, amount_msat FROM receipt WHERE payment_hash = ANY ($1::bytea[])";
      const values = [paymentHashes.map((hash) => Buffer.from(hash))];
      const { rows } = await translated(database.query({ name: "receipt-amounts", text, values }));
      return new Map(rows.map((row) => [row.hash, msat(row.amount_msat)]));
    },
    /** What was received for an invoice, or undefined when nothing is known of it here. */
    async find(paymentHash) {
      const text = "SELECT amount_msat, settled_at FROM receipt WHERE payment_hash = $1";
      const { rows } = await translated(database.query({ name: "receipt-find", text, values: [paymentHash] }));
      const [row] = rows;
      return row && { amount: msat(row.amount_msat), settledAt: unixSeconds(Number(row.settled_at)) };
    },
    /** The newest receipts that were booked at an instant or later, at most `limit`. */
    async bookedSince(at, limit) {
      const text = `
        SELECT payment_hash, amount_msat FROM receipt WHERE received_at >= $1 ORDER BY received_at DESC, payment_hash LIMIT $2`;
      const { rows } = await translated(database.query({ name: "receipt-since", text, values: [at, limit] }));
      return rows.map((row) => ({ paymentHash: new Uint8Array(row.payment_hash), amount: msat(row.amount_msat) }));
    },
    /** Undefined for a node that was never followed. */
    async readCursor(nodePubkey) {
      const text =
        "SELECT settle_index, payment_hash, final_index, since_at FROM invoice_cursor WHERE node_pubkey = $1";
      const { rows } = await translated(database.query({ name: "cursor-read", text, values: [nodePubkey] }));
      const row = rows[0];
      return (
        row && {
          settleIndex: row.settle_index,
          ...(row.payment_hash && { paymentHash: new Uint8Array(row.payment_hash) }),
          finalIndex: row.final_index,
          sinceAt: unixSeconds(Number(row.since_at)),
        }
      );
    },
    /** Writes a cursor after all of the node's invoices were read, even backwards: the node may have lost some. */
    async resetCursor(nodePubkey, cursor) {
      const { settleIndex, paymentHash = null, finalIndex, sinceAt } = cursor;
      const text = `
        INSERT INTO invoice_cursor (node_pubkey, settle_index, payment_hash, final_index, since_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (node_pubkey) DO UPDATE SET settle_index = $2, payment_hash = $3, final_index = $4`;
      const values = [nodePubkey, settleIndex, paymentHash, finalIndex, sinceAt];
      await translated(database.query({ name: "cursor-reset", text, values }));
    },
    /** Notes that nothing up to this add index can change any more. Never backwards. */
    async advanceFinal(nodePubkey, finalIndex) {
      const text = "UPDATE invoice_cursor SET final_index = $2 WHERE node_pubkey = $1 AND final_index < $2";
      await translated(database.query({ name: "cursor-final", text, values: [nodePubkey, finalIndex] }));
    },
  };
}
/** The row and its posting, inside a transaction of the caller's. False when the row was there. */
export async function insertReceipt(client, receipt, at) {
  return (await insertReceipts(client, [receipt], at)) === 1;
}
async function insertReceipts(client, receipts, at) {
  const { rows } = await client.query(RECORD, [
    receipts.map(({ paymentHash }) => Buffer.from(paymentHash)),
    receipts.map(({ amount }) => amount),
    receipts.map(({ settledAt }) => settledAt),
    receipts.map(({ settleIndex }) => settleIndex ?? null),
    at,
  ]);
  return rows[0]?.items ?? 0;
}
//# sourceMappingURL=receipt.js.map
