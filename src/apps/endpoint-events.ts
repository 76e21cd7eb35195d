/** Events of the endpoint oracle: its calls, and how its queues stand. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { Waiting } from "../adapters/postgres/waiting-jobs.ts";
import type { Finding } from "../core/inspect/finding.ts";
import type { Logger } from "./log.ts";

export function endpointEvents(registry: Registry, log: Logger) {
  const registers = [registry];
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `satrank_${name}`, help, labelNames: ["job"], registers });
  const calls = new Counter({
    name: "satrank_endpoint_calls_total",
    help: "Calls of endpoints by the last stage that was looked at, and what was seen there",
    labelNames: ["stage", "verdict", "code"],
    registers,
  });
  const waiting = gauge("jobs_waiting", "Jobs and items that are due and not begun, all processes together");
  const lag = gauge("job_lag_seconds", "For how long the oldest of them has been due");
  const dead = gauge("jobs_dead", "Items that failed every try and wait for somebody to look at them");
  return {
    endpointCalled({ stage, verdict, code }: Finding): void {
      calls.inc({ stage, verdict, code });
      log.debug({ stage, verdict, code }, "endpoint called");
    },
    jobsWaiting(found: readonly Waiting[]): void {
      for (const each of [waiting, lag, dead]) each.reset();
      for (const { name, waiting: count, lagSec, dead: lost } of found) {
        waiting.set({ job: name }, count);
        lag.set({ job: name }, Math.max(0, lagSec));
        dead.set({ job: name }, lost);
      }
    },
  };
}
