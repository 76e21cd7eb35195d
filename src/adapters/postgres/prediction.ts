/** Tables `prediction` and `prediction_outcome`: what was said before it was known, in one chain, and what became of it. */
import { CHAIN_START, type ChainHead, type Link } from "../../core/evidence/chain.ts";
import { encodePrediction, type Prediction, type PredictionKind } from "../../core/prediction/prediction.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** A prediction whose outcome is known. */
export type JudgedRow = {
  kind: PredictionKind;
  amountMsat: number;
  probability: number;
  lndApriori: number | null;
  happened: boolean;
};

/** Adds predictions in their order: all of them, or none. In a transaction of the caller's, other writers wait for its end. */
export async function appendPredictions(database: Queryable, predictions: readonly Prediction[]): Promise<void> {
  if (predictions.length === 0) return;
  await translated(database.query("SELECT append_prediction($1)", [predictions.map(encodePrediction)]));
}

/** Books what became of a prediction. @returns false where there is none of this id, or where that is known */
export async function bookOutcome(
  database: Queryable,
  predictionId: string,
  outcome: { happened: boolean; at: UnixSeconds },
): Promise<boolean> {
  const text = `INSERT INTO prediction_outcome (prediction_id, happened, ended_at)
    SELECT prediction_id, $2, $3 FROM prediction WHERE prediction_id = $1 ON CONFLICT DO NOTHING`;
  const { rowCount } = await translated(database.query(text, [predictionId, outcome.happened, outcome.at]));
  return rowCount === 1;
}

export function predictionTable(database: Queryable) {
  return {
    append: (predictions: readonly Prediction[]) => appendPredictions(database, predictions),

    /** At most `limit` entries after a position, in their order, as they are stored. */
    async page(after: bigint, limit: number): Promise<Link[]> {
      const text = "SELECT position, hash, entry FROM prediction WHERE position > $1 ORDER BY position LIMIT $2";
      const { rows } = await translated(database.query(text, [after, limit]));
      return rows.map((row) => ({ position: row.position, hash: new Uint8Array(row.hash), text: row.entry }));
    },

    /** The newest entry's place, and the hash that covers all up to it. */
    async head(): Promise<ChainHead> {
      const text = "SELECT position, hash FROM prediction ORDER BY position DESC LIMIT 1";
      const { rows } = await translated(database.query({ name: "prediction-head", text }));
      return rows[0] ? { position: rows[0].position, hash: new Uint8Array(rows[0].hash) } : CHAIN_START;
    },

    /** How many were made since an instant, by kind. */
    async countByKind(since: UnixSeconds): Promise<{ kind: PredictionKind; count: number }[]> {
      const text =
        "SELECT kind, count(*)::int AS count FROM prediction WHERE predicted_at >= $1 GROUP BY kind ORDER BY kind";
      const { rows } = await translated(database.query({ name: "prediction-counts", text, values: [since] }));
      return rows.map(({ kind, count }) => ({ kind, count }));
    },

    /** Those whose outcome became known since an instant: the newest `limit`. */
    async judged(since: UnixSeconds, limit: number): Promise<JudgedRow[]> {
      const text = `SELECT p.kind, p.amount_msat, p.probability, p.lnd_apriori, o.happened
        FROM prediction_outcome o JOIN prediction p USING (prediction_id)
        WHERE o.ended_at >= $1 ORDER BY o.ended_at DESC, p.position DESC LIMIT $2`;
      const { rows } = await translated(database.query({ name: "prediction-judged", text, values: [since, limit] }));
      return rows.map((row) => ({
        kind: row.kind,
        amountMsat: Number(row.amount_msat),
        probability: row.probability,
        lndApriori: row.lnd_apriori,
        happened: row.happened,
      }));
    },
  };
}
