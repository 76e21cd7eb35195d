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

/** Holds nothing yet. What has left the window is forgotten with the next reading: instants must not go back. */
export function openRecentEvidence(windowSec: number, limit: number): RecentEvidence {
  const held = new Map<bigint, PlacedEvidence>();
  return {
    add(entries) {
      for (const entry of entries) held.set(entry.position, entry);
    },
    at(now) {
      for (const [position, { evidence }] of held) if (evidence.observedAt < now - windowSec) held.delete(position);
      const ordered = [...held.values()].sort(
        (a, b) => a.evidence.observedAt - b.evidence.observedAt || (a.position < b.position ? -1 : 1),
      );
      for (const { position } of ordered.splice(0, Math.max(0, ordered.length - limit))) held.delete(position);
      return ordered.map(({ evidence }) => evidence);
    },
  };
}
