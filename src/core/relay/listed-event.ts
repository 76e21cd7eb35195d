/** An event as a relay looks at it: what filters ask for, and the text that is sent. */
import type { SignedEvent } from "../nip85/event.ts";
import type { Filter } from "./filter.ts";

export type ListedEvent = {
  id: string;
  pubkey: string;
  kind: number;
  createdAt: number;
  /** Each single-letter tag as one word: its letter, then its first value. */
  words: readonly string[];
  /** The signed JSON, as it was signed. */
  body: string;
};

/** @param event what `body` says */
export function listEvent({ id, pubkey, kind, created_at, tags }: SignedEvent, body: string): ListedEvent {
  const words = tags.flatMap(([name, value]) => (name?.length === 1 && value !== undefined ? [name + value] : []));
  return { id, pubkey, kind, createdAt: created_at, words: [...new Set(words)], body };
}

/** The order of stored events: newest first, then lowest id. */
export function compareListed(a: ListedEvent, b: ListedEvent): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? -1 : Number(a.id > b.id));
}

/** Whether every condition of the filter holds. `limit` is none. */
export function matches(filter: Filter, event: ListedEvent): boolean {
  if (filter.ids && !filter.ids.has(event.id)) return false;
  if (filter.authors && !filter.authors.has(event.pubkey)) return false;
  if (filter.kinds && !filter.kinds.has(event.kind)) return false;
  if (filter.since !== undefined && event.createdAt < filter.since) return false;
  if (filter.until !== undefined && event.createdAt > filter.until) return false;
  for (const [letter, values] of filter.tags) {
    if (!event.words.some((word) => word[0] === letter && values.has(word.slice(1)))) return false;
  }
  return true;
}
