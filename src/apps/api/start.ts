/** Starts the api: joins the adapters to the verbs, listens, and drains when it is told to stop. */
import { randomBytes } from "node:crypto";
import type http from "node:http";
import type { AddressInfo } from "node:net";
import { Router } from "express";
import { accountMoveTable } from "../../adapters/postgres/account-move.ts";
import { type ChargeTable, chargeTable } from "../../adapters/postgres/charge.ts";
import { type Database, openDatabase } from "../../adapters/postgres/connect.ts";
import { endpointChoiceTable } from "../../adapters/postgres/endpoint-choice.ts";
import { endpointDetailTable } from "../../adapters/postgres/endpoint-detail.ts";
import { endpointProfileTable } from "../../adapters/postgres/endpoint-profile.ts";
import { endpointReportTable, noteAsked } from "../../adapters/postgres/endpoint-report.ts";
import { evidenceTable } from "../../adapters/postgres/evidence.ts";
import { graphTables } from "../../adapters/postgres/graph.ts";
import { graphVersions } from "../../adapters/postgres/graph-version.ts";
import { calibrationReports } from "../../adapters/postgres/heartbeat.ts";
import { readMigrations, schemaVersion } from "../../adapters/postgres/migrate.ts";
import { nodeHistory } from "../../adapters/postgres/node-history.ts";
import { nodeOperatorTable } from "../../adapters/postgres/node-operator.ts";
import { nostrKeyTable } from "../../adapters/postgres/nostr-key.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { predictionTable } from "../../adapters/postgres/prediction.ts";
import { prefixLimit } from "../../adapters/postgres/rate-limit.ts";
import { relayStateTable } from "../../adapters/postgres/relay-state.ts";
import { replyTable } from "../../adapters/postgres/reply.ts";
import { reportTable } from "../../adapters/postgres/report.ts";
import { serviceTable } from "../../adapters/postgres/service.ts";
import { readUnknownPayments } from "../../adapters/postgres/spend-budget.ts";
import { OracleError } from "../../core/errors.ts";
import { msat } from "../../core/units.ts";
import { reportCalibration } from "../../oracle/prediction/report-calibration.ts";
import { now } from "../clock.ts";
import { openEgress } from "../egress.ts";
import type { Events } from "../events.ts";
import type { Running } from "../lifecycle.ts";
import { openLndNodes } from "../lnd-nodes.ts";
import { VERSION } from "../version.ts";
import type { Start } from "../world.ts";
import { accountContracts, mountAccountOperations } from "./account-operations.ts";
import { auditContracts, mountAudit } from "./audit-operations.ts";
import { sweepInvoices } from "./challenges.ts";
import { operatorContracts } from "./contracts.ts";
import { rememberFound } from "./found-nodes.ts";
import { gatePorts } from "./gate-ports.ts";
import { createHealth } from "./health.ts";
import { answerHttpFaults } from "./http-faults.ts";
import { type Admitted, l402Gate } from "./l402-gate.ts";
import { openSignedDoor } from "./open-signed-door.ts";
import { mountFree, mountPaid } from "./operation.ts";
import { mountOperators } from "./operators.ts";
import { startPredictionWriter } from "./prediction-writer.ts";
import { followReceipts } from "./receipts.ts";
import { startRelay } from "./relay/start-relay.ts";
import { readReporter, witnessOfHolder } from "./reporter.ts";
import { getCalibration } from "./routes/get-calibration.ts";
import { documentsRouter } from "./routes/get-documents.ts";
import { getHealth, getLiveness, getReadiness } from "./routes/get-health.ts";
import { metricsRouter } from "./routes/get-metrics.ts";
import { getNode } from "./routes/get-node.ts";
import { nostrNamesRouter } from "./routes/get-nostr-names.ts";
import { pagesRouter } from "./routes/get-pages.ts";
import { getRelays } from "./routes/get-relays.ts";
import { getService } from "./routes/get-service.ts";
import { subjectRouter } from "./routes/get-subject.ts";
import { listNodes, searchNodes } from "./routes/list-nodes.ts";
import { listCategories, listServices } from "./routes/list-services.ts";
import { reportOutcome } from "./routes/report-outcome.ts";
import { resolveIntent } from "./routes/resolve-intent.ts";
import { createApplication, createHttpServer } from "./server.ts";
import { watchVerdicts } from "./verdicts.ts";

