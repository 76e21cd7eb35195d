/** Table `endpoint_model`: what was fitted at whole hours, and the endpoints that it is fitted to. */
import type { CallEvidence } from "../../core/evidence/call.ts";
import type { TrustModel } from "../../core/trust/model.ts";
import { type Queryable, translated } from "./connect.ts";

type Beliefs = { callsOf(ids: readonly bigint[]): Promise<{ calls: ReadonlyMap<bigint, CallEvidence[]> }> };

/** Enough to tell how alike endpoints are, and few enough to read their calls in seconds. */
const OPERATORS = 200;
const ENDPOINTS_OF_ONE = 10;
const ENDPOINTS = 600;
/** Endpoints whose calls are read in one statement. */
const AT_ONCE = 50;

/** Which ones depends on their names alone: nobody gets into it by being called often. */
const SAMPLE = `
  WITH operators AS (
    SELECT operator_group FROM endpoint_belief WHERE observations > 0 AND listed
    GROUP BY operator_group ORDER BY md5(operator_group) LIMIT ${OPERATORS})
  SELECT endpoint_id, operator_group, category FROM (
    SELECT b.endpoint_id, b.operator_group, b.category,
      row_number() OVER (PARTITION BY b.operator_group ORDER BY md5(b.endpoint_id::text)) AS place
    FROM endpoint_belief b JOIN operators USING (operator_group) WHERE b.observations > 0 AND b.listed) few
  WHERE place <= ${ENDPOINTS_OF_ONE} ORDER BY place, md5(operator_group) LIMIT ${ENDPOINTS}`;

export function endpointModelTable(database: Queryable, { callsOf }: Beliefs) {
  return {
    async newestModel(): Promise<TrustModel | undefined> {
      const text = "SELECT model FROM endpoint_model ORDER BY fitted_at DESC LIMIT 1";
      const { rows } = await translated(database.query({ name: "model-newest", text }));
      return rows[0]?.model;
    },

    async storeModel(model: TrustModel): Promise<void> {
      const text = "INSERT INTO endpoint_model (fitted_at, model) VALUES ($1, $2) ON CONFLICT DO NOTHING";
      await translated(database.query({ name: "model-store", text, values: [model.fittedAt, JSON.stringify(model)] }));
    },

    async sample() {
      const { rows } = await translated(database.query({ name: "model-sample", text: SAMPLE }));
      const sampled: { operator: string; category: string | undefined; calls: CallEvidence[] }[] = [];
      for (let from = 0; from < rows.length; from += AT_ONCE) {
        const part = rows.slice(from, from + AT_ONCE);
        const { calls } = await callsOf(part.map((row) => row.endpoint_id));
        for (const row of part) {
          const category = row.category ?? undefined;
          sampled.push({ operator: row.operator_group, category, calls: calls.get(row.endpoint_id) ?? [] });
        }
      }
      return sampled;
    },
  };
}
