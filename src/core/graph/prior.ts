/**
 * What is believed of a channel's balance before any evidence.
 *
 * The share of a channel that one end holds has density 128·(1/256 + 9·(x−½)^8): half the weight uniform, half at the
 * two ends. Two independent sets of real probes support it (docs/scoring.md). `edge` is the weight at the ends, ½ in the
 * fitted prior; other values are the other shapes that the evidence leaves plausible.
 */

/** Part of a channel's capacity that can move: ends must keep a reserve of 1 % each (BOLT 2 `channel_reserve`). */
export const USABLE_RATIO = 0.99;

/** The fitted weight at the ends. */
const FITTED_EDGE = 0.5;

/** Probability that an end holds less than this share. */
export function shareBelow(share: number, edge: number = FITTED_EDGE): number {
  if (share <= 0) return 0;
  if (share >= 1) return 1;
  return (1 - edge) * share + edge * endsBelow(share);
}

/** The same for the part of the density that sits at the ends: ∫ 9·(2x−1)^8. */
export function endsBelow(share: number): number {
  const centred = 2 * share - 1;
  const squared = centred * centred;
  const fourth = squared * squared;
  return 0.5 * (fourth * fourth * centred + 1);
}

/** Probability that an end holds at least `share`, given that it holds between `low` and `high`. */
export function shareAtLeast(share: number, low = 0, high = 1, edge: number = FITTED_EDGE): number {
  if (share <= low) return 1;
  if (share >= high) return 0;
  const top = shareBelow(high, edge);
  return (top - shareBelow(share, edge)) / (top - shareBelow(low, edge));
}

/**
 * Probability that a node which nobody has tried is offline, by the peers that speak for it.
 *
 * LND disables its direction to a peer that went away after twenty minutes, so every independent peer that has not
 * speaks for the node, and each one more speaks less.
 */
export function offlineRatio(peers: number): number {
  return 0.01 + 0.14 * Math.exp(-peers / 6);
}

/** A shape of the world that the evidence does not exclude: balances at the ends, and how many nodes are offline. */
export type Shape = { readonly edge: number; readonly offlineFactor: number };

/**
 * Eight shapes, one per group of worlds. Their mean is the fitted prior; their spread is what is not known about it: from
 * nearly uniform balances to nearly all at the ends, and from half to one and a half times the offline nodes.
 */
export const SHAPES: readonly Shape[] = [
  { edge: 0.15, offlineFactor: 1.25 },
  { edge: 0.3, offlineFactor: 0.6 },
  { edge: 0.4, offlineFactor: 1.5 },
  { edge: 0.45, offlineFactor: 0.9 },
  { edge: 0.55, offlineFactor: 1.1 },
  { edge: 0.6, offlineFactor: 0.5 },
  { edge: 0.7, offlineFactor: 1.4 },
  { edge: 0.85, offlineFactor: 0.75 },
];
