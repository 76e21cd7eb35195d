/** Table `probe`: every probe, written down before it is sent, and what became of it. */
import { fromHex, toHex } from "../../core/bytes.ts";
import type { Evidence } from "../../core/evidence/observation.ts";
import type { Prediction } from "../../core/prediction/prediction.ts";
import { hasArrived } from "../../core/probe/read-outcome.ts";
import type { ProbeHop } from "../../core/probe/route.ts";
import type { ProbeLimits } from "../../core/spend/policy.ts";
import { msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { appendEvidence } from "./evidence.ts";
import { appendPredictions, bookOutcome } from "./prediction.ts";

/** Which limit is in the way (sql/0011-evidence.sql, `claim_probe`). */
export type ProbeRefusal = "hour" | "target" | "peer" | "in-flight" | "backoff";

/** A probe about to be sent. Hashes are 64 hex digits. */
export type ProbeDraft = {
  paymentHash: string;
  nodePubkey: string;
  purpose: "asked" | "explore" | "manual";
  follows?: string;
  hops: readonly ProbeHop[];
  /** That it arrives; its id is the payment hash. */
  prediction?: Prediction;
};

/** A probe that has not ended. */
export type OpenProbe = {
  paymentHash: string;
  nodePubkey: string;
  state: "sent" | "unknown";
  hops: ProbeHop[];
  lockHeight: number;
  sentAt: UnixSeconds;
};

/** `inFlight` counts those without an answer, `unknown` the part of them whose call has ended. */
export type ProbeCounts = { inFlight: number; unknown: number; sentLastHour: number };

const OPEN_LIMIT = 200;

export function probeTable(database: Database) {
  return {
    /** Takes a place under the limits and writes the probe and its prediction down; undefined when it may be sent. Atomic. */
    async claim(draft: ProbeDraft, limits: ProbeLimits, now: UnixSeconds): Promise<ProbeRefusal | undefined> {
      const { paymentHash, nodePubkey, purpose, follows, hops, prediction } = draft;
      const last = hops.at(-1)!;
      const { perHour, perTarget24h, perPeerInFlight, perPeerPerHour } = limits;
      const values = [
        fromHex(paymentHash),
        nodePubkey,
        last.to,
        hops[0]!.to,
        last.amount,
        purpose,
        follows === undefined ? null : fromHex(follows),
        writeHops(hops),
        hops[0]!.expiryHeight,
        perHour,
        perTarget24h,
        perPeerInFlight,
        perPeerPerHour,
        now,
      ];
      const text = `SELECT claim_probe(${values.map((_, i) => `$${i + 1}`).join(", ")}) AS refusal`;
      return inTransaction(database, async (client) => {
        const { rows } = await client.query({ name: "probe-claim", text, values });
        const refusal: ProbeRefusal | undefined = rows[0].refusal ?? undefined;
        if (!refusal && prediction) await appendPredictions(client, [prediction]);
        return refusal;
      });
    },

    /** Books the answer, what it proves, and what became of the prediction, in one transaction. Of two answers to one probe the first counts; false for the second. */
    answer(
      paymentHash: string,
      answer: { code?: string; sourceIndex?: number; at: UnixSeconds },
      evidence: readonly Evidence[],
    ): Promise<boolean> {
      return inTransaction(database, async (client) => {
        const { code = null, sourceIndex = null, at } = answer;
        const text = `UPDATE probe SET state = 'answered', code = $2, source_index = $3, ended_at = $4
          WHERE payment_hash = $1 AND state IN ('sent', 'unknown')`;
        const { rowCount } = await client.query(text, [fromHex(paymentHash), code, sourceIndex, at]);
        if (rowCount !== 1) return false;
        await appendEvidence(client, evidence);
        const happened = hasArrived(evidence.map(({ observation }) => observation));
        if (happened !== undefined) await bookOutcome(client, paymentHash, { happened, at });
        return true;
      });
    },

    /** Says that the call has ended without an answer: the HTLC may be held somewhere. */
    async markUnknown(paymentHash: string): Promise<void> {
      await setState(database, paymentHash, "unknown");
    },

    /** Says that nothing left. */
    async markUnsent(paymentHash: string, at: UnixSeconds): Promise<void> {
      await setState(database, paymentHash, "unsent", at);
    },

    /** Says that no answer came before the time lock. */
    async markExpired(paymentHash: string, at: UnixSeconds): Promise<void> {
      await setState(database, paymentHash, "expired", at);
    },

    /** Probes without an answer that were sent before an instant, oldest first. */
    async open(sentBefore: UnixSeconds): Promise<OpenProbe[]> {
      const text = `SELECT payment_hash, node_pubkey, state, route, lock_height, sent_at FROM probe
        WHERE state IN ('sent', 'unknown') AND sent_at < $1 ORDER BY sent_at LIMIT $2`;
      const { rows } = await translated(database.query(text, [sentBefore, OPEN_LIMIT]));
      return rows.map((row) => ({
        paymentHash: toHex(row.payment_hash),
        nodePubkey: row.node_pubkey,
        state: row.state,
        hops: readHops(row.route),
        lockHeight: row.lock_height,
        sentAt: unixSeconds(Number(row.sent_at)),
      }));
    },

    async counts(now: UnixSeconds): Promise<ProbeCounts> {
      const text = `SELECT count(*) FILTER (WHERE state IN ('sent', 'unknown'))::int AS open,
          count(*) FILTER (WHERE state = 'unknown')::int AS unknown,
          count(*) FILTER (WHERE sent_at > $1 - 3600 AND state <> 'unsent')::int AS sent
        FROM probe WHERE sent_at > $1 - 3600 OR state IN ('sent', 'unknown')`;
      const { rows } = await translated(database.query({ name: "probe-counts", text, values: [now] }));
      return { inFlight: rows[0].open, unknown: rows[0].unknown, sentLastHour: rows[0].sent };
    },

    /** Hashes of ended probes of a node whose record is still in its book, oldest first. */
    async kept(nodePubkey: string, endedBefore: UnixSeconds, limit: number): Promise<string[]> {
      const text = `SELECT payment_hash FROM probe WHERE deleted_at IS NULL AND state IN ('answered', 'expired')
        AND node_pubkey = $1 AND ended_at < $2 ORDER BY ended_at LIMIT $3`;
      const { rows } = await translated(database.query(text, [nodePubkey, endedBefore, limit]));
      return rows.map((row) => toHex(row.payment_hash));
    },

    async markDeleted(paymentHash: string, at: UnixSeconds): Promise<void> {
      const text = "UPDATE probe SET deleted_at = $2 WHERE payment_hash = $1";
      await translated(database.query(text, [fromHex(paymentHash), at]));
    },
  };
}

/** Moves a probe on that has not ended. */
async function setState(
  database: Queryable,
  paymentHash: string,
  state: "unknown" | "unsent" | "expired",
  endedAt?: UnixSeconds,
): Promise<void> {
  const text =
    "UPDATE probe SET state = $2, ended_at = $3 WHERE payment_hash = $1 AND state IN ('sent', 'unknown') AND state <> $2";
  await translated(database.query(text, [fromHex(paymentHash), state, endedAt ?? null]));
}

function writeHops(hops: readonly ProbeHop[]): string {
  return JSON.stringify(hops, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

type StoredHop = Record<"channelId" | "from" | "to" | "amount", string> &
  Pick<ProbeHop, "capacitySat" | "expiryHeight"> & { parallel: string[]; willing: string[] };

function readHops(route: unknown): ProbeHop[] {
  return (route as StoredHop[]).map(({ channelId, amount, parallel, willing, ...hop }) => ({
    ...hop,
    channelId: BigInt(channelId),
    amount: msat(BigInt(amount)),
    parallel: parallel.map(BigInt),
    willing: willing.map(BigInt),
  }));
}
