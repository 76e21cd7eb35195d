/**
 * What LND's a-priori estimator, without any memory, says of a route (`routing/probability_apriori.go`, its defaults): 0.6 per
 * hop, less where an amount comes close to the capacity. The number to be better than.
 */

/** What LND expects of a hop it knows nothing of. */
export const HOP_PROBABILITY = 0.6;
const CAPACITY_RATIO = 0.9999;
const SMEARING = 0.025;
const LEAST_FACTOR = 0.5;

/** One channel of a route, and the amount that crosses it. */
export type RouteHop = { readonly amountMsat: number; readonly capacityMsat: number };

/** Probability of all these hops; the sender's own first channel, which it knows, is not among them. 1 for none. */
export function lndApriori(hops: readonly RouteHop[]): number {
  return hops.reduce(
    (product, { amountMsat, capacityMsat }) => product * HOP_PROBABILITY * capacityFactor(amountMsat, capacityMsat),
    1,
  );
}

/** How much the flat probability is lowered when an amount nears a capacity. Both in the same unit; 0 above the capacity. */
export function capacityFactor(amount: number, capacity: number): number {
  if (amount > capacity) return 0;
  // Below a tenth of the capacity the rest is smaller than a double can tell from 1.
  if (amount < 0.1 * capacity) return 1;
  return 1 - LEAST_FACTOR / (1 + Math.exp(-(amount - CAPACITY_RATIO * capacity) / (SMEARING * capacity)));
}
