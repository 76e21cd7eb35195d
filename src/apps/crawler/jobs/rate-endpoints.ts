/** Job: rate again whatever the log and the catalogue have news of, and what has faded for a day. */
import type { Database } from "../../../adapters/postgres/connect.ts";
import { endpointBeliefTable } from "../../../adapters/postgres/endpoint-belief.ts";
import { endpointModelTable } from "../../../adapters/postgres/endpoint-model.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { unixSeconds } from "../../../core/units.ts";
import { type RatedEndpoint, rateEndpoints } from "../../../oracle/trust/rate-endpoints.ts";
import { now } from "../../clock.ts";
import type { Speech } from "../speech.ts";

/** A call that failed moves its endpoint's rank within so long. */
const EVERY_SEC = 5;
/** What is left then is rated by the next run. */
const RUN_SEC = 300;
const TIMEOUT_SEC = 600;

export function rateEndpointsJob(deps: { database: Database; speech: Speech | undefined; signal: AbortSignal }): Job {
  const { database, speech, signal } = deps;
  const beliefs = endpointBeliefTable(database);
  const ports = {
    ...beliefs,
    ...endpointModelTable(database, beliefs),
    store: async (rated: readonly RatedEndpoint[]) =>
      beliefs.store(rated, rated.length > 0 ? await speech?.newsOfEndpoints(rated) : []),
  };
  return {
    name: "rate-endpoints",
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const until = unixSeconds(now() + RUN_SEC);
      const { marked, rated, fitted } = await rateEndpoints(ports, { now, until, signal });
      return { taken: rated + Number(fitted), marked, rated, fitted };
    },
  };
}
