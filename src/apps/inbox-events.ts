/** What becomes of events that others publish, as a metric. A part of `events.ts`. */
import { Counter, type Registry } from "prom-client";

/** What reading relays reports. */
export type InboxEvents = {
  /** Events of one feed that ended in one way: both are words of closed sets. */
  inboxSeen(feed: string, outcome: string, count: number): void;
};

export function inboxEvents(registry: Registry): InboxEvents {
  const seen = new Counter({
    name: "satrank_inbox_events_total",
    help: "Events of others by what they were taken for",
    labelNames: ["feed", "outcome"],
    registers: [registry],
  });
  return {
    inboxSeen(feed, outcome, count) {
      if (count > 0) seen.inc({ feed, outcome }, count);
    },
  };
}
