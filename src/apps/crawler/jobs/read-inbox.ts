/** Job: read what others publish on one relay about what we rate. */
import { setImmediate } from "node:timers/promises";
import { readRelay } from "../../../adapters/nostr/read-relay.ts";
import { verifyEvents } from "../../../adapters/nostr/verify-events.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import { inboxTable } from "../../../adapters/postgres/inbox.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { mentionTable } from "../../../adapters/postgres/mention.ts";
import { nodeOperatorTable } from "../../../adapters/postgres/node-operator.ts";
import { outcomeNamespace } from "../../../core/inbox/outcome-label.ts";
import { type InboxPorts, readInbox } from "../../../oracle/inbox/read-inbox.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import type { Start } from "../../world.ts";
import { reportLabels } from "../report-labels.ts";

const EVERY_SEC = 300;
const TIMEOUT_SEC = 240;

/** One job per relay, so that a slow one delays nobody. */
export function readInboxJobs(deps: Start & { database: Database; origin: string }): Job[] {
  const { config, world, origin, ...rest } = deps;
  const namespaces = config.NOSTR_LABEL_NAMESPACES ?? [outcomeNamespace(origin)];
  return (config.NOSTR_READ_RELAYS ?? world.nostrRelays).map((relay) => readInboxJob({ ...rest, relay, namespaces }));
}

function readInboxJob(deps: {
  database: Database;
  relay: string;
  namespaces: readonly string[];
  events: Pick<Events, "inboxSeen" | "failed">;
  signal: AbortSignal;
}): Job {
  const { database, relay, namespaces, events, signal } = deps;
  const mentions = mentionTable(database);
  const report = reportLabels(database, now);
  return {
    name: `read-inbox-${relay.replace(/^wss?:\/\/|\/$/g, "").replace(/[^A-Za-z0-9]/g, "-")}`,
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const reading = readRelay(relay, signal);
      const ports: InboxPorts = {
        ...inboxTable(database),
        ...nodeOperatorTable(database),
        ...mentions,
        pages: reading.pages,
        verify: verifyEvents,
        breathe: () => setImmediate(),
        report,
        now,
        seen: events.inboxSeen,
        failed: (feed, error) => events.failed(`inbox ${feed}`, error),
      };
      try {
        const taken = await readInbox(ports, { relay, namespaces, signal });
        const forgotten = await mentions.sweepMentions(now());
        return { relay, ...taken, forgotten, taken: Object.values(taken).reduce((sum, count) => sum + count, 0) };
      } finally {
        reading.close();
      }
    },
  };
}
