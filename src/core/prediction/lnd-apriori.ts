/**
 * What LND's a-priori estimator, without any memory, says of a route (`routing/probability_apriori.go`, its defaults): 0.6 per
 * hop, less where an amount comes close to the capacity. The number to be better than.
 */

const HOP_PROBABILITY = 0.6;
const CAPACITY_RATIO = 0.9999;
const SMEARING = 0.025;
const LEAST_FACTOR = 0.5;

/** One channel of a route, and the amount that crosses it. */
export type RouteHop = { readonly amountMsat: number; readonly capacityMsat: number };

/** Probability of all these hops; the sender's own first channel, which it knows, is not among them. 1 for none. */
export function lndApriori(hops: readonly RouteHop[]): number {
  return hops.reduce((product, hop) => product * HOP_PROBABILITY * capacityFactor(hop), 1);
}

function capacityFactor({ amountMsat, capacityMsat }: RouteHop): number {
  if (amountMsat > capacityMsat) return 0;
  const over = (amountMsat - CAPACITY_RATIO * capacityMsat) / (SMEARING * capacityMsat);
  return 1 - LEAST_FACTOR / (1 + Math.exp(-over));
}
