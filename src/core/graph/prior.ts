/**
 * What is believed of a channel's balance before any evidence.
 *
 * The share of a channel that one end holds has density 128·(1/256 + 9·(x−½)^8): half the weight uniform, half at the
 * two ends. Two independent sets of real probes support it (docs/scoring.md). `edge` is the weight at the ends, ½ in the
 * fitted prior; other values are the other shapes that the evidence leaves plausible.
 */

/** Part of a channel's capacity that can move: ends must keep a reserve of 1 % each (BOLT 2 `channel_reserve`). */
export const USABLE_RATIO = 0.99;

/** The weight at the ends, and the lean, where nothing was observed. */
const PUBLISHED_EDGE = 0.5;
const NO_LEAN = 0.5;

/**
 * Probability that end A holds less than this share. `lean` is the probability that, of a channel whose money is all at one
 * end, it is at end A; with ½ both ends are alike.
 */
export function shareBelow(share: number, edge: number = PUBLISHED_EDGE, lean: number = NO_LEAN): number {
  if (share <= 0) return 0;
  if (share >= 1) return 1;
  return (1 - edge) * middleBelow(share, lean) + edge * endsBelow(share, lean);
}

/** The same for the part of the density that sits at the ends: 18·(2x−1)^8, the lower half of it weighed by 1 − lean. */
export function endsBelow(share: number, lean: number): number {
  const centred = 2 * share - 1;
  const squared = centred * centred;
  const fourth = squared * squared;
  const ninth = fourth * fourth * centred;
  return share < 0.5 ? (1 - lean) * (1 + ninth) : 1 - lean + lean * ninth;
}

/** The same for the rest, which leans as the ends do: density 2·((1 − lean)·(1 − x) + lean·x), uniform without a lean. */
export function middleBelow(share: number, lean: number): number {
  return share * (2 * (1 - lean) + (2 * lean - 1) * share);
}

/** Probability that an end holds at least `share`, given that it holds between `low` and `high`. */
export function shareAtLeast(share: number, low = 0, high = 1, edge: number = PUBLISHED_EDGE): number {
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

/**
 * What the evidence log says of the prior itself (core/probe/fit-prior.ts). Numbers are rounded, so that a little more evidence of
 * the same kind changes nothing.
 */
export type FittedPrior = {
  /** Log-odds of the weight at the ends; 0 without evidence. */
  readonly edge: number;
  /** How far the shapes still differ in it: 1 without evidence, towards 0 with more. */
  readonly edgeSpread: number;
  /** Nodes offline, as a multiple of {@link offlineRatio}; and how far the shapes still differ in that. */
  readonly offline: number;
  readonly offlineSpread: number;
  readonly tilt: Tilt;
};

/** Log-odds that end A is the full one, for each unit by which end B exceeds end A in a public feature (tilt.ts). */
export type Tilt = { readonly fee: number; readonly size: number; readonly disabled: number };

/** The prior before any evidence. */
export const UNFITTED: FittedPrior = {
  edge: 0,
  edgeSpread: 1,
  offline: 1,
  offlineSpread: 1,
  tilt: { fee: 0, size: 0, disabled: 0 },
};

/** The eight shapes around a fitted prior; around {@link UNFITTED} they are {@link SHAPES}. */
export function shapesOf({ edge, edgeSpread, offlineSpread }: FittedPrior): Shape[] {
  return SHAPES.map((shape) => ({
    edge: sigmoid(edge + edgeSpread * logit(shape.edge)),
    offlineFactor: 1 + offlineSpread * (shape.offlineFactor - 1),
  }));
}

/** Whether two priors say the same of balances. */
export function sameShares(a: FittedPrior, b: FittedPrior): boolean {
  const numbers = ({ edge, edgeSpread, tilt }: FittedPrior) => [edge, edgeSpread, tilt.fee, tilt.size, tilt.disabled];
  const others = numbers(b);
  return numbers(a).every((value, i) => value === others[i]);
}

function logit(ratio: number): number {
  return Math.log(ratio / (1 - ratio));
}

/** 1 / (1 + e^−x). */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
