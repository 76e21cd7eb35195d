/** Job: each night, whether one relay still has what it took. */
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { auditRelay } from "../../../oracle/publish/audit-relay.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import type { RelayPorts } from "../relay-ports.ts";
import { jobNameOf } from "./deliver-events.ts";

const EVERY_SEC = 86_400;
const TIMEOUT_SEC = 1_800;

/** One job per relay, so that a slow one delays nobody. */
export function auditRelayJob(deps: { ports: RelayPorts; relay: string; events: Events; signal: AbortSignal }): Job {
  const { ports, relay, events, signal } = deps;
  return {
    name: `audit-relay-${jobNameOf(relay)}`,
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const at = now();
      try {
        const report = await auditRelay(ports, { relay, now: at, signal, random: Math.random });
        events.audited(relay, at, report);
        return { relay, ...report };
      } finally {
        ports.close();
      }
    },
  };
}
