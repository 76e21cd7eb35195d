/** Takes comments and reactions about what we rate. */
import { expirationOf } from "../../core/inbox/admit-event.ts";
import { type Mention, readMention } from "../../core/inbox/mention.ts";
import type { SignedEvent } from "../../core/nip85/event.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";

export type MentionPorts = {
  /** Writes down what is news and about something that we know. @returns how many were */
  saveMentions(
    mentions: readonly (Mention & {
      eventId: string;
      author: string;
      createdAt: UnixSeconds;
      expiresAt: UnixSeconds | undefined;
    })[],
    now: UnixSeconds,
  ): Promise<number>;
  deleteMentions(taken: { author: string; at: UnixSeconds; eventIds: readonly string[] }): Promise<number>;
  now(): UnixSeconds;
  seen(feed: "comments" | "reactions", outcome: string, count: number): void;
};

/** @returns how many were news */
export async function takeMentions(
  ports: MentionPorts,
  feed: "comments" | "reactions",
  events: readonly SignedEvent[],
): Promise<number> {
  const mentions = events.flatMap((event) => {
    const mention = readMention(event);
    if (!mention) return [];
    const createdAt = unixSeconds(event.created_at);
    return [{ ...mention, eventId: event.id, author: event.pubkey, createdAt, expiresAt: expirationOf(event) }];
  });
  const saved = await ports.saveMentions(mentions, ports.now());
  ports.seen(feed, "saved", saved);
  // Known already, or about a page or node that we do not rate.
  ports.seen(feed, "passed-over", events.length - saved);
  return saved;
}
