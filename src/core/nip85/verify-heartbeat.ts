/** Whether what a relay shows of a key is all that the key says: what it holds against the key's own heartbeat. */
import type { UnixSeconds } from "../units.ts";
import { addressOf, eventId, type SignedEvent, signatureHolds, tagValue } from "./event.ts";
import { readHeartbeat } from "./heartbeat.ts";
import { isAssertion, KIND } from "./kinds.ts";
import { lintIdentity } from "./lint-identity.ts";
import { SETTLING_SEC, STANDING_MARGIN_SEC, type StandingEvent, standingRoot } from "./standing-set.ts";

/**
 * - `complete`: everything that stood is shown, and nothing else; every event shown is the key's, since the heartbeat's signature
 *   covers its id
 * - `withheld`: fewer events than stood
 * - `altered`: as many or more, but other ones: earlier versions, taken back ones, or forged ones
 * - `moved-on`: the key has spoken since; ask for its newest heartbeat, and suspect a relay that has none
 * - `stale`: the heartbeat is older than a reader may rely on; either the key has fallen silent, or its newest one is withheld
 * - `forged`: this is no heartbeat of this key
 */
export type HeartbeatVerdict = "complete" | "withheld" | "altered" | "moved-on" | "stale" | "forged";

export type HeartbeatCheck = {
  verdict: HeartbeatVerdict;
  detail: string;
  /** How many events of each kind the key says stood, and how many were shown. Empty when forged. */
  counts: { kind: number; stated: number; shown: number }[];
};

export type HeartbeatOptions = { pubkey: string; now: UnixSeconds };

/**
 * Compares a heartbeat with the events of its key that somebody shows, in any order, others' and other kinds among them. Signatures of
 * events are not checked one by one: where the root holds they need not be, and nothing is said of them where it does not.
 */
export function verifyHeartbeat(
  heartbeat: SignedEvent,
  shown: readonly SignedEvent[],
  { pubkey, now }: HeartbeatOptions,
): HeartbeatCheck {
  const faults = lintIdentity(heartbeat, { pubkey, kinds: [KIND.heartbeat], now });
  const genuine = eventId(heartbeat) === heartbeat.id && signatureHolds(heartbeat);
  if (!genuine || faults.length > 0) {
    const detail = genuine ? faults.map(({ message }) => message).join("; ") : "id or signature is wrong";
    return { verdict: "forged", detail, counts: [] };
  }
  const { asOf, size, root, counts: stated } = readHeartbeat(heartbeat);
  const own = shown.filter((event) => event.pubkey === pubkey && eventId(event) === event.id);
  const standing = standingOf(own, asOf);
  const kinds = [...new Set([...stated.keys(), ...standing.map(({ kind }) => kind)])].sort();
  const counts = kinds.map((kind) => {
    return { kind, stated: stated.get(kind) ?? 0, shown: standing.filter((event) => event.kind === kind).length };
  });
  const say = (verdict: HeartbeatVerdict, detail: string): HeartbeatCheck => ({ verdict, detail, counts });

  if (now - asOf > STANDING_MARGIN_SEC) return say("stale", `${now - asOf} s old, and one is due every hour`);
  const spokeAfter = (at: number) =>
    own.some((event) => event.created_at > at && (isAssertion(event.kind) || event.kind === KIND.deletion));
  if (spokeAfter(asOf)) return say("moved-on", "there are newer events than this heartbeat");
  if (standingRoot(standing) === root) return say("complete", `all ${size} events`);
  if (standing.length < size) return say("withheld", `${size - standing.length} of ${size} events are missing`);
  return spokeAfter(asOf - SETTLING_SEC)
    ? say("moved-on", "there are events as new as this heartbeat")
    : say("altered", `${standing.length} events are shown where ${size} others stand`);
}

/** The newest version of each address at an instant. */
function standingOf(events: readonly SignedEvent[], asOf: number): StandingEvent[] {
  const newest = new Map<string, SignedEvent>();
  for (const event of events) {
    const expires = Number(tagValue(event, "expiration") ?? Number.POSITIVE_INFINITY);
    if (!isAssertion(event.kind) || event.created_at > asOf || !(expires > asOf + STANDING_MARGIN_SEC)) continue;
    const address = `${event.kind}:${addressOf(event)}`;
    const other = newest.get(address);
    if (!other || event.created_at > other.created_at || (event.created_at === other.created_at && event.id < other.id))
      newest.set(address, event);
  }
  return [...newest.values()].map((event) => ({ kind: event.kind, d: addressOf(event), id: event.id }));
}
