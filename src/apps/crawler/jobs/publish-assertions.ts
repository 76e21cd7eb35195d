/** Job: compare all there is to say with all that was said, sign what is news, and take back what is not said any more. */
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import { publishAssertions } from "../../../oracle/publish/publish-assertions.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import type { Publisher } from "../publisher.ts";
import type { Speech } from "../speech.ts";

const EVERY_SEC = 3_600;
const TIMEOUT_SEC = 600;

export function publishAssertionsJob(deps: {
  database: Database;
  publisher: Publisher;
  speech: Speech;
  events: Events;
  signal: AbortSignal;
}): Job {
  const { database, publisher, speech, events, signal } = deps;
  const ports = { ...outboxTable(database), sign: publisher.sign };
  return {
    name: "publish-assertions",
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const { statements, pubkeys } = speech;
      const report = await publishAssertions(ports, { statements: statements(), pubkeys, now: now(), signal });
      events.published("staged", report.staged);
      events.published("refused_by_lint", report.refusedCount);
      events.published("held_back", report.heldBack);
      const { refused, reasons: _, ...counts } = report;
      return {
        ...counts,
        ...(report.refusedCount > 0 && { refused: refused.slice(0, 3) }),
      };
    },
  };
}
