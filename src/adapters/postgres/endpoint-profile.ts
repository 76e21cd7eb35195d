/** What the catalogue and the evidence log have of one endpoint. */
import type { Stage } from "../../core/endpoint/call.ts";
import type { Method } from "../../core/endpoint/endpoint.ts";
import type { Scheme } from "../../core/endpoint/listing.ts";
import { CALL_SOURCES, type CallEvidence, type CallSource } from "../../core/evidence/call.ts";
import { unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";
import { readCall } from "./endpoint-belief.ts";
import { DETAIL, detailOf } from "./endpoint-detail.ts";

const OF_ENDPOINT = "kind = 'call' AND entry::jsonb ->> 6 = $1 AND entry::jsonb ->> 7 = $2";

export function endpointProfileTable(database: Queryable) {
  const ask = async (name: string, text: string, values: unknown[]) =>
    (await translated(database.query({ name, text, values }))).rows;
  return {
    async findByUrl(urlHash: string) {
      const text = `${DETAIL} WHERE e.url_hash = $1 AND b.rated_at IS NOT NULL ORDER BY e.method`;
      const rows = await ask("endpoint-by-url", text, [urlHash]);
      return rows.map((row) => ({ ...detailOf(row), listed: row.listed as boolean }));
    },

    /** Those that still name it first. */
    async listingsOf(endpointId: bigint, limit: number) {
      const text = `SELECT source, reference, claim, first_seen_at, seen_at, gone_at FROM endpoint_listing
        WHERE endpoint_id = $1 ORDER BY gone_at DESC NULLS FIRST, source, reference LIMIT $2`;
      const rows = await ask("endpoint-listings", text, [endpointId, limit]);
      return rows.map((row) => ({
        source: row.source as string,
        reference: row.reference as string,
        claim: row.claim as Record<string, unknown>,
        firstSeenAt: instant(row.first_seen_at),
        seenAt: instant(row.seen_at),
        goneAt: row.gone_at === null ? undefined : instant(row.gone_at),
      }));
    },

    async changesOf(endpointId: bigint, limit: number) {
      const text = `SELECT changed_at, field, before, after, source FROM endpoint_change
        WHERE endpoint_id = $1 ORDER BY endpoint_change_id DESC LIMIT $2`;
      const rows = await ask("endpoint-changes", text, [endpointId, limit]);
      return rows.map((row) => ({ ...row, changedAt: instant(row.changed_at) }));
    },

    async newestCalls(urlHash: string, method: Method, limit: number): Promise<CallEvidence[]> {
      const text = `SELECT entry FROM evidence WHERE ${OF_ENDPOINT} ORDER BY position DESC LIMIT $3`;
      const rows = await ask("endpoint-newest-calls", text, [urlHash, method, limit]);
      return rows.flatMap((row) => readCall(row.entry));
    },

    async lastLook(endpointId: bigint) {
      const text = `SELECT ended_at, stage, verdict, code, schemes FROM endpoint_probe
        WHERE endpoint_id = $1 AND state = 'ended' ORDER BY started_at DESC LIMIT 1`;
      const [row] = await ask("endpoint-last-look", text, [endpointId]);
      return (
        row && {
          at: instant(row.ended_at),
          stage: row.stage as Stage,
          verdict: row.verdict as "good" | "bad" | "unknown",
          code: row.code as string,
          schemes: row.schemes as Scheme[],
        }
      );
    },

    async countCalls(urlHash: string, method: Method, limit: number): Promise<Record<CallSource, number>> {
      const of = (source: CallSource) =>
        `(SELECT count(*)::int FROM (SELECT 1 FROM evidence WHERE ${OF_ENDPOINT} AND source = '${source}' LIMIT $3) few) AS ${source}`;
      const [row] = await ask("endpoint-count-calls", `SELECT ${CALL_SOURCES.map(of).join(", ")}`, [
        urlHash,
        method,
        limit,
      ]);
      return row;
    },

    async countOfOperator(endpointId: bigint): Promise<number> {
      const text = `SELECT count(*)::int AS count FROM endpoint_belief WHERE listed
        AND operator_group = (SELECT operator_group FROM endpoint_belief WHERE endpoint_id = $1)`;
      return (await ask("endpoint-of-operator", text, [endpointId]))[0].count;
    },
  };
}

function instant(value: unknown) {
  return unixSeconds(Number(value));
}
