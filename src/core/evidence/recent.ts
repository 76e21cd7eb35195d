/**
 * The part of the evidence log that beliefs are made of: what was observed within a window, the newest of it, oldest first.
 * Entries may arrive in any order and more than once; what is read back depends on which have arrived, and on nothing else.
 */
import type { UnixSeconds } from "../units.ts";
import type { Evidence } from "./observation.ts";

/** An entry with its place in the log. */
export type PlacedEvidence = { readonly position: bigint; readonly evidence: Evidence };

export type RecentEvidence = {
  add(entries: Iterable<PlacedEvidence>): void;
  /** At most `limit` observations that are no older than the window at an instant: oldest first, by place within a second. */
  at(now: UnixSeconds): readonly Evidence[];
};

/** By when it was observed, and by place within a second. */
const inOrder = (a: PlacedEvidence, b: PlacedEvidence): number =>
  a.evidence.observedAt - b.evidence.observedAt || (a.position < b.position ? -1 : 1);

/** Holds nothing yet. What has left the window is forgotten with the next reading: instants must not go back. */
export function openRecentEvidence(windowSec: number, limit: number): RecentEvidence {
  const held = new Set<bigint>();
  let entries: PlacedEvidence[] = [];
  let isOrdered = true;
  return {
    add(news) {
      for (const entry of news) {
        if (held.has(entry.position)) continue;
        held.add(entry.position);
        // Most comes in the order it was observed in: then there is nothing to sort.
        const last = entries.at(-1);
        isOrdered &&= last === undefined || inOrder(last, entry) < 0;
        entries.push(entry);
      }
    },
    at(now) {
      if (!isOrdered) entries.sort(inOrder);
      isOrdered = true;
      const inWindow = entries.findIndex(({ evidence }) => evidence.observedAt >= now - windowSec);
      const from = Math.max(inWindow < 0 ? entries.length : inWindow, entries.length - limit);
      for (const { position } of entries.slice(0, from)) held.delete(position);
      if (from > 0) entries = entries.slice(from);
      return entries.map(({ evidence }) => evidence);
    },
  };
}
