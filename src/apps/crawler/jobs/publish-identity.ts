/** Job: say who our keys are, when that has changed. */
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { saveNostrKeys } from "../../../adapters/postgres/nostr-key.ts";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import { publishIdentity } from "../../../oracle/publish/publish-identity.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import type { Publisher } from "../publisher.ts";

const EVERY_SEC = 3_600;
const TIMEOUT_SEC = 300;

export const PUBLISH_IDENTITY = "publish-identity";

export function publishIdentityJob(deps: { database: Database; publisher: Publisher; events: Events }): Job {
  const { database, publisher, events } = deps;
  const ports = { ...outboxTable(database), sign: publisher.sign };
  return {
    name: PUBLISH_IDENTITY,
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      await saveNostrKeys(database, publisher.keys, now());
      const { kinds } = publisher;
      const report = await publishIdentity(ports, { events: publisher.identity(now()), kinds, now: now() });
      events.published("staged", report.staged);
      events.published("refused_by_lint", report.refused.length);
      const { staged, unchanged, refused } = report;
      return { staged, unchanged, ...(refused.length > 0 && { refused: refused.slice(0, 3) }) };
    },
  };
}
