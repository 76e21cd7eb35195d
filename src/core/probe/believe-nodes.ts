/** What the last sighting of a node makes of the probability that it is offline, fading back to the prior with age. */

/** What was seen of a node last. */
export type Sighting = { readonly isOnline: boolean; readonly ageSec: number };

const ONLINE_HALF_LIFE_SEC = 86_400;
const OFFLINE_HALF_LIFE_SEC = 7_200;
/** How much a fresh sighting moves the probability of being offline, towards 0 or towards 1. */
const ONLINE_FACTOR = 0.02;
const OFFLINE_CERTAINTY = 0.97;

/** By node that was seen. `priorOffline` is what holds of one that was not. */
export function believeNodes(
  sightings: ReadonlyMap<number, Sighting>,
  priorOffline: (node: number) => number,
): Map<number, number> {
  return new Map([...sightings].map(([node, sighting]) => [node, offlineAfter(sighting, priorOffline(node))]));
}

function offlineAfter({ isOnline, ageSec }: Sighting, prior: number): number {
  const fresh = isOnline ? prior * ONLINE_FACTOR : 1 - (1 - prior) * (1 - OFFLINE_CERTAINTY);
  const halfLife = isOnline ? ONLINE_HALF_LIFE_SEC : OFFLINE_HALF_LIFE_SEC;
  return prior + (fresh - prior) * 2 ** (-ageSec / halfLife);
}
