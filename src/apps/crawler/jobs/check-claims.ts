/** Job: look again at what operators' claims rest on, and ask hosts whether they name who announced their APIs. */
import { announcedHostTable } from "../../../adapters/postgres/announced-host.ts";
import { claimTable } from "../../../adapters/postgres/claim.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { type CheckPorts, checkClaims } from "../../../oracle/catalogue/check-claims.ts";
import { proveAnnounced } from "../../../oracle/catalogue/prove-announced.ts";
import { now } from "../../clock.ts";
import { hostRules } from "../../host-rules.ts";

const EVERY_SEC = 60;
const TIMEOUT_SEC = 900;

export function checkClaimsJob(deps: {
  database: Database;
  ask: CheckPorts["ask"];
  mostPerHost: number;
  /** `host:port` of services on this machine that are believed without TLS. */
  local: readonly string[];
  signal: AbortSignal;
}): Job {
  const { database, ask, mostPerHost, local, signal } = deps;
  const claims = { ...claimTable(database, mostPerHost), ...announcedHostTable(database) };
  const ports = { ...claims, ...hostRules(local), ask, now };
  return {
    name: "check-claims",
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const checked = await checkClaims(ports, signal);
      const { asked, proven } = await proveAnnounced(ports, signal);
      return { ...checked, taken: checked.taken + asked, proven };
    },
  };
}
