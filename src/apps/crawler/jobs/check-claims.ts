/** Job: look again at what operators' claims rest on. */
import { claimTable } from "../../../adapters/postgres/claim.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { type CheckPorts, checkClaims } from "../../../oracle/catalogue/check-claims.ts";
import { now } from "../../clock.ts";

const EVERY_SEC = 60;
const TIMEOUT_SEC = 900;

export function checkClaimsJob(deps: {
  database: Database;
  ask: CheckPorts["ask"];
  mostPerHost: number;
  signal: AbortSignal;
}): Job {
  const { database, ask, mostPerHost, signal } = deps;
  const ports = { ...claimTable(database, mostPerHost), ask, now };
  return {
    name: "check-claims",
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    run: () => checkClaims(ports, signal),
  };
}
