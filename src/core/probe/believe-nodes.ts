/** What the last sighting of a node makes of the probability that it is offline, fading back to the prior with age. */

/** What was seen of a node last. */
export type Sighting = { readonly isOnline: boolean; readonly ageSec: number };

const ONLINE_HALF_LIFE_SEC = 86_400;
const OFFLINE_HALF_LIFE_SEC = 7_200;
/** How much a fresh sighting moves the probability of being offline, towards 0 or towards 1. */
const ONLINE_FACTOR = 0.02;
const OFFLINE_CERTAINTY = 0.97;

/** The same for somebody else's proof of a payment: a payee can make up one to itself. */
const REPORT_HALF_LIFE_SEC = 21_600;
const REPORTED_FACTOR = 0.5;

/**
 * By node that was seen, or that others proved to have been paid: `reports` are the ages of those, in seconds, and count
 * where we saw nothing. `priorOffline` is what holds of a node that nobody tells about.
 */
export function believeNodes(
  sightings: ReadonlyMap<number, Sighting>,
  reports: ReadonlyMap<number, number>,
  priorOffline: (node: number) => number,
): Map<number, number> {
  const told = [...reports].map(([node, ageSec]) => [node, offlineAfterReport(ageSec, priorOffline(node))] as const);
  const seen = [...sightings].map(([node, sighting]) => [node, offlineAfter(sighting, priorOffline(node))] as const);
  return new Map([...told, ...seen]);
}

function offlineAfterReport(ageSec: number, prior: number): number {
  return prior * (1 - (1 - REPORTED_FACTOR) * 2 ** (-ageSec / REPORT_HALF_LIFE_SEC));
}

function offlineAfter({ isOnline, ageSec }: Sighting, prior: number): number {
  const fresh = isOnline ? prior * ONLINE_FACTOR : 1 - (1 - prior) * (1 - OFFLINE_CERTAINTY);
  const halfLife = isOnline ? ONLINE_HALF_LIFE_SEC : OFFLINE_HALF_LIFE_SEC;
  return prior + (fresh - prior) * 2 ** (-ageSec / halfLife);
}
