/** Publishing who the keys are: what they say about themselves and each other, when it has changed. */
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

export type PublishIdentityRequest = {
  /** Replaceable events; their `created_at` is set here. */
  events: readonly UnsignedEvent[];
  /** What each key may sign, by its public key. A key that is not there signs nothing. */
  kinds: ReadonlyMap<string, readonly number[]>;
  now: UnixSeconds;
};
export type PublishIdentityReport = { staged: number; unchanged: number; refused: { kind: number; faults: Fault[] }[] };

/** Readers meet the profile before the first assertion. */
const PRIORITY = 0;

/** Stages each event that differs from its published version. Running it twice publishes nothing the second time. */
export async function publishIdentity(
  ports: PublishIdentityPorts,
  { events, kinds, now }: PublishIdentityRequest,
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
    const allowed = kinds.get(event.pubkey) ?? [];
    const faults = lintIdentity(draft, { pubkey: event.pubkey, kinds: allowed, now, lastCreatedAt: last });
    if (faults.length === 0) drafts.push(draft);
    else report.refused.push({ kind: event.kind, faults });
  }
  if (drafts.length === 0) return report;
  const signed = await ports.sign(drafts);
  const staged = signed.map((event) => ({ event, subject: event.pubkey, priority: PRIORITY }));
  report.staged = await ports.stage(staged, now);
  return report;
}
