/** GET /api/health, /api/health/live and /api/health/ready: for monitors, containers and balancers. Free. */
import { z } from "zod";
import { TROUBLES, type TroubleName } from "../../../adapters/lnd/trouble.ts";
import { OracleError } from "../../../core/errors.ts";
import type { Health } from "../health.ts";
import type { Contract, FreeOperation } from "../operation.ts";

export type HealthSource = { read(): Promise<Health>; verdictsReady(): boolean };

/** Hosts and files are for the operator's logs: here are words of a closed set. */
const lndConnection = z.object({
  node: z.enum(["primary", "fallback"]),
  purpose: z.enum(["readonly", "invoice", "pay"]),
  status: z.enum(["ok", "degraded", "down", "unknown"]),
  reasons: z.array(z.enum(Object.keys(TROUBLES) as [TroubleName, ...TroubleName[]])),
});

const health = z.object({
  status: z.enum(["ok", "degraded", "down"]),
  dbStatus: z.enum(["ok", "down"]),
  lndStatus: z.enum(["ok", "syncing", "down", "unknown"]),
  schemaVersion: z.int().nullable(),
  expectedSchemaVersion: z.int(),
  scoringStale: z.boolean(),
  scoringAgeSec: z.int().nullable(),
  nodePubkey: z.string().nullable(),
  blockHeight: z.int().nullable(),
  channelCount: z.int().nullable(),
  lnd: z.array(lndConnection),
  unknownPayments: z.int().nullable(),
  oldestUnknownPaymentSec: z.int().nullable(),
  version: z.string(),
  uptimeSec: z.int(),
});

const well = z.object({ status: z.literal("ok") });

export const getHealthContract = {
  operation: "getHealth",
  method: "get",
  path: "/api/health",
  summary: "State of every part",
  response: health,
} as const satisfies Contract;

export const getLivenessContract = {
  operation: "getLiveness",
  method: "get",
  path: "/api/health/live",
  summary: "Whether the process answers at all",
  response: well,
} as const satisfies Contract;

export const getReadinessContract = {
  operation: "getReadiness",
  method: "get",
  path: "/api/health/ready",
  summary: "Whether paid calls can be answered now",
  response: well,
} as const satisfies Contract;

/** 503 only when nothing can be sold: a lost LND or old scores are `degraded`, and paid tokens still work. */
export function getHealth(source: HealthSource): FreeOperation<undefined, Health> {
  return {
    ...getHealthContract,
    async serve(_query, _request, response) {
      const state = await source.read();
      response.status(state.status === "down" ? 503 : 200).set("Cache-Control", "no-store");
      return state;
    },
  };
}

export function getLiveness(): FreeOperation<undefined, z.infer<typeof well>> {
  return { ...getLivenessContract, serve: async () => ({ status: "ok" }) };
}

export function getReadiness(source: HealthSource): FreeOperation<undefined, z.infer<typeof well>> {
  return {
    ...getReadinessContract,
    async serve() {
      if (!source.verdictsReady()) throw new OracleError("GRAPH_NOT_READY", "the graph is being loaded");
      if ((await source.read()).dbStatus === "down")
        throw new OracleError("DATABASE_UNAVAILABLE", "the database does not answer");
      return { status: "ok" };
    },
  };
}
