/** The work of delivery: what goes to which relay, one job each to bring it there, and one each night to see that it is there still. */
import type { Database } from "../../adapters/postgres/connect.ts";
import type { Job } from "../../adapters/postgres/jobs.ts";
import { relayStateTable } from "../../adapters/postgres/relay-state.ts";
import { now } from "../clock.ts";
import type { Events } from "../events.ts";
import type { RelayPlan } from "../world.ts";
import { auditRelayJob } from "./jobs/audit-relay.ts";
import { deliverEventsJob } from "./jobs/deliver-events.ts";
import { relayPorts, type Sign } from "./relay-ports.ts";

export type RelayWork = { jobs: Job[]; close(): void };

/** Writes the plan down, and makes the jobs. `top`: of assertions, at most so many at a relay that does not take them all. */
export async function relayWork(deps: {
  database: Database;
  plan: RelayPlan;
  top: number;
  sign: Sign;
  events: Events;
  signal: AbortSignal;
}): Promise<RelayWork> {
  const { database, plan, top, sign, events, signal } = deps;
  await relayStateTable(database).plan(plan, now());
  const open: { close(): void }[] = [];
  const connect = (relay: string) => {
    const ports = relayPorts({ database, relay, sign, signal });
    open.push(ports);
    return ports;
  };
  return {
    jobs: plan.flatMap(({ relay, role }) => [
      deliverEventsJob({ ports: connect(relay), relay, task: { role, top }, events, signal }),
      auditRelayJob({ ports: connect(relay), relay, events, signal }),
    ]),
    close() {
      for (const ports of open) ports.close();
    },
  };
}
