/** Whether the local relay takes an event, and the words it answers with. Sources: the OK message of NIP-01, NIP-40. */
import { encodeEvent, MAX_EVENT_BYTES, type SignedEvent, tagValue } from "../../../core/nip85/event.ts";
import { retention } from "../../../core/nip85/kinds.ts";
import type { EventJournal } from "./event-journal.ts";
import type { EventStore } from "./event-store.ts";

export type Acceptance = { accepted: boolean; message: string; isNew: boolean };

const MAX_AHEAD_SEC = 900;

/** Verifies, stores and writes down one event; only then is it acknowledged. */
export function acceptEvent(
  event: SignedEvent,
  world: { store: EventStore; journal: EventJournal; verify: (event: SignedEvent) => boolean; now: number },
): Acceptance {
  const { store, journal, verify, now } = world;
  const refuse = (message: string): Acceptance => ({ accepted: false, message, isNew: false });
  if (encodeEvent(event).length > MAX_EVENT_BYTES) return refuse("invalid: event too large");
  if (event.created_at > now + MAX_AHEAD_SEC) return refuse("invalid: created_at lies in the future");
  const expiration = tagValue(event, "expiration");
  if (expiration !== undefined && Number(expiration) <= now) return refuse("invalid: event expired");
  if (!verify(event)) return refuse("invalid: id or signature is wrong");
  if (retention(event.kind) === "none") return { accepted: true, message: "", isNew: true };

  switch (store.store(event, () => journal.append(event))) {
    case "stored":
      return { accepted: true, message: "", isNew: true };
    case "duplicate":
      return { accepted: true, message: "duplicate: already have this event", isNew: false };
    case "superseded":
      return refuse("replaced: have newer event");
    case "full":
      return refuse("error: this relay is full");
  }
}
