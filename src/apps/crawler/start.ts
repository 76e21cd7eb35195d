/** Starts the crawler: its jobs, on as many machines as wanted, and its metrics on loopback. */
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { type Job, startJobs } from "../../adapters/postgres/jobs.ts";
import type { Running } from "../lifecycle.ts";
import { openLndNodes } from "../lnd-nodes.ts";
import { payingNodes } from "../payments.ts";
import type { Start } from "../world.ts";
import { endpointWork } from "./endpoint-work.ts";
import { startFollowing } from "./jobs/follow-graph.ts";
import { growEvidenceTreeJob } from "./jobs/grow-evidence-tree.ts";
import { probeNodesJob } from "./jobs/probe-nodes.ts";
import { publishAssertionsJob } from "./jobs/publish-assertions.ts";
import { publishHeartbeatJob } from "./jobs/publish-heartbeat.ts";
import { PUBLISH_IDENTITY, publishIdentityJob } from "./jobs/publish-identity.ts";
import { readInboxJobs } from "./jobs/read-inbox.ts";
import { reconcileJob } from "./jobs/reconcile.ts";
import { resolvePaymentsJob } from "./jobs/resolve-payments.ts";
import { startMetricsServer } from "./metrics-server.ts";
import { createPublisher, type Publisher } from "./publisher.ts";
import { type RelayWork, relayWork } from "./relay-work.ts";
import { openSpeech, type Speech } from "./speech.ts";

/** Works until stopped. Without a Nostr key it rates and publishes nothing. */
export async function startCrawler({ config, world, events, signal }: Start): Promise<Running> {
  const onError = (error: Error) => events.failed("database connection", error);
  const database = openDatabase({ url: world.databaseUrl, maxConnections: 8, onError });
  const nodes = { primary: world.lnd, fallback: world.lndFallback };
  const lnd = openLndNodes(nodes, ["readonly", "pay"], events, signal);
  const readonly = lnd.group("readonly");
  if (!lnd.states().some(({ purpose }) => purpose === "pay"))
    events.log.info({ setting: "LND_PAY_MACAROON_PATH" }, "no macaroon that pays: payments and probes are off");
  const origin = config.PUBLIC_ORIGIN ?? `http://${config.HOST}:${config.PORT}`;

  const publishing: Job[] = [];
  let speech: Speech | undefined;
  let relays: RelayWork | undefined;
  let publisher: Publisher | undefined;
  if (world.nostrKeys !== undefined) {
    const onFallback = () => events.log.warn("WebAssembly cannot be used: signatures take eight times as long");
    publisher = await createPublisher({ source: world.nostrKeys, origin, relays: world.nostrRelays, onFallback });
    publishing.push(publishIdentityJob({ database, publisher, events, signal }));
    publishing.push(publishHeartbeatJob({ database, publisher, events }));
    speech = openSpeech({ database, publisher, origin, lnd: readonly, events, signal });
    publishing.push(publishAssertionsJob({ database, publisher, speech, events, signal }));
    const [plan, top] = [world.relayPlan, config.NOSTR_TOP_ASSERTIONS];
    relays = await relayWork({ database, plan, top, sign: publisher.sign, events, signal });
    publishing.push(...relays.jobs);
    events.log.info({ pubkey: publisher.pubkeys.node, relays: plan }, "assertions are signed by");
  }

  const readers = () => lnd.each().flatMap(({ connections }) => connections.get("readonly") ?? []);
  const checkedSec = config.RECONCILE_INTERVAL_SEC;
  const payers = () => payingNodes(lnd);
  const reconcile = reconcileJob({ database, nodes: readers, payers, everySec: checkedSec, events, signal });
  const resolve = resolvePaymentsJob({ database, payers, limits: world.spendPolicy.payments, events, signal });
  const probe = probeNodesJob({ database, nodes: payers, limits: world.spendPolicy.probes, events, signal });
  const grow = growEvidenceTreeJob({ database, signal });
  const endpoints = endpointWork({ config, world, events, signal, database, lnd, speech });
  const inbox = readInboxJobs({ config, world, events, signal, database, origin });
  const metrics = await startMetricsServer(events, config.CRAWLER_METRICS_PORT);
  const jobs = await startJobs(
    world.databaseUrl,
    { jobs: [reconcile, resolve, probe, grow, ...endpoints.jobs, ...inbox, ...publishing], queues: [endpoints.queue] },
    {
      onDone: (job, facts) => (facts["taken"] === 0 ? undefined : events.jobDone(job, facts)),
      onFailed: (job, error) => (signal.aborted ? undefined : events.jobFailed(job, error)),
    },
  );
  // A key that was exchanged while this process was down is told of now, and not within the hour.
  if (publishing.length > 0) await jobs.runNow(PUBLISH_IDENTITY);
  const publishNow = () => (publishing.length > 0 ? jobs.runNow("publish-assertions") : Promise.resolve());
  const everySec = config.CRAWL_INTERVAL_LND_GRAPH_SEC;
  const follower = startFollowing({ database, lnd: readonly, speech, everySec, events, signal }, publishNow);

  return {
    name: "crawler",
    async stop() {
      await follower.stop();
      await jobs.stop();
      relays?.close();
      endpoints.close();
      await metrics.stop();
      await publisher?.close();
      lnd.close();
      await database.end();
    },
  };
}
