/**
 * What a key says at an instant, as one hash: the Merkle root (RFC 9162) over the events that stand, so that whoever is shown a part of
 * them can tell that it is one.
 *
 *   entry = "<kind>:<d>:<event id>"     in the order of kind and d, both as text, byte by byte
 */
import { toHex, utf8 } from "../bytes.ts";
import { leafHash, pathOf, rootOf } from "../merkle/tree.ts";

/** The newest event of one address: its kind, its `d`, its id in hex. */
export type StandingEvent = { kind: number; d: string; id: string };

/**
 * An event stands while it was not taken back and expires later than this after the instant: for so long a reader may rely on the hash.
 * A heartbeat that is older says nothing any more.
 */
export const STANDING_MARGIN_SEC = 7_200;

/**
 * An event is dated before it is signed and stored. One that was younger than this at the instant may not have been in the set yet: the next
 * heartbeat, which follows within a minute, tells.
 */
export const SETTLING_SEC = 60;

/** 64 hex digits, whatever the order of the events. No two may have the same kind and `d`. */
export function standingRoot(events: readonly StandingEvent[]): string {
  return toHex(rootOf(inOrder(events).map(standingLeaf)));
}

/** The leaf of an event in the tree. */
export function standingLeaf({ kind, d, id }: StandingEvent): Uint8Array {
  return leafHash(utf8(`${kind}:${d}:${id}`));
}

/** Where an event is in the set, and what is hashed beside it on the way to the root; undefined where it is not. */
export function standingPath(
  events: readonly StandingEvent[],
  id: string,
): { index: number; size: number; path: string[] } | undefined {
  const ordered = inOrder(events);
  const index = ordered.findIndex((event) => event.id === id);
  if (index < 0) return undefined;
  const leaves = ordered.map(standingLeaf);
  const path = pathOf(index, leaves.length).map((part) => {
    const first = part[0]!.index * 2 ** part[0]!.level;
    const end = part.at(-1)!;
    return toHex(rootOf(leaves.slice(first, (end.index + 1) * 2 ** end.level)));
  });
  return { index, size: leaves.length, path };
}

function inOrder(events: readonly StandingEvent[]): StandingEvent[] {
  const placed = events.map((event) => ({ event, address: `${event.kind}:${event.d}` }));
  placed.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  return placed.map(({ event }) => event);
}
