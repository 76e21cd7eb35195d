/** The operation that sells services, on a database alone: predictions are written as the api writes them. */
import type pg from "pg";
import { endpointChoiceTable } from "../../adapters/postgres/endpoint-choice.ts";
import { endpointDetailTable } from "../../adapters/postgres/endpoint-detail.ts";
import { noteAsked } from "../../adapters/postgres/endpoint-report.ts";
import { graphTables } from "../../adapters/postgres/graph.ts";
import { appendPredictions } from "../../adapters/postgres/prediction.ts";
import { startPredictionWriter } from "../../apps/api/prediction-writer.ts";
import { type IntentPorts, resolveIntent } from "../../apps/api/routes/resolve-intent.ts";
import { now } from "../../apps/clock.ts";
import { toHex } from "../../core/bytes.ts";
import { msat } from "../../core/units.ts";

export function openServices(pool: pg.Pool, planned: pg.Pool) {
  const events = {
    predictions: () => undefined,
    failed: (_: string, error: unknown) => process.stderr.write(`${error}\n`),
  };
  const { record } = startPredictionWriter((predictions) => appendPredictions(pool, predictions), events);
  const services: IntentPorts["services"] = {
    ...endpointChoiceTable(pool, planned),
    ...endpointDetailTable(planned),
    find: graphTables(pool).find,
    approach: async ({ payees }) => payees.map(() => null),
    random: Math.random,
    record,
    noteAsked(admitted, endpointIds) {
      if (admitted.by !== "charge") return;
      const asked = { witness: toHex(admitted.tokenId), endpointIds, now: now() };
      void noteAsked(pool, asked).catch((error: unknown) => events.failed("noting", error));
    },
  };
  const payments = {
    find: services.find,
    record,
    now,
    assertReady: () => undefined,
    decide: () => Promise.reject(new Error("nobody asks about a payment here")),
  };
  return { services, operation: resolveIntent({ ...payments, services }, msat(1_000n)) };
}
