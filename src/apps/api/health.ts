/** What the monitor sees: each part's state, and one word for the whole. */
import type { UnixSeconds } from "../../core/units.ts";
import type { Events } from "../events.ts";

/** Scores older than this are called stale (the crawler refreshes hourly). */
const SCORING_STALE_AFTER_SEC = 7_200;
const LND_POLL_MS = 10_000;

/** What LND says of itself. */
export type LndInfo = { nodePubkey: string; blockHeight: number; syncedToChain: boolean; channelCount: number };

export type HealthPorts = {
  getInfo(): Promise<LndInfo>;
  schemaVersion(): Promise<number>;
  scoredAt(): Promise<UnixSeconds | undefined>;
  now(): UnixSeconds;
  events: Events;
};

export type Health = {
  status: "ok" | "degraded" | "down";
  dbStatus: "ok" | "down";
  lndStatus: "ok" | "syncing" | "down" | "unknown";
  schemaVersion: number | null;
  expectedSchemaVersion: number;
  scoringStale: boolean;
  scoringAgeSec: number | null;
  nodePubkey: string | null;
  blockHeight: number | null;
  channelCount: number | null;
  version: string;
  uptimeSec: number;
};

/** Keeps LND's state fresh in the background, so that a health check never waits for LND. */
export function watchHealth(
  ports: HealthPorts,
  facts: { expectedSchemaVersion: number; version: string },
  signal: AbortSignal,
) {
  const startedAt = ports.now();
  let lnd: LndInfo | undefined;
  let asked = false;

  const poll = async () => {
    lnd = await ports.getInfo().catch((error: unknown) => {
      if (lnd || !asked) ports.events.failed("lnd getInfo", error);
      return undefined;
    });
    asked = true;
    ports.events.lnd(lnd !== undefined);
  };
  const timer = setInterval(() => void poll(), LND_POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  const first = poll();

  return {
    /** Resolves once LND was asked for the first time. */
    ready: first,
    /** The key LND last told. */
    nodePubkey: () => lnd?.nodePubkey,
    async read(): Promise<Health> {
      const database = await readDatabase(ports);
      const scoringAgeSec = database?.scoredAt === undefined ? null : Math.max(0, ports.now() - database.scoredAt);
      const health = {
        dbStatus: database ? ("ok" as const) : ("down" as const),
        lndStatus: lnd
          ? lnd.syncedToChain
            ? ("ok" as const)
            : ("syncing" as const)
          : asked
            ? ("down" as const)
            : ("unknown" as const),
        schemaVersion: database?.schemaVersion ?? null,
        expectedSchemaVersion: facts.expectedSchemaVersion,
        scoringStale: scoringAgeSec === null || scoringAgeSec > SCORING_STALE_AFTER_SEC,
        scoringAgeSec,
        nodePubkey: lnd?.nodePubkey ?? null,
        blockHeight: lnd?.blockHeight ?? null,
        channelCount: lnd?.channelCount ?? null,
        version: facts.version,
        uptimeSec: ports.now() - startedAt,
      };
      return { status: overall(health), ...health };
    },
  };
}

/** Without the database nothing can be sold; without LND or fresh scores paid tokens are still served. */
function overall(health: Omit<Health, "status">): Health["status"] {
  if (health.dbStatus === "down" || health.schemaVersion !== health.expectedSchemaVersion) return "down";
  return health.lndStatus === "ok" && !health.scoringStale ? "ok" : "degraded";
}

async function readDatabase(
  ports: HealthPorts,
): Promise<{ schemaVersion: number; scoredAt: UnixSeconds | undefined } | undefined> {
  try {
    const [schemaVersion, scoredAt] = await Promise.all([ports.schemaVersion(), ports.scoredAt()]);
    return { schemaVersion, scoredAt };
  } catch (error) {
    ports.events.failed("health database", error);
    return undefined;
  }
}
