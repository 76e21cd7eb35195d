/** Starts the crawler: its jobs, on as many machines as wanted, and its metrics on loopback. */
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { type Job, startJobs } from "../../adapters/postgres/jobs.ts";
import type { InvoiceNetwork } from "../../core/bolt11/invoice.ts";
import { OracleError } from "../../core/errors.ts";
import type { Cadence } from "../../core/inspect/next-call.ts";
import { invoiceNetworkOf } from "../../core/spend/judge-request.ts";
import { openEgress } from "../egress.ts";
import { askEndpoint } from "../endpoint-calls.ts";
import type { Running } from "../lifecycle.ts";
import { type LndNodes, openLndNodes } from "../lnd-nodes.ts";
import { payingNodes } from "../payments.ts";
import type { Start } from "../world.ts";
import { deliverEventsJob } from "./jobs/deliver-events.ts";
import { startFollowing } from "./jobs/follow-graph.ts";
import { importCatalogueJob } from "./jobs/import-catalogue.ts";
import { probeEndpointsQueue } from "./jobs/probe-endpoints.ts";
import { probeNodesJob } from "./jobs/probe-nodes.ts";
import { publishAssertionsJob } from "./jobs/publish-assertions.ts";
import { rateEndpointsJob } from "./jobs/rate-endpoints.ts";
import { reconcileJob } from "./jobs/reconcile.ts";
import { resolvePaymentsJob } from "./jobs/resolve-payments.ts";
import { startMetricsServer } from "./metrics-server.ts";
import { createPublisher } from "./publisher.ts";

const CADENCE: Cadence = { everySec: 3_600, paidEverySec: 21_600 };
/** Nobody waits an hour to see what the demo does, and its money is not real. */
const DEMO_CADENCE: Cadence = { everySec: 30, paidEverySec: 60 };

/** Works until stopped. Without a Nostr key it rates and publishes nothing. */
export async function startCrawler({ config, world, events, signal }: Start): Promise<Running> {
  const onError = (error: Error) => events.failed("database connection", error);
  const database = openDatabase({ url: world.databaseUrl, maxConnections: 4, onError });
  const nodes = { primary: world.lnd, fallback: world.lndFallback };
  const lnd = openLndNodes(nodes, ["readonly", "pay"], events, signal);
  const readonly = lnd.group("readonly");
  if (!lnd.states().some(({ purpose }) => purpose === "pay"))
    events.log.info({ setting: "LND_PAY_MACAROON_PATH" }, "no macaroon that pays: payments and probes are off");
  const origin = config.PUBLIC_ORIGIN ?? `http://${config.HOST}:${config.PORT}`;

  const publishing: Job[] = [];
  if (world.nostrPrivateKey !== undefined) {
    const publisher = await createPublisher({ secret: world.nostrPrivateKey, origin, relays: world.nostrRelays });
    publishing.push(publishAssertionsJob({ database, publisher, origin, lnd: readonly, events, signal }));
    publishing.push(...world.nostrRelays.map((relay) => deliverEventsJob({ database, relay, events, signal })));
    events.log.info({ pubkey: publisher.nodePubkey, relays: world.nostrRelays }, "assertions are signed by");
  }

  const readers = () => lnd.each().flatMap(({ connections }) => connections.get("readonly") ?? []);
  const checkedSec = config.RECONCILE_INTERVAL_SEC;
  const payers = () => payingNodes(lnd);
  const reconcile = reconcileJob({ database, nodes: readers, payers, everySec: checkedSec, events, signal });
  const resolve = resolvePaymentsJob({ database, payers, limits: world.spendPolicy.payments, events, signal });
  const probe = probeNodesJob({ database, nodes: payers, limits: world.spendPolicy.probes, events, signal });
  const egress = openEgress(config, world.demo?.market.addresses);
  const endpoints = probeEndpointsQueue({
    database,
    ask: askEndpoint(egress.fetch),
    self: () => ourNode(lnd),
    payers,
    limits: world.spendPolicy.payments,
    cadence: {
      everySec: config.ENDPOINT_CALL_INTERVAL_SEC ?? (world.demo ? DEMO_CADENCE : CADENCE).everySec,
      paidEverySec: config.ENDPOINT_PAID_CALL_INTERVAL_SEC ?? (world.demo ? DEMO_CADENCE : CADENCE).paidEverySec,
    },
    concurrency: config.ENDPOINT_CALLS_AT_ONCE,
    events,
    signal,
  });
  const rate = rateEndpointsJob({ database, signal });
  const rules = {
    feeds: world.demo ? [...config.REGISTRY_FEEDS, demoFeed(world.demo.market)] : config.REGISTRY_FEEDS,
    hosts: config.WELLKNOWN_L402_HOSTS,
    relays: world.nostrRelays,
    everySec: config.CRAWL_INTERVAL_REGISTRY_SEC,
    caps: { perCycle: config.HOST_INGESTION_CAP_PER_CYCLE, inAll: config.ABSOLUTE_HOST_CAP_TOTAL },
  };
  const local = world.demo?.market.addresses ?? [];
  const catalogue = importCatalogueJob({ database, ask: egress.fetch, rules, local, events, signal });
  const metrics = await startMetricsServer(events, config.CRAWLER_METRICS_PORT);
  const jobs = await startJobs(
    world.databaseUrl,
    { jobs: [reconcile, resolve, probe, catalogue, rate, ...publishing], queues: [endpoints] },
    {
      onDone: (job, facts) => (facts["taken"] === 0 ? undefined : events.jobDone(job, facts)),
      onFailed: (job, error) => (signal.aborted ? undefined : events.jobFailed(job, error)),
    },
  );
  const publishNow = () => (publishing.length > 0 ? jobs.runNow("publish-assertions") : Promise.resolve());
  const everySec = config.CRAWL_INTERVAL_LND_GRAPH_SEC;
  const follower = startFollowing({ database, lnd: readonly, everySec, events, signal }, publishNow);

  return {
    name: "crawler",
    async stop() {
      await follower.stop();
      await jobs.stop();
      egress.close();
      await metrics.stop();
      lnd.close();
      await database.end();
    },
  };
}

/** What the demo's market sells is listed as everything else is. */
function demoFeed({ directoryUrl }: { directoryUrl: string }) {
  return { form: "402index" as const, url: directoryUrl };
}

/** Who calls endpoints, and which invoices it could pay. @throws LND_UNAVAILABLE */
async function ourNode(lnd: LndNodes): Promise<{ nodePubkey: string; network: InvoiceNetwork }> {
  const info = lnd.info();
  const network = invoiceNetworkOf(info?.network);
  if (!info || !network) throw new OracleError("LND_UNAVAILABLE", "no node has said yet who it is");
  return { nodePubkey: info.nodePubkey, network };
}
