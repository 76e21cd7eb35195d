/** LND's default probability estimator (`routing/probability_apriori.go`): a flat hop probability, moved by a node's results. */
import type { PairResult } from "./lnd-memory.ts";

const HOP_RATIO = 0.6;
const WEIGHT = 0.5;
const PREVIOUS_SUCCESS_RATIO = 0.95;
const HALF_LIFE_SEC = 3_600;
const CAPACITY_FRACTION = 0.9999;
const SMEARING = 0.025;
const LEAST_FACTOR = 0.5;

/** Probability of a sender's own channel that holds the amount. */
export const APRIORI_OWN_RATIO = PREVIOUS_SUCCESS_RATIO;

/** How much the flat probability is lowered when an amount nears a capacity. Both in the same unit; 0 above the capacity. */
export function capacityFactor(amount: number, capacity: number): number {
  if (amount > capacity) return 0;
  // Below a tenth of the capacity the rest is smaller than a double can tell from 1.
  if (amount < 0.1 * capacity) return 1;
  return 1 - LEAST_FACTOR / (1 + Math.exp(-(amount - CAPACITY_FRACTION * capacity) / (SMEARING * capacity)));
}

/** What a node's results say of an amount: the flat probability counts as one result. */
export function aprioriNode(results: readonly PairResult[], amountMsat: number, capacityMsat: number): number {
  const factor = 1 / (1 - WEIGHT) - 1;
  let sum = HOP_RATIO * capacityFactor(amountMsat, capacityMsat) * factor;
  let total = factor;
  for (const { successMsat, failMsat, failAgeSec } of results) {
    if (successMsat >= amountMsat) {
      sum += PREVIOUS_SUCCESS_RATIO;
      total += 1;
    } else if (failMsat <= amountMsat) total += fade(failAgeSec);
  }
  return sum / total;
}

/** Probability that the pair carries the amount. `result` is of the pair, `node` what {@link aprioriNode} gives its tail. */
export function aprioriPair(result: PairResult | undefined, node: number, amountMsat: number): number {
  if (!result) return node;
  if (amountMsat <= result.successMsat) return PREVIOUS_SUCCESS_RATIO;
  return amountMsat < result.failMsat ? node : node * (1 - fade(result.failAgeSec));
}

function fade(ageSec: number): number {
  return 2 ** (-ageSec / HALF_LIFE_SEC);
}
