/** What the monitor sees: each part's state, and one word for the whole. */
import type { UnixSeconds } from "../../core/units.ts";
import type { Events } from "../events.ts";
import type { ConnectionState } from "../lnd-connection.ts";

/** Scores older than this are called stale (the crawler refreshes hourly). */
const SCORING_STALE_AFTER_SEC = 7_200;

/** What LND says of itself. */
type LndInfo = { nodePubkey: string; blockHeight: number; channelCount: number };

export type HealthPorts = {
  /** How every connection stands, as it was last seen: a health check never waits for LND. */
  lnd: { states(): readonly ConnectionState[]; info(): LndInfo | undefined };
  schemaVersion(): Promise<number>;
  scoredAt(): Promise<UnixSeconds | undefined>;
  /** Payments of ours whose end nobody knows, and since when the oldest was sent. */
  unknownPayments(): Promise<{ count: number; oldestSec: number | undefined }>;
  now(): UnixSeconds;
  events: Events;
};

/** One connection: a node, what it is used for, and what is wrong with it. */
export type LndHealth = Pick<ConnectionState, "node" | "purpose"> & {
  status: ConnectionState["standing"];
  reasons: ConnectionState["troubles"][number]["trouble"][];
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
  lnd: LndHealth[];
  unknownPayments: number | null;
  oldestUnknownPaymentSec: number | null;
  version: string;
  uptimeSec: number;
};

/** Puts together what is known of every part. The key is the one LND last told. */
export function createHealth(ports: HealthPorts, facts: { expectedSchemaVersion: number; version: string }) {
  const startedAt = ports.now();
  let nodePubkey: string | undefined;

  return {
    nodePubkey: () => {
      nodePubkey = ports.lnd.info()?.nodePubkey ?? nodePubkey;
      return nodePubkey;
    },
    async read(): Promise<Health> {
      const database = await readDatabase(ports);
      const scoringAgeSec = database?.scoredAt === undefined ? null : Math.max(0, ports.now() - database.scoredAt);
      const states = ports.lnd.states();
      const info = ports.lnd.info();
      const lndStatus = judgeLnd(states);
      const health = {
        dbStatus: database ? ("ok" as const) : ("down" as const),
        lndStatus,
        schemaVersion: database?.schemaVersion ?? null,
        expectedSchemaVersion: facts.expectedSchemaVersion,
        scoringStale: scoringAgeSec === null || scoringAgeSec > SCORING_STALE_AFTER_SEC,
        scoringAgeSec,
        nodePubkey: info?.nodePubkey ?? null,
        blockHeight: info?.blockHeight ?? null,
        channelCount: info?.channelCount ?? null,
        lnd: states.map(({ node, purpose, standing, troubles }) => ({
          node,
          purpose,
          status: standing,
          reasons: [...new Set(troubles.map(({ trouble }) => trouble))],
        })),
        unknownPayments: database?.unknown.count ?? null,
        oldestUnknownPaymentSec: database?.unknown.oldestSec ?? null,
        version: facts.version,
        uptimeSec: ports.now() - startedAt,
      };
      return { status: overall(health), ...health };
    },
  };
}

/** Each purpose is served as well as its best node serves it, and all of them as well as the worst served one. */
function judgeLnd(states: readonly ConnectionState[]): Health["lndStatus"] {
  const purposes = [...new Set(states.map(({ purpose }) => purpose))];
  const ranked = ["ok", "syncing", "unknown", "down"] as const;
  const best = purposes.map((purpose) =>
    Math.min(...states.filter((state) => state.purpose === purpose).map((state) => ranked.indexOf(statusOf(state)))),
  );
  return ranked[Math.max(...best)] ?? "unknown";
}

function statusOf({ standing, troubles }: ConnectionState): Health["lndStatus"] {
  if (standing !== "degraded") return standing;
  return troubles.some(({ trouble }) => trouble === "not-synced-to-chain") ? "syncing" : "ok";
}

/** Without the database nothing can be sold; without LND or fresh scores paid tokens are still served. */
function overall(health: Omit<Health, "status">): Health["status"] {
  if (health.dbStatus === "down" || health.schemaVersion !== health.expectedSchemaVersion) return "down";
  const allNodesWell = health.lnd.every(({ status }) => status === "ok");
  return health.lndStatus === "ok" && allNodesWell && !health.scoringStale ? "ok" : "degraded";
}

async function readDatabase(ports: HealthPorts) {
  try {
    const [schemaVersion, scoredAt, unknown] = await Promise.all([
      ports.schemaVersion(),
      ports.scoredAt(),
      ports.unknownPayments(),
    ]);
    return { schemaVersion, scoredAt, unknown };
  } catch (error) {
    ports.events.failed("health database", error);
    return undefined;
  }
}
