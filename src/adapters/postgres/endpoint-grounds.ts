/** Tables `endpoint_belief` and `endpoint_model`: what the newest rating of an endpoint rests on beside the evidence log. */
import type { Method } from "../../core/endpoint/endpoint.ts";
import type { Chance } from "../../core/score/interval.ts";
import type { EndpointBelief } from "../../core/trust/believe-endpoint.ts";
import type { TrustModel } from "../../core/trust/model.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

export type EndpointGrounds = {
  readonly url: string;
  readonly category: string | undefined;
  readonly payee: string | undefined;
  /** Other endpoints of the same operator, which say something of this one, too. */
  readonly siblings: number;
  readonly ratedAt: UnixSeconds;
  /** The last entry of the log that was read. */
  readonly position: bigint;
  readonly model: TrustModel;
  readonly stages: EndpointBelief["stages"];
  readonly chance: Chance;
};

const GROUNDS = `
  SELECT e.url, b.category, b.payee, b.rated_at, b.position, b.stages, b.probability, b.low, b.high, m.model,
    (SELECT count(*)::int - 1 FROM (SELECT 1 FROM endpoint_belief o WHERE o.operator_group = b.operator_group LIMIT 1000) few) AS siblings
  FROM endpoint e JOIN endpoint_belief b USING (endpoint_id) JOIN endpoint_model m ON m.fitted_at = b.model_at
  WHERE e.url_hash = $1 AND e.method = $2 AND b.rated_at IS NOT NULL`;

export function endpointGroundsView(database: Queryable) {
  return {
    /** Undefined for an endpoint that was never rated, or is not known. */
    async groundsOf(urlHash: string, method: Method): Promise<EndpointGrounds | undefined> {
      const values = [urlHash, method];
      const { rows } = await translated(database.query({ name: "endpoint-grounds", text: GROUNDS, values }));
      const [row] = rows;
      return (
        row && {
          url: row.url,
          category: row.category ?? undefined,
          payee: row.payee ?? undefined,
          siblings: row.siblings,
          ratedAt: unixSeconds(Number(row.rated_at)),
          position: row.position,
          model: row.model,
          stages: row.stages,
          chance: { probability: row.probability, interval: { low: row.low, high: row.high } },
        }
      );
    },

    /** The model fitted at a whole hour; the newest one without it. */
    async modelAt(fittedAt: UnixSeconds | undefined): Promise<TrustModel | undefined> {
      const text =
        "SELECT model FROM endpoint_model WHERE $1::bigint IS NULL OR fitted_at = $1 ORDER BY fitted_at DESC LIMIT 1";
      const values = [fittedAt ?? null];
      const { rows } = await translated(database.query({ name: "endpoint-model-at", text, values }));
      return rows[0]?.model;
    },
  };
}
