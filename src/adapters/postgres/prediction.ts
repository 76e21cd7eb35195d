/** Table `prediction`: each probability that was given, written before its outcome can be known. */
import type { Prediction } from "../../core/intent/decision.ts";
import { type Queryable, translated } from "./connect.ts";

export function predictionTable(database: Queryable) {
  return {
    async append(prediction: Prediction): Promise<void> {
      const {
        predictionId,
        target,
        caller,
        amount,
        probability,
        low,
        high,
        firstTry,
        verdict,
        graphDigest,
        model,
        at,
      } = prediction;
      const text = `INSERT INTO prediction (prediction_id, target_key, caller_key, amount_msat, probability, low, high, first_try,
        verdict, graph_digest, model, predicted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`;
      const values = [
        predictionId,
        target,
        caller,
        amount,
        probability,
        low,
        high,
        firstTry,
        verdict,
        graphDigest,
        model,
        at,
      ];
      await translated(database.query({ name: "prediction-append", text, values }));
    },
  };
}
