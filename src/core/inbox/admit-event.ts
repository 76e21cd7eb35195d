/** Whether a stranger's event may be looked at, as far as can be said before its signature, which takes the longest. */
import { encodeEvent, MAX_EVENT_BYTES, readEvent, type SignedEvent, tagValue } from "../nip85/event.ts";
import type { UnixSeconds } from "../units.ts";

/** An event dated later was not made when it says. */
const MAX_AHEAD_SEC = 900;
const MAX_TAGS = 2_000;

/** Why an event is passed over. */
export type EventFault = "form" | "kind" | "future" | "expired";

/** The event in parsed JSON; or why it is none that was asked for, or none any more (NIP-40). */
export function admitEvent(value: unknown, kinds: readonly number[], now: UnixSeconds): SignedEvent | EventFault {
  const event = readEvent(value);
  if (!event || event.tags.length > MAX_TAGS || encodeEvent(event).length > MAX_EVENT_BYTES) return "form";
  if (!kinds.includes(event.kind)) return "kind";
  if (event.created_at > now + MAX_AHEAD_SEC) return "future";
  const expiresAt = expirationOf(event);
  return expiresAt !== undefined && expiresAt <= now ? "expired" : event;
}

/** When an event says that it ends; undefined when it does not. One that says so in no known way has ended. */
export function expirationOf(event: SignedEvent): UnixSeconds | undefined {
  const text = tagValue(event, "expiration");
  if (text === undefined) return undefined;
  return (/^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0) as UnixSeconds;
}