const REQUEST_TIMEOUT_MS = 30_000;
/** One for each till, and some for refunds and sweeps. */
const LEDGER_CONNECTIONS = 6;
/** For choosing endpoints: a question is two short statements. */
const PLANNED_CONNECTIONS = 6;
/** Beyond it a new connection is dropped at once, so that sockets cannot use up the file descriptors. */
const MAX_CONNECTIONS = 5_000;
/** A process that was not heard of for so long died: no call runs longer than its request may. */
const SILENT_SEC = 90;
const BEAT_MS = 15_000;
/** How long the answer to a request with an Idempotency-Key can be had again. */
const KEEP_ANSWERS_SEC = 86_400;
/** How often an address range may say in a minute what became of payments and calls, and ask for lists. */
const REPORTS_PER_MINUTE = 600;
const SERVICE_LISTS_PER_MINUTE = 300;
const DRAIN_MS = 10_000;

export type Api = Running & { origin: string };

/** Listens and serves until stopped. */
export async function startApi({ config, world, events, signal }: Start): Promise<Api> {
  const database = openDatabase({
    url: world.databaseUrl,
    maxConnections: config.DB_POOL_MAX,
    onError: (error) => events.failed("database connection", error),
  });
  const nodes = { primary: world.lnd, fallback: world.lndFallback };
  const lnd = openLndNodes(nodes, ["readonly", "invoice"], events, signal);
  const graph = graphTables(database);
  const verdicts = watchVerdicts(
    { ...graphVersions(database), evidence: evidenceTable(database), now, events },
    signal,
  );
  const health = createHealth(
    {
      lnd,
      schemaVersion: () => schemaVersion(database),
      scoredAt: graph.scoredAt,
      unknownPayments: () => readUnknownPayments(database),
      now,
      events,
    },
    { expectedSchemaVersion: readMigrations().length, version: VERSION },
  );

  // Connections of their own: whatever else is asked of the database, a paid call does not wait behind it.
  const ledger = openDatabase({
    url: world.databaseUrl,
    maxConnections: LEDGER_CONNECTIONS,
    onError: (error) => events.failed("ledger connection", error),
  });
  const planned = openDatabase({
    url: world.databaseUrl,
    maxConnections: PLANNED_CONNECTIONS,
    onError: (error) => events.failed("database connection", error),
    plansOnce: true,
  });
  const charges = chargeTable(ledger);
  const ports = gatePorts(config, world.l402MacaroonSecret, { database, charges }, lnd, events);
  const gate = l402Gate(ports);
  const router = Router();
  const source = { read: health.read, verdictsReady: verdicts.ready };
  const predictionLog = predictionTable(database);
  const predictions = startPredictionWriter(predictionLog.append, events);
  const calibration = getCalibration({
    ...calibrationReports(database),
    read: () => reportCalibration({ ...predictionLog, now }),
    now,
  });
  const find = rememberFound(graph.find);
  const told = (admitted: Admitted, endpointIds: readonly bigint[]) => {
    if (admitted.by !== "charge" || endpointIds.length === 0) return;
    const asked = { witness: witnessOfHolder(ports, admitted.tokenId), endpointIds, now: now() };
    void noteAsked(database, asked).catch((error: unknown) => events.failed("noting who was told", error));
  };
  const services = {
    ...endpointChoiceTable(database, planned),
    ...endpointDetailTable(planned),
    find,
    approach: verdicts.approach,
    random: Math.random,
    record: predictions.record,
    noteAsked: told,
  };
  const intent = resolveIntent(
    { find, ...verdicts, services, record: predictions.record, now },
    msat(config.INTENT_PRICE_MSAT),
  );
  const profile = getNode(
    { find, ...verdicts, ...nodeHistory(database), ...nodeOperatorTable(database), now },
    msat(config.PROFILE_PRICE_MSAT),
  );
  const takeListing = prefixLimit(database, "services", SERVICE_LISTS_PER_MINUTE).take;
  const catalogue = { ...serviceTable(database), takeListing, events };
  const service = getService(
    { ...endpointProfileTable(database), ...replyTable(database), now },
    msat(config.PROFILE_PRICE_MSAT),
  );
  let origin = config.PUBLIC_ORIGIN ?? "";
  const door = await openSignedDoor(database, { origin: () => origin, events, now });
  const free = [
    getHealth(source),
    getLiveness(),
    getReadiness(source),
    listNodes(graph),
    searchNodes(graph),
    listServices(catalogue),
    listCategories(catalogue),
    calibration,
    getRelays({ ...relayStateTable(database), now }),
    reportOutcome({
      ...reportTable(database),
      ...endpointReportTable(database),
      readReporter: (request, response, operation) => readReporter({ ...ports, door }, request, response, operation),
      takeReport: prefixLimit(database, "report", REPORTS_PER_MINUTE).take,
      newAttempt: () => randomBytes(32).toString("hex"),
      now,
      events,
    }),
  ];
  mountPaid(router, gate, intent);
  for (const operation of free) mountFree(router, operation as Parameters<typeof mountFree>[1]);
  // After the free ones: what they call themselves is no node's or endpoint's name.
  mountPaid(router, gate, profile);
  // Before the operation whose path has an id where these have a word.
  const egress = openEgress(config, world.demo?.market.addresses);
  mountOperators(router, {
    database,
    ask: egress.fetch,
    local: world.demo?.market.addresses ?? [],
    mostPerHost: config.ABSOLUTE_HOST_CAP_TOTAL,
    door,
    takeListing,
    events,
    now,
  });
  mountPaid(router, gate, service);
  mountAudit(router, { database, events, origin: () => origin });
  mountAccountOperations(router, ports, { priced: [intent, profile, service], keptAnswersSec: KEEP_ANSWERS_SEC });

  const relay = await startRelay({ databaseUrl: world.databaseUrl, settings: config, events });
  let stopping = false;
  router.use(nostrNamesRouter({ ...nostrKeyTable(database), now }));
  const relayFacts = { origin: () => origin, version: VERSION };
  const routers = [
    metricsRouter(events, config.API_KEY),
    relay.router(relayFacts),
    pagesRouter(() => origin),
    subjectRouter(outboxTable(database)),
    router,
    ...(world.demo ? [world.demo.router] : []),
  ];
  const app = createApplication({ trustProxy: config.TRUST_PROXY, events, isStopping: () => stopping }, routers);
  const timeouts = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: 10_000, keepAliveTimeout: 65_000 };
  const server = createHttpServer(app, timeouts);
  server.maxConnections = MAX_CONNECTIONS;
  answerHttpFaults(server);
  relay.attach(server, app);
  const address = await listen(server, config.HOST, config.PORT);
  origin = config.PUBLIC_ORIGIN ?? address;
  router.use(
    documentsRouter([intent, profile, service, ...free, ...operatorContracts, ...auditContracts, ...accountContracts], {
      origin,
      version: VERSION,
      nodePubkey: health.nodePubkey,
      verifications: { index402: config.INDEX402_VERIFICATION, l402Directory: config.L402_DIRECTORY_VERIFICATION },
    }),
  );
  const beat = startBeat(database, charges, events);
  const receipts = followReceipts({ database, nodes: lnd.each(), events });
  const invoices = sweepInvoices(database, events);
  events.log.info({ origin: address }, "api listens");

  return {
    name: "api",
    origin: address,
    async stop() {
      stopping = true;
      clearInterval(beat);
      await relay.stop();
      await drain(server);
      egress.close();
      await charges.end(now()).catch((error: unknown) => events.failed("end of the tills", error));
      await predictions.stop();
      await verdicts.close();
      invoices.stop();
      await receipts.stop();
      lnd.close();
      await ledger.end();
      await planned.end();
      await database.end();
    },
  };
}

/** Says that this process lives, and gives back what those held that do not. Every api process does this. */
function startBeat(database: Database, charges: ChargeTable, events: Events): NodeJS.Timeout {
  const moves = accountMoveTable(database);
  const beat = async () => {
    const at = now();
    await charges.beat(at);
    const count = await charges.sweep(SILENT_SEC, at);
    if (count > 0) events.abandonedRefunded(count);
    await charges.forgetAnswers(KEEP_ANSWERS_SEC, at);
    await moves.followAll(at);
  };
  const guarded = () => void beat().catch((error: unknown) => events.failed("beat of the tills", error));
  guarded();
  return setInterval(guarded, BEAT_MS);
}

/** @throws CONFIG_INVALID when the port is taken */
function listen(server: http.Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === "EADDRINUSE" ? `port ${port} is in use; set PORT` : cause.message;
      reject(new OracleError("CONFIG_INVALID", `cannot listen on ${host}: ${taken}`, { cause }));
    });
    server.listen(port, host, () => {
      const { port: actual } = server.address() as AddressInfo;
      resolve(`http://${host.includes(":") ? `[${host}]` : host}:${actual}`);
    });
  });
}

/** Stops taking connections, lets running calls end, then closes what is left. */
function drain(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
  });
}
