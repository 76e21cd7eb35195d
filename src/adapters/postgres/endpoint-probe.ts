/** Tables `endpoint_probe` and `endpoint_schedule`: calls of endpoints, step by step, and when the next one is due. */
import type { Method } from "../../core/endpoint/endpoint.ts";
import type { InputExample, Promised, Scheme } from "../../core/endpoint/listing.ts";
import type { CallEvidence } from "../../core/evidence/call.ts";
import type { Finding } from "../../core/inspect/finding.ts";
import type { NextCall } from "../../core/inspect/next-call.ts";
import { msat, type UnixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { appendCalls } from "./evidence.ts";

type Purchase = { readonly token: string; readonly invoice: string; readonly paymentHash: Uint8Array };
type Job = { readonly jobId: string; readonly endpointId: bigint; readonly mayPay: boolean };

/** What a host says of itself binds it; what a directory says of it does not. */
const OWN_WORD = "('owner', 'manifest', 'openapi')";

const OPEN = `
  WITH begun AS (
    INSERT INTO endpoint_probe (attempt, job_id, endpoint_id, may_pay, started_at)
      SELECT $1, $2::uuid, endpoint_id, $4, $5 FROM endpoint WHERE endpoint_id = $3 AND removed_at IS NULL
      ON CONFLICT (job_id) DO NOTHING RETURNING *
  ), known AS (
    SELECT * FROM begun UNION ALL SELECT * FROM endpoint_probe WHERE job_id = $2
  )
  SELECT k.attempt, k.endpoint_id, k.may_pay, k.state, k.token, k.invoice, k.payment_hash, e.url, e.url_hash, e.method,
    e.input, e.promised, coalesce(s.misses, 0) AS misses,
    CASE WHEN e.origin ->> 'price' IN ${OWN_WORD} THEN e.price_msat END AS price_msat,
    CASE WHEN e.origin ->> 'payee' IN ${OWN_WORD} THEN e.payee END AS payee
  FROM known k JOIN endpoint e USING (endpoint_id) LEFT JOIN endpoint_schedule s USING (endpoint_id) LIMIT 1`;

const CLOSE = `
  UPDATE endpoint_probe SET state = 'ended', ended_at = $2, token = NULL, stage = $3, verdict = $4, code = $5, price_msat = $6,
    payee = $7, latency_ms = $8, token_form = $9, schemes = $10 WHERE attempt = $1 AND state <> 'ended'`;

const RESCHEDULE = `
  INSERT INTO endpoint_schedule (endpoint_id, next_at, next_paid_at, misses) VALUES ($1, $2::bigint, coalesce($3::bigint, $2::bigint), $4)
  ON CONFLICT (endpoint_id) DO UPDATE
    SET next_at = $2::bigint, next_paid_at = coalesce($3::bigint, endpoint_schedule.next_paid_at), misses = $4`;

/** Endpoints that nobody looks after yet are due at once. */
const ADOPT = `
  INSERT INTO endpoint_schedule (endpoint_id, next_at, next_paid_at)
    SELECT endpoint_id, $1::bigint, $1::bigint FROM endpoint e WHERE removed_at IS NULL AND method <> 'DELETE'
      AND NOT EXISTS (SELECT 1 FROM endpoint_schedule s WHERE s.endpoint_id = e.endpoint_id)
  ON CONFLICT DO NOTHING`;

/** Whoever died with one in hand leaves it to be due again. */
const TAKE_DUE = `
  WITH due AS (
    SELECT s.endpoint_id, row_number() OVER (PARTITION BY e.host ORDER BY s.next_at) AS place
    FROM endpoint_schedule s JOIN endpoint e USING (endpoint_id) WHERE s.next_at <= $1 AND e.removed_at IS NULL
  ), taken AS (
    SELECT endpoint_id FROM endpoint_schedule WHERE endpoint_id IN (SELECT endpoint_id FROM due WHERE place <= $3)
    ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED
  )
  UPDATE endpoint_schedule s SET next_at = $1::bigint + $4::bigint FROM taken WHERE s.endpoint_id = taken.endpoint_id
  RETURNING s.endpoint_id, s.next_paid_at <= $1 AS may_pay`;

export function endpointProbeTable(database: Database) {
  return {
    /** The call this job began, or a new one; undefined when the endpoint is not in the catalogue any more. */
    async open({ jobId, endpointId, mayPay }: Job, attempt: string, at: UnixSeconds) {
      const values = [attempt, jobId, endpointId, mayPay, at];
      const { rows } = await translated(database.query({ name: "endpoint-probe-open", text: OPEN, values }));
      return rows[0] && readCall(rows[0]);
    },

    /** Whether we were given this payment hash before, or have paid it. */
    async isKnownPayment(paymentHash: Uint8Array): Promise<boolean> {
      const text = `SELECT EXISTS (SELECT 1 FROM outgoing_payment WHERE payment_hash = $1)
        OR EXISTS (SELECT 1 FROM endpoint_probe WHERE payment_hash = $1) AS known`;
      const { rows } = await translated(database.query(text, [paymentHash]));
      return rows[0].known;
    },

    /** Whether the graph has a node of this key. Without a graph every node may be in it. */
    async isAnnounced(nodeKey: string): Promise<boolean> {
      const text = `SELECT EXISTS (SELECT 1 FROM node WHERE node_key = decode($1, 'hex')) OR NOT EXISTS (SELECT 1 FROM node) AS announced`;
      const { rows } = await translated(database.query({ name: "node-announced", text, values: [nodeKey] }));
      return rows[0].announced;
    },

    async notePurchase(attempt: string, { token, invoice, paymentHash }: Purchase): Promise<void> {
      const text = `UPDATE endpoint_probe SET state = 'paying', token = $2, invoice = $3, payment_hash = $4 WHERE attempt = $1`;
      await translated(database.query(text, [attempt, token, invoice, paymentHash]));
    },

    /** False when somebody has gone to fetch it before. */
    async noteDelivery(attempt: string): Promise<boolean> {
      const text = "UPDATE endpoint_probe SET state = 'delivering' WHERE attempt = $1 AND state = 'paying'";
      const { rowCount } = await translated(database.query(text, [attempt]));
      return rowCount === 1;
    },

    /** Ends a call, with its evidence and the time of the next one. A call that has ended stays as it is. */
    async close(call: {
      attempt: string;
      endpointId: bigint;
      at: UnixSeconds;
      finding: Finding;
      schemes: readonly Scheme[];
      evidence: readonly CallEvidence[];
      next: NextCall;
    }): Promise<void> {
      const { attempt, endpointId, at, finding, schemes, evidence, next } = call;
      const { stage, verdict, code, price, payee, latencyMs, tokenForm } = finding;
      const values = [attempt, at, stage, verdict, code, price, payee, latencyMs, tokenForm, schemes];
      await inTransaction(database, async (client) => {
        const { rowCount } = await client.query(CLOSE, values);
        if (rowCount !== 1) return;
        await client.query(RESCHEDULE, [endpointId, next.nextAt, next.nextPaidAt, next.misses]);
        await appendCalls(client, evidence);
      });
    },
  };
}

/** Takes what is due, oldest first, `perHost` of one host at most; each is due again after `againSec` if nothing comes of it. */
export async function takeDueEndpoints(
  client: Queryable,
  { now, limit, perHost, againSec }: { now: UnixSeconds; limit: number; perHost: number; againSec: number },
): Promise<{ endpointId: bigint; mayPay: boolean }[]> {
  await client.query(ADOPT, [now]);
  const { rows } = await client.query(TAKE_DUE, [now, limit, perHost, againSec]);
  return rows.map((row) => ({ endpointId: row.endpoint_id, mayPay: row.may_pay }));
}

type CallRow = {
  attempt: string;
  endpoint_id: bigint;
  may_pay: boolean;
  state: "asking" | "paying" | "delivering" | "ended";
  token: string | null;
  invoice: string | null;
  payment_hash: Uint8Array | null;
  url: string;
  url_hash: string;
  method: Method;
  input: InputExample | null;
  promised: Promised | null;
  misses: number;
  price_msat: bigint | null;
  payee: string | null;
};

function readCall(row: CallRow) {
  const { url, method, input, promised, price_msat: price, payee, token, invoice, payment_hash: paymentHash } = row;
  return {
    attempt: row.attempt,
    endpointId: row.endpoint_id,
    id: row.url_hash,
    callee: { url, method, ...(input && { input }) },
    announced: { ...(price !== null && { price: msat(price) }), ...(payee !== null && { payee }) },
    promised: promised ?? {},
    mayPay: row.may_pay,
    misses: row.misses,
    state: row.state,
    ...(token !== null &&
      invoice !== null &&
      paymentHash !== null && { purchase: { token, invoice, paymentHash: new Uint8Array(paymentHash) } }),
  };
}
