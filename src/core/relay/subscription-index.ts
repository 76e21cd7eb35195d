/**
 * Who waits for which events. Each filter is kept under the values of its narrowest condition, so that an event is held against the few
 * filters that name something of it, and not against those of everybody.
 */
import type { Filter } from "./filter.ts";
import { type ListedEvent, matches } from "./listed-event.ts";
import { pointsOf } from "./points.ts";

type Entry<Owner> = { owner: Owner; filter: Filter };

export type SubscriptionIndex<Owner> = ReturnType<typeof createSubscriptionIndex<Owner>>;

export function createSubscriptionIndex<Owner>() {
  const byKey = new Map<string, Set<Entry<Owner>>>();
  const entriesOf = new Map<Owner, Entry<Owner>[]>();

  function remove(owner: Owner): void {
    for (const entry of entriesOf.get(owner) ?? []) {
      for (const key of keysOf(entry.filter)) {
        const set = byKey.get(key);
        set?.delete(entry);
        if (set?.size === 0) byKey.delete(key);
      }
    }
    entriesOf.delete(owner);
  }

  return {
    /** An owner has one list of filters: adding it again replaces the list. */
    add(owner: Owner, filters: readonly Filter[]): void {
      remove(owner);
      const entries = filters.map((filter) => ({ owner, filter }));
      entriesOf.set(owner, entries);
      for (const entry of entries) {
        for (const key of keysOf(entry.filter)) {
          const set = byKey.get(key) ?? new Set();
          byKey.set(key, set.add(entry));
        }
      }
    },

    remove,

    /** Everybody of whose filters at least one matches, each once. */
    find(event: ListedEvent): Set<Owner> {
      const found = new Set<Owner>();
      for (const key of keysOfEvent(event)) {
        for (const { owner, filter } of byKey.get(key) ?? []) {
          if (!found.has(owner) && matches(filter, event)) found.add(owner);
        }
      }
      return found;
    },

    owners: () => entriesOf.keys(),

    get size(): number {
      return entriesOf.size;
    },
  };
}

const EVERYTHING = "*";

/** Where a filter is kept. One that names an empty list is kept nowhere, since nothing can match it. */
function keysOf(filter: Filter): string[] {
  const points = pointsOf(filter);
  if (points) return [...points.ids.map((id) => `id ${id}`), ...points.words.map((word) => `tag ${word}`)];
  for (const [letter, values] of filter.tags) return Array.from(values, (value) => `tag ${letter}${value}`);
  if (filter.authors) return Array.from(filter.authors, (author) => `author ${author}`);
  if (filter.kinds) return Array.from(filter.kinds, (kind) => `kind ${kind}`);
  return [EVERYTHING];
}

function keysOfEvent({ id, pubkey, kind, words }: ListedEvent): string[] {
  return [`id ${id}`, `author ${pubkey}`, `kind ${kind}`, EVERYTHING, ...words.map((word) => `tag ${word}`)];
}
