/**
 * The 90 % interval of a probability that was computed in eight groups of worlds, each under another plausible shape.
 *
 * The groups' spread is what is not known about the model; within a group only sampling differs. The interval is
 * Wilson's, for as many independent trials as would scatter the way the groups do, and never more than the worlds drawn.
 */
import { countBits, GROUP, WORDS, WORLDS } from "../graph/bits.ts";

/** Bounds of a probability, 0 ≤ low ≤ high ≤ 1. */
export type Interval = { readonly low: number; readonly high: number };

/** A probability and what is not known about it. */
export type Chance = { readonly probability: number; readonly interval: Interval };

/** Standard deviations on either side that hold 90 % of a normal distribution. */
const Z = 1.645;

/** The interval of the mean of eight group probabilities. */
export function chanceOf(groups: ArrayLike<number>): Chance {
  let sum = 0;
  for (let g = 0; g < WORDS; g++) sum += groups[g]!;
  const probability = sum / WORDS;
  let spread = 0;
  for (let g = 0; g < WORDS; g++) spread += (groups[g]! - probability) ** 2 / (WORDS - 1);
  // Half a world either way, so that no count of worlds, not even all of them, reads as certainty.
  const smooth = (probability * WORLDS + 0.5) / (WORLDS + 1);
  const noise = smooth * (1 - smooth);
  const trials = Math.min(WORLDS, noise / Math.max(spread, noise / WORLDS));
  return { probability, interval: wilson(probability, Math.max(trials, 1)) };
}

/** The same where groups are only known to lie between two bounds: the lower one is what is said, the interval holds both. */
export function chanceBetween(lower: ArrayLike<number>, upper: ArrayLike<number>): Chance {
  const { probability, interval } = chanceOf(lower);
  return { probability, interval: { low: interval.low, high: chanceOf(upper).interval.high } };
}

/** The same for a set of worlds. */
export function chanceOfWorlds(worlds: Int32Array): Chance {
  return chanceOf(groupRatios(worlds));
}

/** Fraction of each group that is in the set at entry `index` of `sets`. */
export function groupRatios(sets: Int32Array, index = 0): Float64Array {
  const ratios = new Float64Array(WORDS);
  for (let g = 0; g < WORDS; g++) ratios[g] = countBits(sets[index * WORDS + g]!) / GROUP;
  return ratios;
}

/** Wilson's score interval for a frequency seen in `trials` trials. */
export function wilson(probability: number, trials: number): Interval {
  const squared = (Z * Z) / trials;
  const centre = (probability + squared / 2) / (1 + squared);
  const half = (Z * Math.sqrt((probability * (1 - probability)) / trials + squared / (4 * trials))) / (1 + squared);
  // Rounding must not push the frequency out of its own interval.
  return {
    low: Math.max(0, Math.min(probability, centre - half)),
    high: Math.min(1, Math.max(probability, centre + half)),
  };
}
