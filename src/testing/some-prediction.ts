/** A prediction for tests that need one and do not care which. */
import { randomUUID } from "node:crypto";
import type { Prediction } from "../core/prediction/prediction.ts";
import { msat, unixSeconds } from "../core/units.ts";

export function somePrediction(changes: Partial<Prediction> = {}): Prediction {
  const at = unixSeconds(1_790_000_000);
  return {
    predictionId: randomUUID(),
    kind: "payment",
    at,
    target: `02${"ab".repeat(32)}`,
    amount: msat(10_000_000n),
    probability: 0.25,
    interval: { low: 0.1, high: 0.5 },
    model: "m",
    graphDigest: "aa".repeat(32),
    evidence: { position: 3n, head: "bb".repeat(32), at },
    seed: 1,
    ...changes,
  };
}
