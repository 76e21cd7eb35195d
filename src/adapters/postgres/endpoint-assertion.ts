/** Tables `endpoint` and `endpoint_belief`, as they are published: all methods of a URL beside each other. */
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

type Known = {
  endpointId: bigint;
  url: string;
  urlHash: string;
  method: string;
  listed: boolean;
  belief:
    | {
        probability: number;
        low: number;
        high: number;
        verdict: string;
        observations: number;
        probes: { made: number; paid: number; good: number };
        latencyMs: number | undefined;
        priceMsat: bigint | undefined;
        ratedAt: UnixSeconds;
      }
    | undefined;
};

const COLUMNS = `e.endpoint_id, e.url, e.url_hash, e.method, b.listed, b.probability, b.low, b.high, b.verdict, b.observations,
  b.probe_count, b.paid_count, b.good_count, b.latency_ms, b.price_msat, b.rated_at`;
const JOINED = "endpoint e JOIN endpoint_belief b USING (endpoint_id)";

export function endpointAssertionView(database: Queryable) {
  const read = async (name: string, text: string, values: unknown[]): Promise<Known[]> => {
    const { rows } = await translated(database.query({ name, text, values }));
    return rows.map(knownOf);
  };
  return {
    /** Of the URLs whose hashes follow `after`, in the order of the hashes: all methods of at most `limit` URLs. */
    endpointsAfter(after: string, limit: number): Promise<Known[]> {
      const text = `SELECT ${COLUMNS} FROM ${JOINED} WHERE e.url_hash IN (
          SELECT DISTINCT url_hash FROM endpoint JOIN endpoint_belief USING (endpoint_id)
          WHERE url_hash > $1 ORDER BY url_hash LIMIT $2)
        ORDER BY e.url_hash, e.method`;
      return read("assertion-endpoints", text, [after, limit]);
    },

    /** All methods of the URLs of these endpoints. */
    endpointsBeside(endpointIds: readonly bigint[]): Promise<Known[]> {
      const text = `SELECT ${COLUMNS} FROM ${JOINED}
        WHERE e.url_hash IN (SELECT url_hash FROM endpoint WHERE endpoint_id = ANY($1)) ORDER BY e.url_hash, e.method`;
      return read("assertion-beside", text, [endpointIds]);
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a row of the statements above
function knownOf(row: any): Known {
  const belief = row.rated_at !== null && {
    ...{ probability: row.probability, low: row.low, high: row.high, verdict: row.verdict },
    observations: row.observations,
    probes: { made: row.probe_count, paid: row.paid_count, good: row.good_count },
    latencyMs: row.latency_ms ?? undefined,
    priceMsat: row.price_msat ?? undefined,
    ratedAt: unixSeconds(Number(row.rated_at)),
  };
  const { endpoint_id: endpointId, url, url_hash: urlHash, method, listed } = row;
  return { endpointId, url, urlHash, method, listed, belief: belief || undefined };
}
