/**
 * How likely a node that can be paid today can be paid in some days: a constant hazard by size, learnt in three steps that each lean
 * on the one before as far as there is little of their own (partial pooling; gamma priors with Poisson counts).
 *
 * 1. The prior by size is what became of 18,184 nodes of mainnet in 499 days (docs/scoring.md §8).
 * 2. Our own history of all nodes corrects it, by class of size and then of age.
 * 3. The node's own history of closed channels corrects that.
 */

/** Days between the two graphs of the prior, 2024-09-22 and 2026-02-03. */
const PRIOR_DAYS = 499;
/** Share of nodes with so many channels that could be paid at the end of those days; channels are the middle of their class. */
const PRIOR: readonly (readonly [channels: number, survived: number])[] = [
  [1, 0.058],
  [2, 0.122],
  [4, 0.217],
  [8, 0.363],
  [18, 0.522],
  [56, 0.655],
  [200, 0.819],
];
/** Share of channels that were still there. */
const PRIOR_CHANNEL_SURVIVED = 0.165;
/** The lower quartile of live channels, since most nodes are small and have small ones: a node's capacity counts in these. */
const TYPICAL_CHANNEL_SAT = 1_000_000;
/** Losses that the prior of each step is worth: assumed, since one pair of graphs cannot tell. */
const PRIOR_LOSSES = 4;
/** A node's own history moves its hazard no further than this, up or down. */
const MOST_FACTOR = 4;
/** Standard deviations that hold 90 % of a normal distribution. */
const Z = 1.645;

/** Days ahead that a profile speaks of. */
export const HORIZONS_DAYS = [1, 7, 30, 365] as const;

/** What became of a class of nodes while we watched: how many could not be paid any more at the end, and for how long it was watched. */
type ClassRecord = { readonly losses: number; readonly nodeDays: number };

/** Own history of all nodes: by class of size, and of size and age. */
export type SurvivalRecord = {
  readonly bySize: ReadonlyMap<number, ClassRecord>;
  readonly bySizeAndAge: ReadonlyMap<string, ClassRecord>;
};

/** What a node's hazard is read off. */
export type SurvivalFacts = {
  readonly enabledInbound: number;
  /** Capacity of the channels with an enabled direction towards it. */
  readonly inboundSat: number;
  /** Days since its oldest channel was funded; undefined when its channels do not tell. */
  readonly ageDays: number | undefined;
  /** Channels of it that were closed while we watched, and the channel-days watched. */
  readonly closed: number;
  readonly channelDays: number;
};

/** The probability of being payable after some days, with the interval of what is not known about the hazard. */
export type Survival = {
  readonly days: number;
  readonly probability: number;
  readonly low: number;
  readonly high: number;
};

/** A node's size in typical channels: the geometric mean of their number and of what they can hold. */
function sizeOf({ enabledInbound, inboundSat }: Pick<SurvivalFacts, "enabledInbound" | "inboundSat">): number {
  return Math.sqrt((enabledInbound * inboundSat) / TYPICAL_CHANNEL_SAT);
}

/** Classes of size are those of the prior: the last one whose lower end is not above the size. */
function sizeClassOf(size: number): number {
  return SIZE_CLASSES.findLastIndex((least) => size >= least);
}

const SIZE_CLASSES = [0, 1.5, 2.5, 5.5, 10.5, 30.5, 100.5];

/** Classes of age: below half a year, two years, and above; and where it is not known. */
function classKey(sizeClass: number, ageDays: number | undefined): string {
  return `${sizeClass} ${ageDays === undefined ? "unknown" : AGE_CLASSES_DAYS.findIndex((most) => ageDays < most)}`;
}

const AGE_CLASSES_DAYS = [182, 730, Number.POSITIVE_INFINITY];

/** One node as it was when we began to watch, and what became of it. */
export type WatchedNode = {
  readonly channels: number;
  readonly capacitySat: number;
  readonly ageDays: number | undefined;
  /** Whether all its channels are gone, and after how many days; else the days watched. */
  readonly isLost: boolean;
  readonly days: number;
};

