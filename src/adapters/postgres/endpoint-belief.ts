/** Table `endpoint_belief`, as it is written: what has to be rated again, from what, and what came of it. */
import { errorCode } from "../../core/errors.ts";
import { type CallEvidence, decodeCall } from "../../core/evidence/call.ts";
import type { Chance } from "../../core/score/interval.ts";
import type { EndpointBelief } from "../../core/trust/believe-endpoint.ts";
import { type Msat, msat, type UnixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { outboxTable, type StagedEvent } from "./outbox.ts";

/** What a rating needs of one endpoint. */
type Member = {
  endpointId: bigint;
  category: string | undefined;
  price: Msat | undefined;
  payee: string | undefined;
  marks: bigint;
};

type Rated = {
  readonly endpointId: bigint;
  readonly marks: bigint;
  readonly ratedAt: UnixSeconds;
  readonly modelAt: number;
  readonly position: bigint;
  readonly facts: {
    readonly price: Msat | undefined;
    readonly payee: string | undefined;
    readonly latency: { readonly medianMs: number; readonly ninetiethMs: number } | undefined;
    readonly observations: number;
    readonly probes: { readonly made: number; readonly paid: number; readonly good: number };
    readonly newestAt: UnixSeconds | undefined;
  };
  readonly belief: EndpointBelief;
  readonly floorMsat: number | undefined;
  readonly hopeMsat: number | undefined;
};

/** Of one source, and of calls that were paid or not: older ones count less than a thousandth by then. */
const CALLS_OF_A_KIND = 200;
/** Entries of the log, and endpoints of the catalogue, that are looked through for news at a time. */
const NEWS = 5_000;
/** What changed within so long of the last look is looked at again: clocks of two machines differ, and transactions end out of turn. */
const OVERLAP_SEC = 600;

/** The words of an endpoint of the catalogue, and its category as one that nobody can write. */
export const SEARCH =
  "e.search || CASE WHEN e.category IS NULL THEN '' ELSE array_to_tsvector(ARRAY['=' || e.category]) END";

const COPY_CATALOGUE = `
  INSERT INTO endpoint_belief (endpoint_id, catalogue_at, listed, category, search, host, operator_group)
  SELECT e.endpoint_id, e.changed_at, e.removed_at IS NULL, e.category, ${SEARCH}, e.host, coalesce(e.operator, e.host)
  FROM endpoint e LEFT JOIN endpoint_belief b USING (endpoint_id)
  WHERE e.changed_at >= $1 AND (b.endpoint_id IS NULL OR b.catalogue_at <> e.changed_at
    OR (b.listed, b.category, b.operator_group) IS DISTINCT FROM (e.removed_at IS NULL, e.category, coalesce(e.operator, e.host)))
  ORDER BY e.endpoint_id LIMIT ${NEWS}
  ON CONFLICT (endpoint_id) DO UPDATE SET catalogue_at = excluded.catalogue_at, listed = excluded.listed,
    category = excluded.category, search = excluded.search, host = excluded.host, operator_group = excluded.operator_group,
    marks = endpoint_belief.marks + 1`;

const MARK_CALLED = `
  WITH news AS (
    SELECT position, entry::jsonb ->> 6 AS url_hash, entry::jsonb ->> 7 AS method FROM evidence
    WHERE position > $1 AND kind = 'call' ORDER BY position LIMIT ${NEWS}),
  called AS (SELECT DISTINCT e.endpoint_id FROM news JOIN endpoint e USING (url_hash, method)),
  marked AS (UPDATE endpoint_belief b SET marks = b.marks + 1 FROM called c WHERE b.endpoint_id = c.endpoint_id RETURNING 1)
  SELECT (SELECT count(*) FROM marked)::int AS marked, (SELECT count(*) FROM news)::int AS read, (SELECT max(position) FROM news) AS last`;

const CALLS = `
  SELECT e.endpoint_id, c.entry FROM endpoint e
  CROSS JOIN unnest(ARRAY['probe', 'proven', 'holder', 'signed']) AS by(source)
  CROSS JOIN unnest(ARRAY[false, true]) AS went(far)
  CROSS JOIN LATERAL (
    SELECT v.entry FROM evidence v
    WHERE v.kind = 'call' AND v.entry::jsonb ->> 6 = e.url_hash AND v.entry::jsonb ->> 7 = e.method AND v.source = by.source
      AND (v.entry::jsonb ->> 8 IN ('payment', 'delivery', 'quality')) = went.far AND v.position <= $2
    ORDER BY v.position DESC LIMIT ${CALLS_OF_A_KIND}) c
  WHERE e.endpoint_id = ANY($1)`;

const STORE = `
  UPDATE endpoint_belief b SET rated_marks = greatest(b.rated_marks, r.marks), rated_at = r.rated_at, model_at = r.model_at,
    position = r.position, stages = r.stages, probability = r.probability, low = r.low, high = r.high,
    verdict = r.verdict, paid_low = r.paid_low, paid_high = r.paid_high, unpaid_low = r.unpaid_low, unpaid_high = r.unpaid_high,
    payment_low = r.payment_low, payment_good = r.payment_good, payment_bad = r.payment_bad, observations = r.observations, newest_at = r.newest_at, price_msat = r.price_msat, payee = r.payee,
    probe_count = r.probe_count, paid_count = r.paid_count, good_count = r.good_count,
    latency_ms = r.latency_ms, latency_90_ms = r.latency_90_ms, floor_cost = r.floor_cost, hope_cost = r.hope_cost
  FROM jsonb_to_recordset($1::jsonb) AS r(endpoint_id bigint, marks bigint, rated_at bigint, model_at bigint, position bigint,
    stages jsonb, probability float8, low float8, high float8, verdict text, paid_low float8, paid_high float8,
    unpaid_low float8, unpaid_high float8, payment_low float8, payment_good float8, payment_bad float8, observations int, newest_at bigint, price_msat bigint, payee text, latency_ms int,
    latency_90_ms int, floor_cost float8, hope_cost float8, probe_count int, paid_count int, good_count int)
  WHERE b.endpoint_id = r.endpoint_id AND (b.rated_at IS NULL OR (b.rated_at <= r.rated_at AND b.position <= r.position))`;

export function endpointBeliefTable(database: Database) {
  return {
    /** Marks what the catalogue and the log have news of. Looks at all of it, in steps that are each one transaction. */
    async markNews(now: UnixSeconds): Promise<number> {
      let marked = 0;
      for (;;) {
        const step = await inTransaction(database, (client) => markStep(client, now));
        marked += step.marked;
        if (step.isLast) return marked;
      }
    },

    async dueGroups(ratedBefore: UnixSeconds, limit: number): Promise<string[]> {
      const text = `(SELECT DISTINCT operator_group FROM endpoint_belief WHERE marks <> rated_marks LIMIT $2)
        UNION (SELECT operator_group FROM endpoint_belief WHERE rated_at < $1 ORDER BY rated_at LIMIT $2)`;
      const { rows } = await translated(database.query({ name: "belief-due", text, values: [ratedBefore, limit] }));
      return rows.map((row) => row.operator_group);
    },

    async membersOf(group: string, ratedBefore: UnixSeconds, limit: number): Promise<Member[]> {
      const text = `SELECT b.endpoint_id, b.category, b.marks, e.price_msat, e.payee
        FROM endpoint_belief b JOIN endpoint e USING (endpoint_id) WHERE b.operator_group = $1
        ORDER BY (b.marks <> b.rated_marks OR b.rated_at < $2) DESC, b.endpoint_id LIMIT $3`;
      const { rows } = await translated(
        database.query({ name: "belief-members", text, values: [group, ratedBefore, limit] }),
      );
      return rows.map((row) => ({
        endpointId: row.endpoint_id,
        category: row.category ?? undefined,
        price: row.price_msat === null ? undefined : msat(row.price_msat),
        payee: row.payee ?? undefined,
        marks: row.marks,
      }));
    },

    async callsOf(endpointIds: readonly bigint[]): Promise<{ position: bigint; calls: Map<bigint, CallEvidence[]> }> {
      const head = "SELECT coalesce(max(position), 0)::bigint AS position FROM evidence";
      const { position } = (await translated(database.query({ name: "belief-head", text: head }))).rows[0];
      const { rows } = await translated(
        database.query({ name: "belief-calls", text: CALLS, values: [endpointIds, position] }),
      );
      const calls = new Map<bigint, CallEvidence[]>();
      for (const { endpoint_id: id, entry } of rows) {
        calls.set(id, [...(calls.get(id) ?? []), ...readCall(entry)]);
      }
      return { position, calls };
    },

    /** Of nodes with a score: how likely 100,000 sat reach them, which smaller amounts do at least. */
    async reachOf(payees: readonly string[]): Promise<Map<string, Chance>> {
      const text = `SELECT encode(node_key, 'hex') AS key, reach_ratio, rank, rank_low, rank_high FROM node
        WHERE node_key = ANY(SELECT decode(key, 'hex') FROM unnest($1::text[]) AS key) AND rank IS NOT NULL`;
      const { rows } = await translated(database.query({ name: "belief-reach", text, values: [payees] }));
      return new Map(rows.map((row) => [row.key, chanceOfScore(row)]));
    },

    /** Stores beliefs, and what is said of them on Nostr, together or not at all. */
    async store(rated: readonly Rated[], staged: readonly StagedEvent[] = []): Promise<void> {
      const values = [JSON.stringify(rated.map(rowOf))];
      const storeOn = (client: Queryable) => client.query({ name: "belief-store", text: STORE, values });
      if (staged.length === 0) await translated(storeOn(database));
      else
        await inTransaction(database, async (client) => {
          await storeOn(client);
          await outboxTable(client).stage(staged, rated[0]!.ratedAt);
        });
    },
  };
}

/** One step through the news. Two that run at once take turns at the row that says how far the last one came. */
async function markStep(client: Queryable, now: UnixSeconds): Promise<{ marked: number; isLast: boolean }> {
  const { rows } = await client.query("SELECT position, changed_at FROM endpoint_rating FOR UPDATE");
  const [row] = rows as [{ position: bigint; changed_at: bigint }];
  const copied = (await client.query(COPY_CATALOGUE, [Number(row.changed_at) - OVERLAP_SEC])).rowCount ?? 0;
  const called = (await client.query(MARK_CALLED, [row.position])).rows[0];
  const isLast = copied < NEWS && called.read < NEWS;
  const upTo = copied < NEWS ? now : Number(row.changed_at);
  const text = "UPDATE endpoint_rating SET position = $1, changed_at = greatest(changed_at, $2)";
  await client.query(text, [called.last ?? row.position, upTo]);
  return { marked: copied + called.marked, isLast };
}

/** An entry that cannot be read is nobody's call; those beside it count. */
export function readCall(entry: string): CallEvidence[] {
  try {
    return [decodeCall(entry)];
  } catch (error) {
    if (errorCode(error) === "EVIDENCE_MALFORMED" || errorCode(error) === "TIME_INVALID") return [];
    throw error;
  }
}

type Score = { reach_ratio: number; rank: number; rank_low: number; rank_high: number };

/** The reach, as doubtful as the rank that it is a part of. */
function chanceOfScore({ reach_ratio: probability, rank, rank_low: low, rank_high: high }: Score): Chance {
  const interval = {
    low: Math.max(0, probability - (rank - low) / 100),
    high: Math.min(1, probability + (high - rank) / 100),
  };
  return { probability, interval };
}

function rowOf({ facts, belief, ...rated }: Rated) {
  const { stages, chance, verdict, paid, unpaid } = belief;
  return {
    endpoint_id: String(rated.endpointId),
    marks: String(rated.marks),
    rated_at: rated.ratedAt,
    model_at: rated.modelAt,
    position: String(rated.position),
    stages,
    probability: chance.probability,
    low: chance.interval.low,
    high: chance.interval.high,
    verdict,
    paid_low: paid.low,
    paid_high: paid.high,
    unpaid_low: unpaid.low,
    unpaid_high: unpaid.high,
    payment_low: stages.payment.interval.low,
    payment_good: stages.payment.seen.good,
    payment_bad: stages.payment.seen.bad,
    observations: facts.observations,
    probe_count: facts.probes.made,
    paid_count: facts.probes.paid,
    good_count: facts.probes.good,
    newest_at: facts.newestAt ?? null,
    price_msat: facts.price === undefined ? null : String(facts.price),
    payee: facts.payee ?? null,
    latency_ms: facts.latency?.medianMs ?? null,
    latency_90_ms: facts.latency?.ninetiethMs ?? null,
    floor_cost: rated.floorMsat ?? null,
    hope_cost: rated.hopeMsat ?? null,
  };
}
