/** What the local relay holds: the newest event per address, in memory and bounded. Sources: NIP-01, NIP-09, NIP-40. */
import { addressOf, type SignedEvent, tagValue } from "../../../core/nip85/event.ts";
import { KIND, retention } from "../../../core/nip85/kinds.ts";

/** Conditions of one filter, all of which must hold; tag conditions are named `#x`. */
export type EventFilter = {
  ids?: string[];
  authors?: string[];
  kinds?: number[];
  since?: number;
  until?: number;
  limit?: number;
  [tag: `#${string}`]: string[] | undefined;
};

/** `superseded`: a newer version, or a deletion, is held already. */
export type Stored = "stored" | "duplicate" | "superseded" | "full";

const DEFAULT_LIMIT = 500;
const MAX_LIMIT = 1_000;

export type EventStore = {
  /** Takes the event; `persist` runs just before, and when it throws nothing has changed. */
  store(event: SignedEvent, persist?: () => void): Stored;
  /** Newest first, then lowest id; nothing that has expired at `now`. */
  find(filter: EventFilter, now: number): SignedEvent[];
  size(): number;
  /** Every event held, in no order. */
  all(): Iterable<SignedEvent>;
};

/** An empty store for at most `capacity` events. */
export function createEventStore(capacity: number): EventStore {
  const byId = new Map<string, SignedEvent>();
  const byAddress = new Map<string, SignedEvent>();
  /** Ids and addresses that their author deleted, with the time of the request. */
  const deleted = new Map<string, number>();

  const drop = (event: SignedEvent): void => {
    byId.delete(event.id);
    if (byAddress.get(addressKey(event)) === event) byAddress.delete(addressKey(event));
  };
  const applyDeletion = (request: SignedEvent): void => {
    for (const [name, value = ""] of request.tags) {
      const target = name === "e" ? byId.get(value) : name === "a" ? byAddress.get(value) : undefined;
      const own = name === "e" ? `${request.pubkey}:${value}` : value;
      if (name === "a" && value.split(":", 2)[1] !== request.pubkey) continue;
      if (name !== "a" && name !== "e") continue;
      deleted.set(own, Math.max(deleted.get(own) ?? 0, request.created_at));
      if (target?.pubkey === request.pubkey && target.created_at <= request.created_at) drop(target);
    }
  };
  const isDeleted = (event: SignedEvent): boolean =>
    deleted.has(`${event.pubkey}:${event.id}`) || (deleted.get(addressKey(event)) ?? -1) >= event.created_at;

  return {
    store(event, persist) {
      if (byId.has(event.id)) return "duplicate";
      if (isDeleted(event)) return "superseded";
      const replaceable = retention(event.kind) !== "all";
      const current = replaceable ? byAddress.get(addressKey(event)) : undefined;
      if (current && !isNewer(event, current)) return "superseded";
      if (!current && (byId.size >= capacity || deleted.size >= capacity)) return "full";
      persist?.();
      if (current) drop(current);
      byId.set(event.id, event);
      if (replaceable) byAddress.set(addressKey(event), event);
      if (event.kind === KIND.deletion) applyDeletion(event);
      return "stored";
    },
    find(filter, now) {
      const limit = Math.min(filter.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
      const found = candidates(filter, byId, byAddress).filter(
        (event) => matches(event, filter) && !isExpired(event, now),
      );
      return found.sort(newestFirst).slice(0, limit);
    },
    size: () => byId.size,
    all: () => byId.values(),
  };
}

/** Whether the event meets every condition of the filter; the limit is none. */
export function matches(event: SignedEvent, filter: EventFilter): boolean {
  if (filter.ids && !filter.ids.includes(event.id)) return false;
  if (filter.authors && !filter.authors.includes(event.pubkey)) return false;
  if (filter.kinds && !filter.kinds.includes(event.kind)) return false;
  if (filter.since !== undefined && event.created_at < filter.since) return false;
  if (filter.until !== undefined && event.created_at > filter.until) return false;
  for (const [name, values] of Object.entries(filter)) {
    if (!name.startsWith("#") || !Array.isArray(values)) continue;
    const wanted = values as string[];
    if (!event.tags.some((tag) => tag[0] === name.slice(1) && wanted.includes(tag[1] ?? ""))) return false;
  }
  return true;
}

/** The few events that can match when ids or whole addresses are named; otherwise all of them. */
function candidates(
  filter: EventFilter,
  byId: ReadonlyMap<string, SignedEvent>,
  byAddress: ReadonlyMap<string, SignedEvent>,
): SignedEvent[] {
  const present = (event: SignedEvent | undefined): SignedEvent[] => (event ? [event] : []);
  if (filter.ids) return [...new Set(filter.ids)].flatMap((id) => present(byId.get(id)));
  const { kinds, authors, "#d": names } = filter;
  const whole = kinds && authors && names && kinds.every((kind) => retention(kind) === "newest-per-d");
  if (!whole || kinds.length * authors.length * names.length > MAX_LIMIT) return [...byId.values()];
  const keys = kinds.flatMap((kind) => authors.flatMap((author) => names.map((name) => `${kind}:${author}:${name}`)));
  return [...new Set(keys)].flatMap((key) => present(byAddress.get(key)));
}

function addressKey(event: SignedEvent): string {
  return `${event.kind}:${event.pubkey}:${addressOf(event)}`;
}

function isNewer(event: SignedEvent, current: SignedEvent): boolean {
  return newestFirst(event, current) < 0;
}

function newestFirst(a: SignedEvent, b: SignedEvent): number {
  return b.created_at - a.created_at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function isExpired(event: SignedEvent, now: number): boolean {
  const expiration = tagValue(event, "expiration");
  return expiration !== undefined && Number(expiration) <= now;
}
