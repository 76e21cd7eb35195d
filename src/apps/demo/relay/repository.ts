/** The event store in the shape that @nostr-relay/core asks for. It only reads: events come in through `start.ts`. */
import { type Event, EventRepository, type EventRepositoryUpsertResult, type Filter } from "@nostr-relay/common";
import type { EventFilter, EventStore } from "./event-store.ts";

export class StoredEvents extends EventRepository {
  readonly #store: EventStore;
  readonly #now: () => number;

  constructor(store: EventStore, now: () => number) {
    super();
    this.#store = store;
    this.#now = now;
  }

  isSearchSupported(): boolean {
    return false;
  }

  upsert(event: Event): EventRepositoryUpsertResult {
    return { isDuplicate: this.#store.store(event) !== "stored" };
  }

  find(filter: Filter): Event[] {
    return this.#store.find(filter as EventFilter, this.#now());
  }

  async destroy(): Promise<void> {}
}
