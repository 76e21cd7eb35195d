/** Starts the api: joins the adapters to the verbs, listens, and drains when it is told to stop. */
import { randomBytes } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Router } from "express";
import { addInvoice } from "../../adapters/lnd/add-invoice.ts";
import { closeLnd, type LndClient } from "../../adapters/lnd/connect.ts";
import { getInfo } from "../../adapters/lnd/get-info.ts";
import { lookupInvoice } from "../../adapters/lnd/lookup-invoice.ts";
import { type Database, openDatabase } from "../../adapters/postgres/connect.ts";
import { graphTables } from "../../adapters/postgres/graph.ts";
import { readMigrations, schemaVersion } from "../../adapters/postgres/migrate.ts";
import { operatorUseTable } from "../../adapters/postgres/operator-use.ts";
import { predictionTable } from "../../adapters/postgres/prediction.ts";
import { challengeLimit } from "../../adapters/postgres/rate-limit.ts";
import { tokenTable } from "../../adapters/postgres/token.ts";
import { fromHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { mintToken } from "../../core/l402/mint.ts";
import { keyRingOf, newTokenId, TOKEN_RANDOM_BYTES } from "../../core/l402/root-key.ts";
import { verifyToken } from "../../core/l402/verify.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { now } from "../clock.ts";
import type { Events } from "../events.ts";
import { serverHmac } from "../hmac.ts";
import type { Running } from "../lifecycle.ts";
import { openLnd } from "../lnd-endpoint.ts";
import { VERSION } from "../version.ts";
import type { Start } from "../world.ts";
import { watchHealth } from "./health.ts";
import { answerHttpFaults } from "./http-faults.ts";
import { type GatePorts, l402Gate } from "./l402-gate.ts";
import { mountFree, mountPaid } from "./operation.ts";
import { documentsRouter } from "./routes/get-documents.ts";
import { getHealth, getLiveness, getReadiness } from "./routes/get-health.ts";
import { metricsRouter } from "./routes/get-metrics.ts";
import { listNodes, searchNodes } from "./routes/list-nodes.ts";
import { resolveIntent } from "./routes/resolve-intent.ts";
import { createServer } from "./server.ts";
import { watchVerdicts } from "./verdicts.ts";

const REQUEST_TIMEOUT_MS = 30_000;
/** Beyond it a new connection is dropped at once, so that sockets cannot use up the file descriptors. */
const MAX_CONNECTIONS = 5_000;
/** A charge older than this belongs to a process that died: no call runs longer than its request may. */
const ABANDONED_AFTER_SEC = 90;
const SWEEP_MS = 15_000;
const DRAIN_MS = 10_000;

export type Api = Running & { origin: string };

/** Listens and serves until stopped. */
export async function startApi({ config, world, events, signal }: Start): Promise<Api> {
  const database = openDatabase({
    url: world.databaseUrl,
    maxConnections: config.DB_POOL_MAX,
    onError: (error) => events.failed("database connection", error),
  });
  const lnd = { invoice: openLnd(world.lnd, "invoice"), readonly: openLnd(world.lnd, "readonly") };
  const graph = graphTables(database);
  const verdicts = watchVerdicts({ newerThan: graph.newerThan, events }, signal);
  const health = watchHealth(
    {
      getInfo: () => getInfo(lnd.readonly),
      schemaVersion: () => schemaVersion(database),
      scoredAt: graph.scoredAt,
      now,
      events,
    },
    { expectedSchemaVersion: readMigrations().length, version: VERSION },
    signal,
  );

  const gate = l402Gate(gatePorts(config, world.l402MacaroonSecret, database, lnd.invoice, events));
  const router = Router();
  const source = { read: health.read, verdictsReady: verdicts.ready };
  const intent = resolveIntent(
    { ...graph, ...verdicts, append: predictionTable(database).append, now },
    msat(config.INTENT_PRICE_MSAT),
  );
  const free = [getHealth(source), getLiveness(), getReadiness(source), listNodes(graph), searchNodes(graph)];
  mountPaid(router, gate, intent);
  for (const operation of free) mountFree(router, operation as Parameters<typeof mountFree>[1]);

  let stopping = false;
  const routers = [metricsRouter(events, config.API_KEY), router, ...(world.demo ? [world.demo.router] : [])];
  const app = createServer({ trustProxy: config.TRUST_PROXY, events, isStopping: () => stopping }, routers);
  const server = http.createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: 10_000, keepAliveTimeout: 65_000 },
    app,
  );
  server.maxConnections = MAX_CONNECTIONS;
  answerHttpFaults(server);
  const origin = await listen(server, config.HOST, config.PORT);
  router.use(
    documentsRouter([intent, ...free], {
      origin: config.PUBLIC_ORIGIN ?? origin,
      version: VERSION,
      nodePubkey: health.nodePubkey,
    }),
  );
  const sweep = startSweep(database, events);
  events.log.info({ origin }, "api listens");

  return {
    name: "api",
    origin,
    async stop() {
      stopping = true;
      clearInterval(sweep);
      await drain(server);
      await verdicts.close();
      closeLnd(lnd.invoice);
      closeLnd(lnd.readonly);
      await database.end();
    },
  };
}

/** The verbs of access, joined to what serves them. */
function gatePorts(
  config: Start["config"],
  secretHex: string | undefined,
  database: Database,
  lnd: LndClient,
  events: Events,
): GatePorts {
  const keyRing = keyRingOf(serverHmac, [readKey(secretHex)]);
  const tokens = tokenTable(database);
  const limit = challengeLimit(database, {
    perPrefix: config.CHALLENGES_PER_MINUTE,
    global: config.CHALLENGES_PER_MINUTE_GLOBAL,
  });
  return {
    ...tokens,
    verify: (credential, context) => verifyToken(serverHmac, keyRing, credential, context),
    mint: (token) => mintToken(serverHmac, keyRing, token),
    newTokenId: () => newTokenId(keyRing, randomBytes(TOKEN_RANDOM_BYTES)),
    addInvoice: (invoice) => addInvoice(lnd, invoice),
    async lookupInvoice(paymentHash) {
      const invoice = await lookupInvoice(lnd, paymentHash);
      if (invoice?.state !== "settled") return invoice && { state: invoice.state };
      return { state: "settled", amountPaid: invoice.amountPaid, settledAt: invoice.settledAt ?? unixSeconds(0) };
    },
    takeChallenge: limit.take,
    recordOperatorUse: operatorUseTable(database).append,
    operatorSecret: config.OPERATOR_BYPASS_SECRET,
    now,
    events,
  };
}

function readKey(hex: string | undefined): Uint8Array {
  const key = hex === undefined ? undefined : fromHex(hex);
  if (!key) throw new OracleError("CONFIG_INVALID", "L402_MACAROON_SECRET: 64 hex digits are needed");
  return key;
}

/** Gives back what calls held whose process died. Every api process does this; a charge is given back once. */
function startSweep(database: Database, events: Events): NodeJS.Timeout {
  const tokens = tokenTable(database);
  const sweep = async () => {
    const at = now();
    const count = await tokens.refundAbandoned(unixSeconds(at - ABANDONED_AFTER_SEC), at);
    if (count > 0) events.abandonedRefunded(count);
  };
  const guarded = () => void sweep().catch((error: unknown) => events.failed("sweep of abandoned charges", error));
  guarded();
  return setInterval(guarded, SWEEP_MS);
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
