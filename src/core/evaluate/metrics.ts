/** Proper scores and what else is asked of a probability. All clip it to [.001, .999] first: nobody knows more than that. */

import { areaUnderCurve } from "../prediction/area-under-curve.ts";

/** A probability that was given, and whether it happened (1) or not (0). */
export type Outcomes = { readonly probability: Float64Array; readonly happened: Uint8Array };

export type Scores = {
  readonly count: number;
  /** Mean of (p − y)²; 0 is best. */
  readonly brier: number;
  /** Mean of −ln of the probability given to what happened. */
  readonly logLoss: number;
  /** Expected calibration error over ten bins of equal width. */
  readonly ece: number;
  /** Probability that a success was given more than a failure; ½ when only one of them occurred. */
  readonly auc: number;
};

/** A bin of a reliability diagram: mean prediction, share that happened, number. */
export type Bin = { readonly mean: number; readonly happened: number; readonly count: number };

const LEAST = 0.001;
const BINS = 10;

/** Brings a probability into what can be scored. */
export function clip(probability: number): number {
  return Math.min(Math.max(probability, LEAST), 1 - LEAST);
}

/** All scores of one predictor. `happened` and `probability` are of equal length. */
export function score({ probability, happened }: Outcomes): Scores {
  const count = happened.length;
  let squares = 0;
  let logs = 0;
  for (let i = 0; i < count; i++) {
    const p = clip(probability[i]!);
    squares += (p - happened[i]!) ** 2;
    logs -= Math.log(happened[i] === 1 ? p : 1 - p);
  }
  const distances = reliability({ probability, happened }).map((bin) => bin.count * Math.abs(bin.mean - bin.happened));
  const ece = distances.reduce((sum, distance) => sum + distance, 0) / count;
  return { count, brier: squares / count, logLoss: logs / count, ece, auc: areaUnderCurve(probability, happened) };
}

/** The ten bins; an empty one has a count of 0. */
export function reliability({ probability, happened }: Outcomes): Bin[] {
  const bins = Array.from({ length: BINS }, () => ({ sum: 0, hits: 0, count: 0 }));
  probability.forEach((raw, i) => {
    const p = clip(raw);
    const bin = bins[Math.min(BINS - 1, Math.floor(p * BINS))]!;
    bin.sum += p;
    bin.hits += happened[i]!;
    bin.count++;
  });
  return bins.map(({ sum, hits, count }) => ({
    mean: sum / Math.max(count, 1),
    happened: hits / Math.max(count, 1),
    count,
  }));
}

/** How much larger the Brier score of `a` is than that of `b` on the same payments, with the standard error of that. */
export function brierDifference(
  a: Float64Array,
  b: Float64Array,
  happened: Uint8Array,
): { mean: number; error: number } {
  const differences = Float64Array.from(happened, (y, i) => (clip(a[i]!) - y) ** 2 - (clip(b[i]!) - y) ** 2);
  const mean = differences.reduce((sum, each) => sum + each, 0) / differences.length;
  const variance = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / Math.max(differences.length - 1, 1);
  return { mean, error: Math.sqrt(variance / differences.length) };
}
