/** Publishing who the keys are: their profiles and relay lists, when what they say has changed. */
import { addressOf, type SignedEvent, type UnsignedEvent } from "../../core/nip85/event.ts";
import { lintIdentity } from "../../core/nip85/lint-identity.ts";
import { nextCreatedAt, type PublishedVersion, republishReason } from "../../core/nip85/republish.ts";
import type { Fault } from "../../core/nip85/subject-faults.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";

export type PublishIdentityPorts = {
  /** The newest version under each of these addresses, sent or not; absent when never published. */
  findPublished(
    key: { kind: number; pubkey: string },
    addresses: readonly string[],
  ): Promise<Map<string, PublishedVersion>>;
  /** The events in order, signed by their authors' keys. */
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  /** Makes these the versions to send. Atomic per call; an older version never replaces a newer one. */
  stage(
    events: readonly { event: SignedEvent; subject: string; priority: number }[],
    now: UnixSeconds,
  ): Promise<number>;
};

/** `events` are profiles (kind 0) and relay lists (kind 10002); their `created_at` is set here. */
export type PublishIdentityRequest = { events: readonly UnsignedEvent[]; now: UnixSeconds };
export type PublishIdentityReport = { staged: number; unchanged: number; refused: { kind: number; faults: Fault[] }[] };

/** Readers meet the profile before the first assertion. */
const PRIORITY = 0;

/** Stages each event that differs from its published version. Running it twice publishes nothing the second time. */
export async function publishIdentity(
  ports: PublishIdentityPorts,
  { events, now }: PublishIdentityRequest,
): Promise<PublishIdentityReport> {
  const report: PublishIdentityReport = { staged: 0, unchanged: 0, refused: [] };
  const drafts: UnsignedEvent[] = [];
  for (const event of events) {
    const previous = (await ports.findPublished(event, [addressOf(event)])).get(addressOf(event));
    if (!republishReason(previous, event, now)) {
      report.unchanged++;
      continue;
    }
    const last = previous && unixSeconds(previous.event.created_at);
    const draft = { ...event, created_at: nextCreatedAt(now, last) ?? last! + 1 };
    const faults = lintIdentity(draft, { pubkey: event.pubkey, now, lastCreatedAt: last });
    if (faults.length === 0) drafts.push(draft);
    else report.refused.push({ kind: event.kind, faults });
  }
  const signed = await ports.sign(drafts);
  const staged = signed.map((event) => ({ event, subject: event.pubkey, priority: PRIORITY }));
  report.staged = await ports.stage(staged, now);
  return report;
}
