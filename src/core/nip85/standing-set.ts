/**
 * What a key says at an instant, as one hash: the Merkle root (RFC 9162) over the events that stand, so that whoever is shown a part of
 * them can tell that it is one.
 *
 *   entry = "<kind>:<d>:<event id>"     in the order of kind and d, both as text, byte by byte
 */
import { toHex, utf8 } from "../bytes.ts";
import { leafHash, rootOf } from "../merkle/tree.ts";

/** The newest event of one address: its kind, its `d`, its id in hex. */
export type StandingEvent = { kind: number; d: string; id: string };

/**
 * An event stands while it was not taken back and expires later than this after the instant: for so long a reader may rely on the hash.
 * A heartbeat that is older says nothing any more.
 */
export const STANDING_MARGIN_SEC = 7_200;

/** 64 hex digits, whatever the order of the events. No two may have the same kind and `d`. */
export function standingRoot(events: readonly StandingEvent[]): string {
  const entries = events.map(({ kind, d, id }) => ({ address: `${kind}:${d}`, id }));
  entries.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  return toHex(rootOf(entries.map(({ address, id }) => leafHash(utf8(`${address}:${id}`)))));
}
