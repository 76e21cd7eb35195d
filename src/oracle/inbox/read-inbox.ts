/** Reads what others publish on one relay: each feed from where it was left, so much at a time, and what was taken back since. */
import { admitEvent, type EventFault } from "../../core/inbox/admit-event.ts";
import { readDeletion } from "../../core/inbox/deletion.ts";
import type { SignedEvent } from "../../core/nip85/event.ts";
import { KIND } from "../../core/nip85/kinds.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Asked, type Feed, inboxFeeds } from "./feeds.ts";
import { type LabelPorts, takeLabels } from "./take-labels.ts";
import { type MentionPorts, takeMentions } from "./take-mentions.ts";
import { type NodeEventPorts, takeNodeEvents } from "./take-node-events.ts";

export type Cursor = { readTo: number; fromStartAt: number; cut?: { begunAt: number; resumeAt: number } };

export type InboxPorts = NodeEventPorts &
  MentionPorts &
  LabelPorts & {
    /** Pages of what the relay has, the newest first. @throws when the relay is away, says no, or sends too much */
    pages(filter: Asked & { since?: number; until?: number }): AsyncIterable<{ events: unknown[]; resumeAt?: number }>;
    /** Which of the events have the id and the signature that they say. */
    verify(events: readonly SignedEvent[]): Promise<boolean[]>;
    cursor(relay: string, feed: string): Promise<Cursor>;
    moveCursor(relay: string, feed: string, cursor: Cursor): Promise<void>;
    /** Ids of what holds, and of what counts, in any order. */
    standingAnnouncements(limit: number): Promise<string[]>;
    standingMentions(limit: number, now: UnixSeconds): Promise<string[]>;
    now(): UnixSeconds;
    /** Told of each event once, by a word of a closed set: what it was taken for, or why it was passed over. */
    seen(feed: Feed["name"] | "deletions", outcome: string, count: number): void;
    failed(feed: Feed["name"] | "deletions", error: unknown): void;
  };

export type InboxRules = {
  relay: string;
  /** Namespaces of labels that are taken for reports. */
  namespaces: readonly string[];
  signal: AbortSignal;
};

/** Events of one author that are looked at in one reading of a feed. */
const MOST_OF_AUTHOR = 200;
/** Events come to a relay later than they were made: so much is read again. What comes later still is found by the next reading from the start. */
const OVERLAP_SEC = 3_600;
const FROM_START_EVERY_SEC = 7 * 86_400;
/** Deletions are asked for by what they delete: of each kind so many in one reading, drawn anew each time, in so many to a question. */
const MOST_STANDING = 400;
const TARGETS_AT_ONCE = 200;

/** What fails ends one feed; a relay that is away ends them all, since each then fails at once. @returns what was taken */
export async function readInbox(ports: InboxPorts, rules: InboxRules): Promise<Record<string, number>> {
  const taken: Record<string, number> = {};
  for (const feed of inboxFeeds(rules.namespaces)) {
    if (rules.signal.aborted) return taken;
    try {
      taken[feed.name] = await readFeed(ports, rules, feed);
    } catch (error) {
      ports.failed(feed.name, error);
    }
  }
  try {
    if (!rules.signal.aborted) taken["deletions"] = await readDeletions(ports, rules);
  } catch (error) {
    ports.failed("deletions", error);
  }
  return taken;
}

/** Goes on where a reading was cut, else begins one at the newest event. */
async function readFeed(ports: InboxPorts, rules: InboxRules, feed: Feed): Promise<number> {
  const { relay, signal } = rules;
  const now = ports.now();
  const held = await ports.cursor(relay, feed.name);
  const isFromStart =
    feed.reachSec === undefined && held.fromStartAt + FROM_START_EVERY_SEC <= (held.cut?.begunAt ?? now);
  const begunAt = held.cut?.begunAt ?? now;
  const since = isFromStart ? 0 : Math.max(held.readTo - OVERLAP_SEC, begunAt - (feed.reachSec ?? begunAt), 0);
  const filter = {
    ...feed.asked,
    ...(since > 0 && { since }),
    ...(held.cut && { until: held.cut.resumeAt }),
  };
  const authors = new Map<string, number>();
  let looked = 0;
  let taken = 0;
  for await (const { events, resumeAt } of ports.pages(filter)) {
    const valid = await admit(ports, feed.name, feed.asked.kinds, events, authors);
    taken += await takeEvents(ports, rules, feed.name, valid);
    looked += events.length;
    if (resumeAt === undefined) {
      await ports.moveCursor(relay, feed.name, {
        readTo: begunAt,
        fromStartAt: isFromStart ? begunAt : held.fromStartAt,
      });
      return taken;
    }
    await ports.moveCursor(relay, feed.name, { ...held, cut: { begunAt, resumeAt } });
    if (looked >= feed.most || signal.aborted) return taken;
  }
  return taken;
}

function takeEvents(ports: InboxPorts, rules: InboxRules, feed: Feed["name"], events: SignedEvent[]): Promise<number> {
  if (feed === "nodes") return takeNodeEvents(ports, events, rules.relay);
  return feed === "labels" ? takeLabels(ports, events, rules.namespaces) : takeMentions(ports, feed, events);
}

/** Of what a relay sent the events that hold, of each author a few. Signatures last: they take the longest. */
async function admit(
  ports: InboxPorts,
  feed: Feed["name"] | "deletions",
  kinds: readonly number[],
  values: readonly unknown[],
  authors: Map<string, number>,
): Promise<SignedEvent[]> {
  const faults = new Map<EventFault | "author-limit" | "signature", number>();
  const fault = (name: EventFault | "author-limit" | "signature") => faults.set(name, (faults.get(name) ?? 0) + 1);
  const formed: SignedEvent[] = [];
  for (const value of values) {
    const event = admitEvent(value, kinds, ports.now());
    if (typeof event === "string") fault(event);
    else if ((authors.get(event.pubkey) ?? 0) >= MOST_OF_AUTHOR) fault("author-limit");
    else {
      authors.set(event.pubkey, (authors.get(event.pubkey) ?? 0) + 1);
      formed.push(event);
    }
  }
  const holds = await ports.verify(formed);
  for (const each of holds) if (!each) fault("signature");
  for (const [name, count] of faults) ports.seen(feed, name, count);
  return formed.filter((_, index) => holds[index]);
}

/** What was taken back of what stands: asked for by the ids of what stands, so nobody can fill us with deletions of something else. */
async function readDeletions(ports: InboxPorts, { signal }: InboxRules): Promise<number> {
  const announcements = await ports.standingAnnouncements(MOST_STANDING);
  const ids = [...announcements, ...(await ports.standingMentions(MOST_STANDING, ports.now()))];
  let taken = 0;
  for (let from = 0; from < ids.length && !signal.aborted; from += TARGETS_AT_ONCE) {
    const targets = ids.slice(from, from + TARGETS_AT_ONCE);
    const authors = new Map<string, number>();
    for await (const { events, resumeAt } of ports.pages({ kinds: [KIND.deletion], "#e": targets })) {
      for (const event of await admit(ports, "deletions", [KIND.deletion], events, authors)) {
        const deletion = readDeletion(event);
        if (!deletion) continue;
        const { author, at, eventIds, nodeKeys } = deletion;
        taken += await ports.revokeAnnouncements({ author, at, eventIds, nodeKeys });
        taken += await ports.deleteMentions({ author, at, eventIds });
      }
      if (resumeAt === undefined || signal.aborted) break;
    }
  }
  ports.seen("deletions", "taken", taken);
  return taken;
}
