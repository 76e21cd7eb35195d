/** LND's default probability estimator (`routing/probability_apriori.go`): a flat hop probability, moved by a node's results. */
import { capacityFactor, HOP_PROBABILITY } from "../prediction/lnd-apriori.ts";
import type { PairResult } from "./lnd-memory.ts";

const WEIGHT = 0.5;
const PREVIOUS_SUCCESS_RATIO = 0.95;
const HALF_LIFE_SEC = 3_600;

/** Probability of a sender's own channel that holds the amount. */
export const APRIORI_OWN_RATIO = PREVIOUS_SUCCESS_RATIO;

/** What a node's results say of an amount: the flat probability counts as one result. */
export function aprioriNode(results: readonly PairResult[], amountMsat: number, capacityMsat: number): number {
  const factor = 1 / (1 - WEIGHT) - 1;
  let sum = HOP_PROBABILITY * capacityFactor(amountMsat, capacityMsat) * factor;
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
