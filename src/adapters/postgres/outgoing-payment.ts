/**
 * Tables `outgoing_payment` and `payment_step`: what we pay, step by step. Which steps there are, and what each posts to the
 * journal, is in `sql/0010-spend.sql`; the budget is held there too. Every instant is the database's.
 */
import { randomBytes } from "node:crypto";
import { toHex } from "../../core/bytes.ts";
import { readPayment as readArrival } from "../../core/evidence/read-payment.ts";
import type { OutgoingPayment, PaymentEnd, PaymentPlan, PaymentState } from "../../core/spend/payment.ts";
import { type Msat, msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { appendEvidence } from "./evidence.ts";

/** What may be spent in any window of `windowSec`, by all payments and by those of one subject. */
export type SpendLimits = { windowSec: number; total: Msat; perSubject: Msat };

/** The purpose of payments that measure an endpoint. */
export const MEASURING = "endpoint-probe";
/** How many seconds an approval is good for sending. */
const APPROVAL_SEC = 600;

/** Room that is missing: what is left, and when there is enough; `freesAt` is absent while only open payments stand in the way. */
export type NoRoom = { left: Msat; freesAt?: UnixSeconds };

export type Begun =
  | { begun: true }
  | { begun: false; reason: "absent" | "expired" }
  | { begun: false; reason: "not-approved"; state: PaymentState }
  | ({ begun: false; reason: "over-day" | "over-subject" } & NoRoom);

const COLUMNS = `payment_hash, state, node_pubkey, invoice, payee, purpose, subject, amount_msat, fee_limit_msat, invoice_ends_at,
  planned_at, valid_until, actor, sent_at, answer_by, prior_index, lnd_index, answered, closed_at, preimage, fee_msat, failure`;

const NOW = "extract(epoch FROM clock_timestamp())::bigint";

/** A payment waits for a person as long as its invoice lives, and a day at most. */
const PLAN = `
  INSERT INTO outgoing_payment (payment_hash, state, node_pubkey, invoice, payee, purpose, subject, amount_msat, fee_limit_msat,
    invoice_ends_at, planned_at, valid_until, actor)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, ${NOW},
    least($10, ${NOW} + CASE WHEN $2 = 'approved' THEN ${APPROVAL_SEC} ELSE 86400 END), $11)
  ON CONFLICT (payment_hash) DO NOTHING RETURNING ${COLUMNS}`;

const APPROVE = `
  UPDATE outgoing_payment SET state = 'approved', actor = $2, valid_until = least(invoice_ends_at, ${NOW} + ${APPROVAL_SEC})
  WHERE payment_hash = $1 AND state = 'awaiting-approval' AND valid_until > ${NOW} RETURNING ${COLUMNS}`;

/** Before it is sent: a person's no, or a limit that was met. */
const DROP = `
  UPDATE outgoing_payment SET state = 'failed', actor = $2, failure = $3, closed_at = ${NOW}
  WHERE payment_hash = $1 AND state IN ('awaiting-approval', 'approved') RETURNING ${COLUMNS}`;

const EXPIRE = `
  UPDATE outgoing_payment SET state = 'failed', actor = $1, closed_at = ${NOW},
    failure = CASE WHEN invoice_ends_at <= ${NOW} THEN 'invoice-expired' ELSE 'approval-expired' END
  WHERE state IN ('awaiting-approval', 'approved') AND least(valid_until, invoice_ends_at) <= ${NOW} RETURNING payment_hash`;

const CLOSE = `
  UPDATE outgoing_payment SET state = $2, actor = $3, closed_at = ${NOW}, preimage = $4, fee_msat = $5, failure = $6
  WHERE payment_hash = $1 AND state IN ('sending', 'unknown') RETURNING ${COLUMNS}`;

/** Whoever sent it has lost sight of it, or has died: nobody waits for an answer any more. */
const LOSE = `
  UPDATE outgoing_payment SET state = 'unknown', actor = $2, answered = answered OR $3
  WHERE payment_hash = $1 AND (state = 'sending' OR (state = 'unknown' AND $3 AND NOT answered)) RETURNING ${COLUMNS}`;

const LOSE_SILENT = `
  UPDATE outgoing_payment SET state = 'unknown', actor = $1
  WHERE state = 'sending' AND answer_by <= ${NOW} RETURNING payment_hash`;

export function outgoingPaymentTable(database: Database) {
  const one = async (name: string, text: string, values: unknown[]): Promise<OutgoingPayment | undefined> => {
    const { rows } = await translated(database.query({ name: `payment-${name}`, text, values }));
    return rows[0] && readPayment(rows[0]);
  };
  const find = (paymentHash: Uint8Array) =>
    one("find", `SELECT ${COLUMNS} FROM outgoing_payment WHERE payment_hash = $1`, [paymentHash]);

  return {
    find,

    /** Writes a plan down, once: for a hash that is known, `isNew` is false and the payment is what it is. */
    async plan(plan: PaymentPlan): Promise<{ isNew: boolean; payment: OutgoingPayment }> {
      const { paymentHash, state, nodePubkey, invoice, payee, purpose, subject } = plan;
      const { amount, feeLimit, invoiceEndsAt, actor } = plan;
      const about = [paymentHash, state, nodePubkey, invoice, payee, purpose, subject];
      const made = await one("plan", PLAN, [...about, amount, feeLimit, invoiceEndsAt, actor]);
      return made ? { isNew: true, payment: made } : { isNew: false, payment: (await find(paymentHash))! };
    },

    /** Undefined when it does not wait for an approval, or no longer. */
    approve: (paymentHash: Uint8Array, actor: string) => one("approve", APPROVE, [paymentHash, actor]),

    /** Ends a payment that was never sent. Undefined when it was, or has ended. */
    drop: (paymentHash: Uint8Array, actor: string, failure: string) => one("drop", DROP, [paymentHash, actor, failure]),

    /** Ends every payment that was not approved, or not sent, in time. @returns how many */
    async expire(actor: string): Promise<number> {
      return (await translated(database.query({ name: "payment-expire", text: EXPIRE, values: [actor] }))).rows.length;
    },

    /**
     * Holds the most it can cost and marks it as being sent, in one commit; or says why not. When this throws, the caller
     * must not send: the payment may be marked all the same, and is resolved like any other.
     */
    async begin(
      paymentHash: Uint8Array,
      sending: { actor: string; priorIndex: bigint; answerSec: number; limits: SpendLimits },
    ): Promise<Begun> {
      const { actor, priorIndex, answerSec, limits } = sending;
      const text = "SELECT * FROM begin_payment($1, $2, $3, $4, $5, $6, $7)";
      const values = [paymentHash, actor, priorIndex, answerSec, limits.windowSec, limits.total, limits.perSubject];
      const { rows } = await translated(database.query({ name: "payment-begin", text, values }));
      return readBegun(rows[0]);
    },

    /** Keeps the node's number for a payment that it has begun. */
    async noteIndex(paymentHash: Uint8Array, lndIndex: bigint): Promise<void> {
      const text = `UPDATE outgoing_payment SET lnd_index = $2
        WHERE payment_hash = $1 AND state IN ('sending', 'unknown') AND lnd_index IS NULL AND prior_index < $2`;
      await translated(database.query({ name: "payment-index", text, values: [paymentHash, lndIndex] }));
    },

    /** How it ended, with what an arrival proves. Undefined when that was known: the first word counts. */
    close(paymentHash: Uint8Array, end: PaymentEnd, actor: string): Promise<OutgoingPayment | undefined> {
      const proof = end.status === "succeeded" ? [end.preimage, end.fee, null] : [null, null, end.failure];
      return inTransaction(database, async (client) => {
        const { rows } = await client.query(CLOSE, [paymentHash, end.status, actor, ...proof]);
        const payment = rows[0] && readPayment(rows[0]);
        if (payment?.state === "succeeded") await noteArrival(client, payment);
        return payment;
      });
    },

    /** Its end is not known. `answered`: the node has answered the call, and said nothing of the payment. */
    lose: (paymentHash: Uint8Array, actor: string, answered: boolean) =>
      one("lose", LOSE, [paymentHash, actor, answered]),

    /** The same for those whose sender should have heard by now. @returns how many */
    async loseSilent(actor: string): Promise<number> {
      const { rows } = await translated(
        database.query({ name: "payment-lose-silent", text: LOSE_SILENT, values: [actor] }),
      );
      return rows.length;
    },

    /** Payments of a node that may have been sent and have not ended, oldest first, after a given one. */
    open: (nodePubkey: string, page: { after: Uint8Array; limit: number }) =>
      readMany(
        database,
        "open",
        `SELECT ${COLUMNS} FROM outgoing_payment
         WHERE state IN ('sending', 'unknown') AND node_pubkey = $1 AND payment_hash > $2 ORDER BY payment_hash LIMIT $3`,
        [nodePubkey, page.after, page.limit],
      ),

    /** The newest, of one state or of all. */
    list: (filter: { state?: PaymentState | undefined; limit: number }) =>
      readMany(
        database,
        "list",
        `SELECT ${COLUMNS} FROM outgoing_payment WHERE $1::text IS NULL OR state = $1
         ORDER BY planned_at DESC, payment_hash LIMIT $2`,
        [filter.state ?? null, filter.limit],
      ),

    /** Who brought it into which state, and when, oldest first. */
    async steps(paymentHash: Uint8Array): Promise<{ state: PaymentState; actor: string; at: UnixSeconds }[]> {
      const text =
        "SELECT state, actor, made_at FROM payment_step WHERE payment_hash = $1 ORDER BY payment_step_id LIMIT 100";
      const { rows } = await translated(database.query({ name: "payment-steps", text, values: [paymentHash] }));
      return rows.map((row) => ({ state: row.state, actor: row.actor, at: seconds(row.made_at) }));
    },
  };
}

/** The log is public. Whom the operator pays is not, nor is a payee that has not announced itself: nothing is noted of them. */
async function noteArrival(client: Queryable, payment: OutgoingPayment): Promise<void> {
  const { payee, closedAt, purpose } = payment;
  if (purpose !== MEASURING) return;
  const { rows } = await client.query("SELECT FROM node WHERE node_key = decode($1, 'hex')", [payee]);
  if (rows.length === 0 || closedAt === undefined) return;
  await appendEvidence(client, [readArrival({ ...payment, closedAt }, toHex(randomBytes(32)))]);
}

async function readMany(
  database: Queryable,
  name: string,
  text: string,
  values: unknown[],
): Promise<OutgoingPayment[]> {
  return (await translated(database.query({ name: `payment-${name}`, text, values }))).rows.map(readPayment);
}

// biome-ignore lint/suspicious/noExplicitAny: a row as the driver gives it; the schema says what is in it.
type Row = Record<string, any>;

function readBegun(row: Row): Begun {
  switch (row["outcome"]) {
    case "sending":
      return { begun: true };
    case "absent":
    case "expired":
      return { begun: false, reason: row["outcome"] };
    case "not-approved":
      return { begun: false, reason: "not-approved", state: row["current_state"] };
    default:
      return { begun: false, reason: row["outcome"], ...readRoom(row) };
  }
}

function readRoom(row: Row): NoRoom {
  const { left_msat, frees_at } = row;
  return { left: msat(left_msat), ...(frees_at !== null && { freesAt: seconds(frees_at) }) };
}

function readPayment(row: Row): OutgoingPayment {
  return {
    paymentHash: new Uint8Array(row["payment_hash"]),
    state: row["state"],
    nodePubkey: row["node_pubkey"],
    invoice: row["invoice"],
    payee: row["payee"],
    purpose: row["purpose"],
    subject: row["subject"],
    amount: msat(row["amount_msat"]),
    feeLimit: msat(row["fee_limit_msat"]),
    invoiceEndsAt: seconds(row["invoice_ends_at"]),
    plannedAt: seconds(row["planned_at"]),
    validUntil: seconds(row["valid_until"]),
    actor: row["actor"],
    answered: row["answered"],
    ...(row["sent_at"] !== null && { sentAt: seconds(row["sent_at"]), answerBy: seconds(row["answer_by"]) }),
    ...(row["prior_index"] !== null && { priorIndex: row["prior_index"] as bigint }),
    ...(row["lnd_index"] !== null && { lndIndex: row["lnd_index"] as bigint }),
    ...(row["closed_at"] !== null && { closedAt: seconds(row["closed_at"]) }),
    ...(row["preimage"] !== null && { preimage: new Uint8Array(row["preimage"]) }),
    ...(row["fee_msat"] !== null && { fee: msat(row["fee_msat"]) }),
    ...(row["failure"] !== null && { failure: row["failure"] as string }),
  };
}

function seconds(value: unknown): UnixSeconds {
  return unixSeconds(Number(value));
}
