/** Starts what this process is: the api, the crawler, or everything with an embedded world for whatever is not configured. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { openDatabase } from "../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../adapters/postgres/embedded.ts";
import { migrate } from "../adapters/postgres/migrate.ts";
import { OracleError } from "../core/errors.ts";
import { startApi } from "./api/start.ts";
import { type Config, readConfig } from "./config.ts";
import { startCrawler } from "./crawler/start.ts";
import { claimDataDirectory, demoSecrets } from "./data-directory.ts";
import { greet } from "./demo/greeting.ts";
import { startDemoWorld } from "./demo/start.ts";
import { createEvents } from "./events.ts";
import { keySourceOf } from "./key-source.ts";
import { type Running, runUntilSignal } from "./lifecycle.ts";
import { createLog } from "./log.ts";
import { planRelays } from "./relay-plan.ts";
import { readSpendPolicy } from "./spend-policy.ts";
import type { World } from "./world.ts";

export const PROCESSES = ["api", "crawler", "all"] as const;
export type Process = (typeof PROCESSES)[number];

type Own = (running: Running) => void;

/** Runs the process until a signal. Never returns. */
export async function main(what: Process): Promise<void> {
  const config = readConfig(what);
  const log = createLog({ level: config.LOG_LEVEL, name: what });
  await runUntilSignal(log, async (own, signal) => {
    const world = what === "all" ? await embeddedWorld(config, own, signal) : configuredWorld(config, what);
    await applyMigrations(world.databaseUrl, (names) => log.info({ names }, "schema migrated"));
    const events = createEvents(log);
    const shared = { config, world, events, signal };
    const api = what === "crawler" ? undefined : await startApi(shared);
    if (api) own(api);
    if (what !== "api") own(await startCrawler(shared));
    if (api && world.demo) await greet({ origin: api.origin, signal });
  });
}

/** Everything from the environment: what several processes share cannot be embedded in one of them. */
function configuredWorld(config: Config, what: Process): World {
  const { DATABASE_URL: databaseUrl, lnd, lndFallback } = config;
  if (databaseUrl === undefined || lnd === undefined) {
    throw new OracleError("CONFIG_INVALID", `${what} alone needs DATABASE_URL and LND_*; "all" embeds what is missing`);
  }
  return {
    databaseUrl,
    lnd,
    lndFallback,
    spendPolicy: readSpendPolicy(config.SPEND_POLICY_PATH, { isSimulated: false }),
    l402MacaroonSecret: config.L402_MACAROON_SECRET,
    nostrKeys: keySourceOf(config),
    ...planRelays(config),
  };
}

/** Whatever is not configured is embedded: Postgres, a simulated Lightning network behind a real LND interface, a relay. */
async function embeddedWorld(config: Config, own: Own, signal: AbortSignal): Promise<World> {
  const dataDir = path.resolve(config.DATA_DIR);
  const release = claimDataDirectory(dataDir);
  own({ name: "data directory", stop: async () => release() });
  const secrets = demoSecrets(dataDir);

  const databaseUrl = config.DATABASE_URL ?? (await embeddedDatabase(dataDir, own));
  const demo = config.lnd ? undefined : await startDemoWorld({ dataDir, config, signal });
  if (demo) own({ name: "demo world", stop: () => demo.stop() });
  const lnd = config.lnd ?? demo?.lnd;
  if (!lnd) throw new OracleError("CONFIG_INVALID", "no Lightning node");
  return {
    databaseUrl,
    lnd,
    lndFallback: config.lndFallback,
    spendPolicy: readSpendPolicy(config.SPEND_POLICY_PATH, { isSimulated: demo !== undefined }),
    l402MacaroonSecret: config.L402_MACAROON_SECRET ?? secrets.l402MacaroonSecret,
    nostrKeys: keySourceOf(config) ?? { from: "secret", secret: secrets.nostrPrivateKey },
    ...planRelays(config, demo?.relayUrl),
    ...(demo && { demo }),
  };
}

async function embeddedDatabase(dataDir: string, own: Own): Promise<string> {
  const server = await startEmbeddedPostgres({ dataDir: path.join(dataDir, "postgres"), durable: true });
  own({ name: "embedded Postgres", stop: () => server.stop() });
  return server.url;
}

async function applyMigrations(url: string, onApplied: (names: string[]) => void): Promise<void> {
  const database = openDatabase({ url, maxConnections: 1, onError: () => undefined });
  try {
    const names = await migrate(database);
    if (names.length > 0) onApplied(names);
  } finally {
    await database.end();
  }
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const what = PROCESSES.find((name) => name === process.argv[2]);
  if (!what) {
    process.stderr.write(`usage: node main.js ${PROCESSES.join("|")}\n`);
    process.exit(2);
  }
  await main(what).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
