/**
 * What is known of a product of independent probabilities, each Beta: the interval of each product of the first so many.
 *
 * −ln of a product is a sum, and its distribution the convolution of the factors'. Each is cut into steps of one width, the mass of
 * a step is exact and laid on the step's two ends such that its mean stays; so a bound is off by about one step at most.
 * The lower bound is looked for over the whole range, the upper one again in the finer steps that it allows.
 */
import type { Interval } from "../score/interval.ts";
import { type Beta, betaCdf, betaQuantile, logBeta } from "./beta.ts";

/** Steps of a range. */
const STEPS = 256;
/** Steps this narrow need no finer ones. */
const FINE = 1e-3;
/** What the intervals of this house hold. */
const LEVEL = 0.9;

/** Of the first factor, of the first two, and so on to all of them: bounds that hold `level` of the distribution, as much on either side. */
export function boundProducts(factors: readonly Beta[], level = LEVEL): Interval[] {
  const tail = (1 - level) / 2;
  // Beyond it is, for all factors together, no more than the tail.
  const far = factors.reduce((sum, each) => sum - Math.log(betaQuantile(each, tail / factors.length)), 0);
  const wide = convolve(factors, far);
  const lows = wide.map((masses) => quantile(masses, 1 - tail, far));
  const highs = wide.map((masses) => quantile(masses, tail, far));
  const near = Math.min(far, 1.2 * highs.at(-1)! + (3 * far) / STEPS);
  const finer = far / STEPS > FINE ? convolve(factors, near).map((masses) => quantile(masses, tail, near)) : highs;
  return lows.map((low, i) => ({ low: Math.exp(-low), high: Math.exp(-finer[i]!) }));
}

/** The distributions of the sums of −ln of the first factors, as masses at the steps of a range; what lies beyond it is left out. */
function convolve(factors: readonly Beta[], range: number): Float64Array[] {
  const sums: Float64Array[] = [];
  for (const factor of factors) {
    const masses = cut(factor, range / STEPS);
    const before = sums.at(-1);
    sums.push(before ? add(before, masses) : masses);
  }
  return sums;
}

/** The distribution of −ln of one factor. */
function cut(beta: Beta, step: number): Float64Array {
  const masses = new Float64Array(STEPS + 1);
  const logB = logBeta(beta);
  let above = 1;
  for (let i = 0; i < STEPS; i++) {
    const at = (i + 1) * step;
    const below = betaCdf(beta, Math.exp(-at), -Math.expm1(-at), logB);
    const mass = above - below;
    // About 1 the density goes with the power bad − 1 of the distance; further on it hardly changes within a step.
    const upper = mass * (i === 0 ? beta.bad / (beta.bad + 1) : 0.5);
    masses[i]! += mass - upper;
    masses[i + 1]! += upper;
    above = below;
    if (above < 1e-15) break;
  }
  return masses;
}

function add(one: Float64Array, other: Float64Array): Float64Array {
  const sum = new Float64Array(STEPS + 1);
  const last = lastOf(other);
  for (let i = 0; i <= STEPS; i++) {
    const mass = one[i]!;
    if (mass === 0) continue;
    const end = Math.min(last, STEPS - i);
    for (let k = 0; k <= end; k++) sum[i + k]! += mass * other[k]!;
  }
  return sum;
}

function lastOf(masses: Float64Array): number {
  let last = STEPS;
  while (last > 0 && masses[last] === 0) last--;
  return last;
}

/** The sum that is not exceeded with probability `p`; the end of the range where it lies beyond. Half of a mass lies on either side of it. */
function quantile(masses: Float64Array, p: number, range: number): number {
  const step = range / STEPS;
  let below = 0;
  for (let i = 0; i <= STEPS; i++) {
    const mass = masses[i]!;
    if (below + mass >= p) {
      const within = mass === 0 ? 0.5 : (p - below) / mass;
      return Math.max(0, (i - 0.5 + within) * step);
    }
    below += mass;
  }
  return range;
}
