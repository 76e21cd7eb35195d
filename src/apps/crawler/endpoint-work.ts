/** The work of the endpoint oracle: the catalogue is read, what is in it is called, and what that showed is rated. */
import type { Database } from "../../adapters/postgres/connect.ts";
import type { Job, Queue } from "../../adapters/postgres/jobs.ts";
import type { InvoiceNetwork } from "../../core/bolt11/invoice.ts";
import { OracleError } from "../../core/errors.ts";
import type { Cadence } from "../../core/inspect/next-call.ts";
import { invoiceNetworkOf } from "../../core/spend/judge-request.ts";
import { openEgress } from "../egress.ts";
import { askEndpoint } from "../endpoint-calls.ts";
import type { LndNodes } from "../lnd-nodes.ts";
import { payingNodes } from "../payments.ts";
import type { Start } from "../world.ts";
import { checkClaimsJob } from "./jobs/check-claims.ts";
import { importCatalogueJob } from "./jobs/import-catalogue.ts";
import { probeEndpointsQueue } from "./jobs/probe-endpoints.ts";
import { rateEndpointsJob } from "./jobs/rate-endpoints.ts";
import type { Speech } from "./speech.ts";

const CADENCE: Cadence = { everySec: 3_600, paidEverySec: 21_600 };
/** Nobody waits an hour to see what the demo does, and its money is not real. */
const DEMO_CADENCE: Cadence = { everySec: 30, paidEverySec: 60 };

export type EndpointWork = { jobs: Job[]; queue: Queue; close(): void };

export function endpointWork(
  deps: Start & { database: Database; lnd: LndNodes; speech: Speech | undefined },
): EndpointWork {
  const { config, world, database, lnd, speech, events, signal } = deps;
  const market = world.demo?.market;
  const cadence = market ? DEMO_CADENCE : CADENCE;
  const egress = openEgress(config, market?.addresses);
  const rules = {
    feeds: market
      ? [{ form: "402index" as const, url: market.directoryUrl }, ...config.REGISTRY_FEEDS]
      : config.REGISTRY_FEEDS,
    hosts: config.WELLKNOWN_L402_HOSTS,
    relays: config.NOSTR_READ_RELAYS ?? world.nostrRelays,
    everySec: config.CRAWL_INTERVAL_REGISTRY_SEC,
    caps: { perCycle: config.HOST_INGESTION_CAP_PER_CYCLE, inAll: config.ABSOLUTE_HOST_CAP_TOTAL },
  };
  const local = market?.addresses ?? [];
  const queue = probeEndpointsQueue({
    database,
    ask: askEndpoint(egress.fetch),
    self: () => ourNode(lnd),
    payers: () => payingNodes(lnd),
    limits: world.spendPolicy.payments,
    cadence: {
      everySec: config.ENDPOINT_CALL_INTERVAL_SEC ?? cadence.everySec,
      paidEverySec: config.ENDPOINT_PAID_CALL_INTERVAL_SEC ?? cadence.paidEverySec,
    },
    concurrency: config.ENDPOINT_CALLS_AT_ONCE,
    events,
    signal,
  });
  return {
    jobs: [
      importCatalogueJob({ database, ask: egress.fetch, rules, local, events, signal }),
      checkClaimsJob({ database, ask: egress.fetch, mostPerHost: config.ABSOLUTE_HOST_CAP_TOTAL, local, signal }),
      rateEndpointsJob({ database, speech, signal }),
    ],
    queue,
    close: () => egress.close(),
  };
}

/** Who calls endpoints, and which invoices it could pay. @throws LND_UNAVAILABLE */
async function ourNode(lnd: LndNodes): Promise<{ nodePubkey: string; network: InvoiceNetwork }> {
  const info = lnd.info();
  const network = invoiceNetworkOf(info?.network);
  if (!info || !network) throw new OracleError("LND_UNAVAILABLE", "no node has said yet who it is");
  return { nodePubkey: info.nodePubkey, network };
}
