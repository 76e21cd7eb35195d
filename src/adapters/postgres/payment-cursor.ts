/** Table `payment_cursor`, and what a comparison of a node's payments with ours reads of `outgoing_payment`. */
import { toHex } from "../../core/bytes.ts";
import type { PaymentState } from "../../core/spend/payment.ts";
import { type Msat, msat, type UnixSeconds } from "../../core/units.ts";
import { type Database, translated } from "./connect.ts";

/** A payment as far as a node's book can differ from it. */
export type BookedPayment = {
  paymentHash: Uint8Array;
  state: PaymentState;
  nodePubkey: string;
  amount: Msat;
  fee?: Msat;
  wasSent: boolean;
  lndIndex?: bigint;
  failure?: string;
};

const COLUMNS = "payment_hash, state, node_pubkey, amount_msat, fee_msat, sent_at, lnd_index, failure";

export function paymentCursorTable(database: Database) {
  return {
    /** Everything of the node up to this index is decided and was compared; 0 before the first comparison. */
    async readFinal(nodePubkey: string): Promise<bigint> {
      const text = "SELECT final_index FROM payment_cursor WHERE node_pubkey = $1";
      const { rows } = await translated(database.query({ name: "payment-cursor-read", text, values: [nodePubkey] }));
      return rows[0]?.final_index ?? 0n;
    },

    /** Never backwards. */
    async advanceFinal(nodePubkey: string, finalIndex: bigint): Promise<void> {
      const text = `INSERT INTO payment_cursor (node_pubkey, final_index) VALUES ($1, $2)
        ON CONFLICT (node_pubkey) DO UPDATE SET final_index = greatest(payment_cursor.final_index, $2)`;
      await translated(database.query({ name: "payment-cursor-advance", text, values: [nodePubkey, finalIndex] }));
    },

    /** Ours among these hashes, by the hash in hex. */
    async booked(paymentHashes: readonly Uint8Array[]): Promise<Map<string, BookedPayment>> {
      const text = `SELECT ${COLUMNS} FROM outgoing_payment WHERE payment_hash = ANY ($1::bytea[])`;
      const values = [paymentHashes.map((hash) => Buffer.from(hash))];
      const { rows } = await translated(database.query({ name: "payment-booked", text, values }));
      return new Map(rows.map((row) => [toHex(row.payment_hash), readBooked(row)]));
    },

    /** The newest that succeeded on a node at an instant or later, at most `limit`. */
    async succeededSince(nodePubkey: string, at: UnixSeconds, limit: number): Promise<BookedPayment[]> {
      const text = `SELECT ${COLUMNS} FROM outgoing_payment
        WHERE state = 'succeeded' AND node_pubkey = $1 AND closed_at >= $2 ORDER BY closed_at DESC, payment_hash LIMIT $3`;
      const { rows } = await translated(
        database.query({ name: "payment-succeeded", text, values: [nodePubkey, at, limit] }),
      );
      return rows.map(readBooked);
    },
  };
}

type Row = {
  payment_hash: Buffer;
  state: PaymentState;
  node_pubkey: string;
  amount_msat: bigint;
  fee_msat: bigint | null;
  sent_at: bigint | null;
  lnd_index: bigint | null;
  failure: string | null;
};

function readBooked(row: Row): BookedPayment {
  return {
    paymentHash: new Uint8Array(row.payment_hash),
    state: row.state,
    nodePubkey: row.node_pubkey,
    amount: msat(row.amount_msat),
    wasSent: row.sent_at !== null,
    ...(row.fee_msat !== null && { fee: msat(row.fee_msat) }),
    ...(row.lnd_index !== null && { lndIndex: row.lnd_index }),
    ...(row.failure !== null && { failure: row.failure }),
  };
}
