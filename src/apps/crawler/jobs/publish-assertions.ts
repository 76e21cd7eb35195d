/** Job: compare all there is to say with all that was said, sign what is news, and take back what is not said any more. */
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import { predictionTable } from "../../../adapters/postgres/prediction.ts";
import { toHex } from "../../../core/bytes.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import { publishAssertions } from "../../../oracle/publish/publish-assertions.ts";
import { publishIdentity } from "../../../oracle/publish/publish-identity.ts";
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
      const { position, hash } = await predictionTable(database).headBefore(startOfDay(now()));
      const predictions = position === 0n ? undefined : { position, head: toHex(hash) };
      const identity = await publishIdentity(ports, { events: publisher.identity(now(), predictions), now: now() });
      const { statements, pubkeys } = speech;
      const report = await publishAssertions(ports, { statements: statements(), pubkeys, now: now(), signal });
      events.published("staged", report.staged + identity.staged);
      events.published("refused_by_lint", report.refusedCount + identity.refused.length);
      events.published("held_back", report.heldBack);
      const { refused, reasons: _, ...counts } = report;
      return {
        ...counts,
        identity: identity.staged,
        ...(report.refusedCount > 0 && { refused: refused.slice(0, 3) }),
      };
    },
  };
}

/** A profile that says how far our predictions have come changes once a day, and not with each of them. */
function startOfDay(at: UnixSeconds): UnixSeconds {
  return (at - (at % 86_400)) as UnixSeconds;
}
