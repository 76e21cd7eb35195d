/** LND's optional estimator (`routing/probability_bimodal.go`): a balance near one of the ends, on an absolute scale. */
import type { PairResult } from "./lnd-memory.ts";

const SCALE_MSAT = 300_000_000;
const NODE_WEIGHT = 0.2;
const DECAY_SEC = 7 * 86_400;

/** Of a node without results. */
export const NO_WEIGHTS: NodeWeights = { success: 0, total: 0 };

/** Probability of a sender's own channel that holds the amount. */
export const BIMODAL_OWN_RATIO = 1;

/** Probability that a pair carries the amount, by its own results alone. */
export function bimodalDirect(result: PairResult | undefined, amountMsat: number, capacityMsat: number): number {
  if (capacityMsat <= 0 || amountMsat > capacityMsat) return 0;
  const [success, fail] = bounds(result, capacityMsat);
  if (amountMsat >= fail) return 0;
  if (amountMsat <= success) return 1;
  const above = primitive(fail, capacityMsat) - primitive(amountMsat, capacityMsat);
  return above / (primitive(fail, capacityMsat) - primitive(success, capacityMsat));
}

/** What results say of a node: weights of those that succeeded, and of all. */
export type NodeWeights = { readonly success: number; readonly total: number };

/** Sums the results of a node's pairs. It does not depend on an amount, so once per node is enough. */
export function bimodalNode(results: readonly PairResult[]): NodeWeights {
  let success = 0;
  let total = 0;
  for (const { successMsat, successAgeSec, failMsat, failAgeSec } of results) {
    const succeeded = successMsat > 0 ? NODE_WEIGHT * fade(successAgeSec) : 0;
    const failed = failMsat > 0 && failMsat < Number.POSITIVE_INFINITY ? NODE_WEIGHT * fade(failAgeSec) : 0;
    success += succeeded;
    total += succeeded + failed;
  }
  return { success, total };
}

/** The direct probability, mixed with the results of the tail's other pairs unless the pair's own are fresh. */
export function bimodalPair(
  result: PairResult | undefined,
  node: NodeWeights,
  amountMsat: number,
  capacityMsat: number,
): number {
  const direct = bimodalDirect(result, amountMsat, capacityMsat);
  if (isFresh(result)) return direct;
  const own = result ? bimodalNode([result]) : NO_WEIGHTS;
  return (direct + node.success - own.success) / (1 + node.total - own.total);
}

/** What the balance lies between after the results have faded towards nothing known. */
function bounds(result: PairResult | undefined, capacityMsat: number): [success: number, fail: number] {
  if (!result) return [0, capacityMsat];
  const success = fade(result.successAgeSec) * result.successMsat;
  const failed = Math.min(result.failMsat, capacityMsat);
  const fail = capacityMsat - fade(result.failAgeSec) * (capacityMsat - failed);
  // Bounds that contradict each other are both forgotten, and so is a fresh failure of any amount: LND does the same.
  if (fail <= success) return [0, capacityMsat];
  return success >= capacityMsat ? [capacityMsat - 1, capacityMsat] : [success, fail];
}

/** Integral of e^(−b/s) + e^((b−C)/s) + 1/C up to `balance`, over its whole. */
function primitive(balance: number, capacityMsat: number): number {
  const [b, c] = [balance / SCALE_MSAT, capacityMsat / SCALE_MSAT];
  const sum = -Math.exp(-b) + Math.exp(b - c) + b / c / SCALE_MSAT;
  return sum / (2 - 2 * Math.exp(-c) + 1 / SCALE_MSAT);
}

function isFresh(result: PairResult | undefined): boolean {
  if (!result) return false;
  const ages = [
    result.successMsat > 0 ? result.successAgeSec : Number.POSITIVE_INFINITY,
    hasFailed(result) ? result.failAgeSec : Number.POSITIVE_INFINITY,
  ];
  return Math.min(...ages) < DECAY_SEC;
}

function hasFailed({ failMsat }: PairResult): boolean {
  return failMsat < Number.POSITIVE_INFINITY;
}

function fade(ageSec: number): number {
  return Math.exp(-ageSec / DECAY_SEC);
}
