/** Of what there is to say, what is news: dated, checked, signed, and ready to be stored beside what it was drawn from. */
import type { Statement } from "../../core/nip85/assertion.ts";
import { contentHash } from "../../core/nip85/content-hash.ts";
import { type SignedEvent, tagValue, type UnsignedEvent } from "../../core/nip85/event.ts";
import { lintEvent } from "../../core/nip85/lint.ts";
import {
  nextCreatedAt,
  type PublishedVersion,
  type RepublishReason,
  republishReason,
} from "../../core/nip85/republish.ts";
import { MAX_TARGETS, retraction, type Standing } from "../../core/nip85/retraction.ts";
import type { Fault } from "../../core/nip85/subject-faults.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";

export type DraftPorts = {
  /** The newest version under each of these addresses, whether it stands or was taken back; absent when never published. */
  findPublished(
    key: { kind: number; pubkey: string },
    addresses: readonly string[],
  ): Promise<Map<string, PublishedVersion>>;
  /** The events in order, signed by their authors' keys. @throws when the signer cannot be asked */
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
};

/** A signed event on its way into the outbox. A smaller `priority` is sent first. */
export type Staged = { event: SignedEvent; subject: string; priority: number };

/** A statement that was not signed, and the rules it broke. */
export type Refused = { subject: string; kind: number; faults: Fault[] };

export type News = { staged: Staged[]; reasons: RepublishReason[]; unchanged: number; refused: Refused[] };

/** Identity events (0) precede everything. A retraction before news before small changes before renewals. */
const RETRACTION = 1;
const PRIORITY: Record<RepublishReason, number> = {
  new: 2,
  band: 2,
  rank: 3,
  interval: 3,
  count: 3,
  price: 3,
  text: 3,
  renewal: 4,
};

/** What differs enough from its published version, or is about to expire. Saying the same twice makes no news. */
export async function draftNews(ports: DraftPorts, statements: readonly Statement[], now: UnixSeconds): Promise<News> {
  const published = await findAll(ports, statements);
  const drafts: { event: UnsignedEvent; subject: string; reason: RepublishReason }[] = [];
  const refused: Refused[] = [];
  statements.forEach((statement, index) => {
    const previous = published[index];
    const draft = draftVersion(statement, previous, now);
    if (!draft) return;
    const { pubkey, kind, subject } = statement;
    const faults = lintEvent(draft.event, { pubkey, kinds: [kind], now, lastCreatedAt: lastOf(previous) });
    if (faults.length === 0) drafts.push({ ...draft, subject });
    else refused.push({ subject, kind, faults });
  });
  const signed = drafts.length === 0 ? [] : await ports.sign(drafts.map(({ event }) => event));
  const staged = signed.map((event, index) => {
    const { subject, reason } = drafts[index]!;
    return { event, subject, priority: PRIORITY[reason] };
  });
  const unchanged = statements.length - drafts.length - refused.length;
  return { staged, reasons: drafts.map(({ reason }) => reason), unchanged, refused };
}

/** The events that take these versions back, all signed by one key. */
export async function draftRetractions(
  ports: Pick<DraftPorts, "sign">,
  pubkey: string,
  targets: readonly Standing[],
  now: UnixSeconds,
): Promise<Staged[]> {
  const events: UnsignedEvent[] = [];
  for (let from = 0; from < targets.length; from += MAX_TARGETS)
    events.push(retraction(pubkey, targets.slice(from, from + MAX_TARGETS), now));
  const signed = events.length === 0 ? [] : await ports.sign(events);
  return signed.map((event) => ({ event, subject: pubkey, priority: RETRACTION }));
}

/** The published versions of statements, in their order. */
async function findAll(ports: DraftPorts, statements: readonly Statement[]): Promise<(PublishedVersion | undefined)[]> {
  const found = new Map<string, Map<string, PublishedVersion>>();
  for (const { kind, pubkey } of statements) {
    const name = `${kind}:${pubkey}`;
    if (found.has(name)) continue;
    const same = statements.filter((statement) => statement.kind === kind && statement.pubkey === pubkey);
    const addresses = same.map(({ d }) => d);
    found.set(name, await ports.findPublished({ kind, pubkey }, addresses));
  }
  return statements.map(({ kind, pubkey, d }) => found.get(`${kind}:${pubkey}`)?.get(d));
}

/** The version to publish, or undefined when what is published still says it. */
function draftVersion(
  statement: Statement,
  previous: PublishedVersion | undefined,
  now: UnixSeconds,
): { event: UnsignedEvent; reason: RepublishReason } | undefined {
  const last = lastOf(previous);
  // A time too far ahead is refused by the lint, with its reason.
  const event = statement.at(nextCreatedAt(now, last) ?? unixSeconds(last! + 1));
  const reason = republishReason(previous, event, now);
  if (!reason) return undefined;
  const saysTheSame = reason !== "new" && previous?.contentHash === contentHash(event);
  return { event: saysTheSame ? keepDataTime(event, previous.event) : event, reason };
}

/** Relays drop what is not newer than the last version, and than the event that took it back. */
function lastOf(previous: PublishedVersion | undefined): UnixSeconds | undefined {
  return previous && unixSeconds(Math.max(previous.event.created_at, previous.retractedAt ?? 0));
}

/** `as_of` moves only when another tag moved. */
function keepDataTime(event: UnsignedEvent, previous: UnsignedEvent): UnsignedEvent {
  const asOf = tagValue(previous, "as_of");
  if (asOf === undefined) return event;
  return { ...event, tags: event.tags.map((tag) => (tag[0] === "as_of" ? ["as_of", asOf] : tag)) };
}
