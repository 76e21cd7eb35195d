/** A process that adds to both logs of the oracle as fast as it can, to be killed. It tells what was committed, once it was. */
import { randomUUID } from "node:crypto";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { appendEvidence } from "../../adapters/postgres/evidence.ts";
import { appendPredictions, bookOutcome } from "../../adapters/postgres/prediction.ts";
import type { Evidence } from "../../core/evidence/observation.ts";
import { unixSeconds } from "../../core/units.ts";
import { somePrediction } from "../some-prediction.ts";

const AT = unixSeconds(1_790_000_000);
const NODE = `02${"ab".repeat(32)}`;

const someEvidence = (): Evidence => ({
  observedAt: AT,
  source: "probe",
  attempt: randomUUID().replaceAll("-", "").repeat(2),
  vantage: NODE,
  observation: { kind: "online", node: NODE },
});

process.once("message", async (databaseUrl: string) => {
  const database = openDatabase({ url: databaseUrl, maxConnections: 2, onError: () => undefined });
  for (let i = 0; ; i++) {
    const predictions = Array.from({ length: 1 + (i % 5) }, () => somePrediction());
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
