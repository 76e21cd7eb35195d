/** What was wrong with announcements that a node passed on: each is survived, left out or brought inside its bounds, and counted. */

/** Left out. */
const REFUSED = [
  "unreadable-message",
  "node-key",
  "node-duplicate",
  "channel-key",
  "channel-to-itself",
  "channel-without-id",
  "channel-capacity",
  "channel-duplicate",
  "channel-other-ends",
  "policy-missing",
  "does-not-fit",
] as const;
/** Kept, with the number nearest to what was said. */
const MENDED = [
  "alias",
  "fee",
  "inbound-fee",
  "time-lock",
  "htlc-minimum",
  "htlc-above-capacity",
  "time-in-future",
] as const;

export type GarbageReason = (typeof REFUSED)[number] | (typeof MENDED)[number];
/** How often each was met; reasons that were not are absent. */
export type Garbage = Partial<Record<GarbageReason, number>>;

/** Counts `times` more of a reason. */
export function countGarbage(garbage: Garbage, reason: GarbageReason, times = 1): void {
  if (times > 0) garbage[reason] = (garbage[reason] ?? 0) + times;
}

/** Adds what is counted in `more` to `garbage`. */
export function addGarbage(garbage: Garbage, more: Garbage): void {
  for (const [reason, times] of Object.entries(more)) countGarbage(garbage, reason as GarbageReason, times);
}
