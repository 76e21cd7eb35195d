/** Job: bring the outbox to each relay, batch by batch, until nothing is due or the relay wants no more. */
import { type RelayConnection, relayConnection } from "../../../adapters/nostr/relay-connection.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import { deliveryTable } from "../../../adapters/postgres/delivery.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { deliverEvents } from "../../../oracle/publish/deliver-events.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";

const EVERY_SEC = 3;
const TIMEOUT_SEC = 300;
const BATCH = 100;

/** One job per relay, so that a slow one delays nobody. */
export function deliverEventsJob(deps: {
  database: Database;
  relay: string;
  events: Events;
  signal: AbortSignal;
}): Job {
  const { database, relay, events, signal } = deps;
  return {
    name: `deliver-events-${new URL(relay).host.replace(/[^A-Za-z0-9]/g, "-")}`,
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const connection: RelayConnection = relayConnection(relay);
      const outbox = deliveryTable(database);
      const total = { taken: 0, confirmed: 0, refused: 0 };
      try {
        for (let stalled = false; !stalled && !signal.aborted; ) {
          const ports = { ...outbox, publish: connection.publish, readBack: connection.readBack };
          const report = await deliverEvents(ports, { relay, now: now(), limit: BATCH, signal, random: Math.random });
          total.taken += report.taken;
          total.confirmed += report.confirmed;
          total.refused += report.refused;
          stalled = report.stalled || report.taken === 0;
        }
      } finally {
        connection.close();
      }
      events.published("confirmed", total.confirmed);
      events.published("refused", total.refused);
      return { relay, ...total };
    },
  };
}
