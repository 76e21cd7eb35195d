/** Endpoints as they were rated last, with what the catalogue says of them. */
import type { Method } from "../../core/endpoint/endpoint.ts";
import type { Verdict } from "../../core/intent/decision.ts";
import type { EndpointBelief } from "../../core/trust/believe-endpoint.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

export const DETAIL = `SELECT b.endpoint_id, b.listed, b.host, b.category, b.price_msat, b.payee, b.latency_ms, b.latency_90_ms, b.stages, b.probability, b.low,
    b.high, b.verdict, b.observations, b.newest_at, b.rated_at, b.model_at, b.position, e.url, e.url_hash, e.method, e.name, e.operator, e.price_msat AS announced,
    ARRAY(SELECT DISTINCT l.source FROM endpoint_listing l WHERE l.endpoint_id = b.endpoint_id AND l.gone_at IS NULL ORDER BY l.source) AS sources,
    coalesce((SELECT encode(v.hash, 'hex') FROM evidence v WHERE v.position = b.position), repeat('0', 64)) AS head
  FROM endpoint_belief b JOIN endpoint e USING (endpoint_id)`;

export function endpointDetailTable(database: Queryable) {
  return {
    /** Those that were rated; in no order. */
    async describe(endpointIds: readonly bigint[]) {
      const text = `${DETAIL} WHERE b.endpoint_id = ANY($1) AND b.rated_at IS NOT NULL`;
      const { rows } = await translated(database.query({ name: "endpoint-detail", text, values: [endpointIds] }));
      return rows.map(detailOf);
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a row as the driver gives it
export function detailOf(row: any) {
  return {
    endpointId: row.endpoint_id as bigint,
    urlHash: row.url_hash as string,
    url: row.url as string,
    method: row.method as Method,
    host: row.host as string,
    name: (row.name ?? undefined) as string | undefined,
    category: (row.category ?? undefined) as string | undefined,
    operator: (row.operator ?? undefined) as string | undefined,
    announced: row.announced === null ? undefined : msat(row.announced),
    price: row.price_msat === null ? undefined : msat(row.price_msat),
    payee: (row.payee ?? undefined) as string | undefined,
    latency:
      row.latency_ms === null
        ? undefined
        : { medianMs: row.latency_ms as number, ninetiethMs: row.latency_90_ms as number },
    sources: row.sources as string[],
    stages: row.stages as EndpointBelief["stages"],
    chance: { probability: row.probability as number, interval: { low: row.low as number, high: row.high as number } },
    verdict: row.verdict as Verdict,
    observations: row.observations as number,
    newestAt: row.newest_at === null ? undefined : unixSeconds(Number(row.newest_at)),
    ratedAt: unixSeconds(Number(row.rated_at)),
    modelAt: Number(row.model_at),
    position: row.position as bigint,
    head: row.head as string,
  };
}