/** Sums up what became of nodes. */
export function recordSurvival(nodes: Iterable<WatchedNode>): SurvivalRecord {
  const bySize = new Map<number, ClassRecord>();
  const bySizeAndAge = new Map<string, ClassRecord>();
  const add = <Key>(into: Map<Key, ClassRecord>, key: Key, { isLost, days }: WatchedNode) => {
    const { losses, nodeDays } = into.get(key) ?? { losses: 0, nodeDays: 0 };
    into.set(key, { losses: losses + (isLost ? 1 : 0), nodeDays: nodeDays + days });
  };
  for (const node of nodes) {
    const size = sizeClassOf(sizeOf({ enabledInbound: node.channels, inboundSat: node.capacitySat }));
    add(bySize, size, node);
    add(bySizeAndAge, classKey(size, node.ageDays), node);
  }
  return { bySize, bySizeAndAge };
}

/** By horizon. A node without an enabled inbound channel cannot be paid now: nothing is said of it. */
export function forecastSurvival(
  facts: SurvivalFacts,
  record: SurvivalRecord,
  horizons: readonly number[],
): Survival[] {
  if (facts.enabledInbound === 0) return [];
  const size = sizeOf(facts);
  const sizeClass = sizeClassOf(size);
  const ofSize = learn(priorHazard(size), record.bySize.get(sizeClass));
  const ofAge = learn(ofSize.hazard, record.bySizeAndAge.get(classKey(sizeClass, facts.ageDays)));
  const hazard = ofAge.hazard * ownFactor(facts);
  const losses = Math.max(ofSize.losses, ofAge.losses);
  return horizons.map((days) => ({
    days,
    probability: Math.exp(-hazard * days),
    low: Math.exp(-quantile(hazard, losses, Z) * days),
    high: Math.exp(-quantile(hazard, losses, -Z) * days),
  }));
}

/** Losses a day by the prior: the odds of surviving are joined by straight lines over the logarithm of the size, and go on straight. */
function priorHazard(size: number): number {
  const at = Math.min(
    PRIOR.length - 2,
    Math.max(
      0,
      PRIOR.findLastIndex(([channels]) => channels <= size),
    ),
  );
  const [[from, survivedFrom], [to, survivedTo]] = [PRIOR[at]!, PRIOR[at + 1]!];
  const along = Math.log(Math.max(size, SMALLEST) / from) / Math.log(to / from);
  const logOdds = logit(survivedFrom) + along * (logit(survivedTo) - logit(survivedFrom));
  return Math.log1p(Math.exp(-logOdds)) / PRIOR_DAYS;
}

/** No node is smaller: one channel of 3,000 sat. */
const SMALLEST = 0.03;

function logit(probability: number): number {
  return Math.log(probability / (1 - probability));
}

/** A hazard after a record, and the losses it rests on, those of the prior included. */
function learn(prior: number, { losses, nodeDays }: ClassRecord = { losses: 0, nodeDays: 0 }) {
  const all = PRIOR_LOSSES + losses;
  return { hazard: all / (PRIOR_LOSSES / prior + nodeDays), losses: all };
}

/** By how much a node loses channels faster than channels are lost. */
function ownFactor({ closed, channelDays }: SurvivalFacts): number {
  const expected = (-Math.log(PRIOR_CHANNEL_SURVIVED) / PRIOR_DAYS) * channelDays;
  const factor = (PRIOR_LOSSES + closed) / (PRIOR_LOSSES + expected);
  return Math.min(MOST_FACTOR, Math.max(1 / MOST_FACTOR, factor));
}

/** A bound of a gamma-distributed hazard with this mean and shape (Wilson and Hilferty 1931). */
function quantile(mean: number, shape: number, z: number): number {
  return mean * Math.max(0, 1 - 1 / (9 * shape) + z / (3 * Math.sqrt(shape))) ** 3;
}
