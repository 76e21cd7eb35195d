/** Job: take in what lists, hosts and announcements say of paid endpoints. */
import { setTimeout as sleep } from "node:timers/promises";
import { loadEventCrypto } from "../../../adapters/nostr/event-crypto.ts";
import { readWhole } from "../../../adapters/nostr/read-relay.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import { feedTable } from "../../../adapters/postgres/feed.ts";
import { inboxTable } from "../../../adapters/postgres/inbox.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { importCatalogue, type RoundPorts, type RoundRules } from "../../../oracle/catalogue/import-catalogue.ts";
import type { CatalogueEvents } from "../../catalogue-events.ts";
import { now } from "../../clock.ts";
import { hostRules } from "../../host-rules.ts";

/** Documents come due one by one: who looks often has little to do each time. */
const EVERY_SEC = 30;
const TIMEOUT_SEC = 1_800;
/** Between two questions to anybody, and so between two to one host. */
const PAUSE_MS = 500;

export function importCatalogueJob(deps: {
  database: Database;
  ask: RoundPorts["ask"];
  rules: Omit<RoundRules, "signal">;
  /** `host:port` of services on this machine that may be listed although nobody else can reach them. */
  local: readonly string[];
  events: CatalogueEvents & { failed(place: string, error: unknown): void };
  signal: AbortSignal;
  pauseMs?: number;
}): Job {
  const { database, ask, rules, local, events, signal, pauseMs = PAUSE_MS } = deps;
  return {
    name: "import-catalogue",
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const { verify } = await loadEventCrypto();
      const ports: RoundPorts = {
        ...feedTable(database),
        noteRelay: inboxTable(database).noteRelay,
        ask,
        fetchEvents: (relay, filter) => readWhole(relay, filter, signal),
        verify,
        pause: () => sleep(pauseMs, undefined, { signal }).catch(() => undefined),
        mayList: hostRules(local).mayList,
        now,
        imported: events.catalogueImported,
        read: events.catalogueRead,
        relayFailed: (error) => events.failed("announcements of a relay", error),
        importFailed: (error) => events.failed("import of a list", error),
      };
      const ends = await importCatalogue(ports, { ...rules, signal });
      return { taken: Object.values(ends).reduce((sum, count) => sum + count, 0), ...ends };
    },
  };
}
