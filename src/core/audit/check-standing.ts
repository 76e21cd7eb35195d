/** Whether an event is what its author says now: not taken back, not replaced, and part of what its newest heartbeat covers. */
import { fromHex } from "../bytes.ts";
import { holdsEntry } from "../merkle/tree.ts";
import { addressOf, type SignedEvent } from "../nip85/event.ts";
import { readHeartbeat } from "../nip85/heartbeat.ts";
import { heartbeatFaults } from "../nip85/heartbeat-faults.ts";
import { isAssertion, KIND, retention } from "../nip85/kinds.ts";
import { STANDING_MARGIN_SEC, standingLeaf } from "../nip85/standing-set.ts";
import { verifyHeartbeat } from "../nip85/verify-heartbeat.ts";
import type { UnixSeconds } from "../units.ts";
import { isGenuine, newestOf } from "./check-author.ts";
import type { Dossier } from "./dossier.ts";
import { type Finding, found, open } from "./finding.ts";

/** Whether something that was shown takes it back (NIP-09), or is a later version. */
export function checkCurrent(event: SignedEvent, { events }: Dossier): Finding {
  const others = events.filter((other) => other.pubkey === event.pubkey && other.id !== event.id);
  const takenBack = others.find((other) => other.kind === KIND.deletion && takesBack(other, event) && isGenuine(other));
  if (takenBack) return found("current", false, `taken back at ${takenBack.created_at}`);
  const newer = others.find((other) => replaces(other, event) && isGenuine(other));
  if (newer) return found("current", false, `replaced at ${newer.created_at} by ${newer.id}`);
  return others.length > 0
    ? found("current", true, "nothing that was shown takes it back or replaces it")
    : open("current", "nothing else of the author is at hand");
}

function takesBack(deletion: SignedEvent, event: SignedEvent): boolean {
  const address = `${event.kind}:${event.pubkey}:${addressOf(event)}`;
  return deletion.tags.some(
    ([name, value]) =>
      (name === "e" && value === event.id) ||
      (name === "a" && value === address && deletion.created_at >= event.created_at),
  );
}

function replaces(other: SignedEvent, event: SignedEvent): boolean {
  if (retention(event.kind) === "all" || other.kind !== event.kind || addressOf(other) !== addressOf(event))
    return false;
  return other.created_at > event.created_at || (other.created_at === event.created_at && other.id < event.id);
}

/** The newest heartbeat of an author that is genuine and in its form. */
export function heartbeatOf({ events }: Dossier, pubkey: string): SignedEvent | undefined {
  const heartbeat = newestOf(events, KIND.heartbeat, pubkey);
  return heartbeat && heartbeatFaults(heartbeat).length === 0 ? heartbeat : undefined;
}

/** Whether the author's newest heartbeat covers an assertion: by a proof, or by all that the author says. */
export function checkHeartbeat(event: SignedEvent, dossier: Dossier, now: UnixSeconds): Finding {
  const heartbeat = heartbeatOf(dossier, event.pubkey);
  if (!isAssertion(event.kind)) return open("heartbeat", "covers assertions alone");
  if (!heartbeat) return open("heartbeat", "no heartbeat of the author is at hand");
  const { asOf, size, root } = readHeartbeat(heartbeat);
  if (now - asOf > STANDING_MARGIN_SEC)
    return open(
      "heartbeat",
      `the newest one is ${now - asOf} s old: the author is silent, or its newest one is withheld`,
    );
  if (event.created_at > asOf) return open("heartbeat", "the event is newer than the newest one");
  const place = dossier.standing.get(event.id);
  if (place) {
    const leaf = standingLeaf({ kind: event.kind, d: addressOf(event), id: event.id });
    const holds = place.size === size && holdsEntry(leaf, place, place.path, fromHex(root)!);
    return found("heartbeat", holds, holds ? `one of ${size} events that stood at ${asOf}` : "its proof does not hold");
  }
  const { verdict, detail } = verifyHeartbeat(heartbeat, dossier.events, { pubkey: event.pubkey, now });
  if (verdict === "complete")
    return found("heartbeat", true, `one of ${size} events that stood at ${asOf}, all at hand`);
  if (verdict === "altered" || verdict === "forged") return found("heartbeat", false, detail);
  return open("heartbeat", verdict === "withheld" ? `neither a proof nor all ${size} events are at hand` : detail);
}
