/** Job: bring the outbox to one relay, batch by batch, until nothing is due or the relay wants no more. */
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { deliverEvents } from "../../../oracle/publish/deliver-events.ts";
import type { RelayTask } from "../../../oracle/publish/delivery.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import type { RelayPorts } from "../relay-ports.ts";

const EVERY_SEC = 3;
/** A relay that takes a few events a minute is not asked more often what became of them: relays count questions too. */
const LIMITED_EVERY_SEC = 10;
const TIMEOUT_SEC = 300;
/** No batch is begun after it: what is left is the next run's. */
const LONGEST_SEC = 180;
const BATCH = 100;
/** A connection is kept between batches, since relays count those as well, and let go when nothing was due for so long. */
const IDLE_SEC = 300;

/** What jobs of one relay are called, after `deliver-` or `audit-`. */
export function jobNameOf(relay: string): string {
  return new URL(relay).href.replace(/^wss?:\/\/|\/$/g, "").replace(/[^A-Za-z0-9]/g, "-");
}

/** One job per relay, so that a slow one delays nobody. */
export function deliverEventsJob(deps: {
  ports: RelayPorts;
  relay: string;
  task: RelayTask;
  events: Events;
  signal: AbortSignal;
}): Job {
  const { ports, relay, task, events, signal } = deps;
  let busyAt = now();
  return {
    name: `deliver-events-${jobNameOf(relay)}`,
    everySec: task.role === "full" ? EVERY_SEC : LIMITED_EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const total = { taken: 0, confirmed: 0, refused: 0, invalid: 0, signedAgain: 0 };
      const endAt = now() + LONGEST_SEC;
      for (let stalled = false; !stalled && !signal.aborted && now() < endAt; ) {
        const request = { relay, task, now: now(), limit: BATCH, signal, random: Math.random };
        const report = await deliverEvents(ports, request);
        for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += report[key];
        stalled = report.stalled || report.taken === 0;
      }
      if (total.taken > 0) busyAt = now();
      if (signal.aborted || now() - busyAt > IDLE_SEC) ports.close();
      events.delivered(relay, total);
      if (total.taken > 0) events.relaysStand(await ports.standing(now()));
      return { relay, ...total };
    },
  };
}
