/** A process that adds to both logs of the oracle as fast as it can, to be killed. It tells what was committed, once it was. */
import { randomUUID } from "node:crypto";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { appendEvidence } from "../../adapters/postgres/evidence.ts";
import { appendPredictions, bookOutcome } from "../../adapters/postgres/prediction.ts";
import type { Evidence } from "../../core/evidence/observation.ts";
import type { Prediction } from "../../core/prediction/prediction.ts";
import { msat, unixSeconds } from "../../core/units.ts";

const AT = unixSeconds(1_790_000_000);
const NODE = `02${"ab".repeat(32)}`;

const someEvidence = (): Evidence => ({
  observedAt: AT,
  source: "probe",
  attempt: randomUUID().replaceAll("-", "").repeat(2),
  vantage: NODE,
  observation: { kind: "online", node: NODE },
});
const somePrediction = (): Prediction => ({
  predictionId: randomUUID(),
  kind: "payment",
  at: AT,
  target: NODE,
  amount: msat(10_000_000n),
  probability: 0.25,
  interval: { low: 0.1, high: 0.5 },
  model: "m",
  graphDigest: "aa".repeat(32),
  evidence: { position: 0n, head: "00".repeat(32), at: AT },
  seed: 1,
});

process.once("message", async (databaseUrl: string) => {
  const database = openDatabase({ url: databaseUrl, maxConnections: 2, onError: () => undefined });
  for (let i = 0; ; i++) {
    const predictions = Array.from({ length: 1 + (i % 5) }, somePrediction);
    const evidence = Array.from({ length: 1 + (i % 3) }, someEvidence);
    try {
      await Promise.all([appendPredictions(database, predictions), appendEvidence(database, evidence)]);
      await bookOutcome(database, predictions[0]!.predictionId, { happened: i % 2 === 0, at: AT });
    } catch {
      // The database throws everybody out now and then; what was not committed is not told.
      continue;
    }
    process.send?.({
      predictions: predictions.map(({ predictionId }) => predictionId),
      attempts: evidence.map(({ attempt }) => attempt),
    });
  }
});
process.once("disconnect", () => process.exit());
