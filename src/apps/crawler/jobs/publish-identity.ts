/** Job: say who our keys are, when that has changed, and take back what keys have said that are no longer in use. */
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { saveNostrKeys } from "../../../adapters/postgres/nostr-key.ts";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import { retiredKeyTable } from "../../../adapters/postgres/retired-key.ts";
import { keysInUse, retiredKeys } from "../../../core/nip85/key-ring.ts";
import { publishIdentity } from "../../../oracle/publish/publish-identity.ts";
import { retireKeys } from "../../../oracle/publish/retire-keys.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import type { Publisher } from "../publisher.ts";

const EVERY_SEC = 3_600;
const TIMEOUT_SEC = 300;

export const PUBLISH_IDENTITY = "publish-identity";

export function publishIdentityJob(deps: {
  database: Database;
  publisher: Publisher;
  events: Events;
  signal: AbortSignal;
}): Job {
  const { database, publisher, events, signal } = deps;
  const { keys, kinds, sign } = publisher;
  const ports = { ...outboxTable(database), ...retiredKeyTable(database), sign };
  return {
    name: PUBLISH_IDENTITY,
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      await saveNostrKeys(database, keys, now());
      const said = await publishIdentity(ports, { events: publisher.identity(now()), kinds, now: now() });
      const ended = await retireKeys(ports, { retired: retiredKeys(keys), inUse: keysInUse(keys), now: now(), signal });
      const refused = [...said.refused, ...ended.refused];
      events.published("staged", said.staged + ended.vanished);
      events.published("refused_by_lint", refused.length);
      const { staged, unchanged } = said;
      const { takenBack, vanished } = ended;
      return { staged, unchanged, takenBack, vanished, ...(refused.length > 0 && { refused: refused.slice(0, 3) }) };
    },
  };
}
