/**
 * What sightings say of how many nodes are offline: one factor on the prior's curve. Its logarithm is normal around 0 before
 * any evidence; the likeliest value given whether each node was online when last seen is found by Newton's method.
 */
import { standOut } from "./stand-out.ts";

/** How often a node that was looked at should have been offline by the prior, and whether it was. */
type Looked = { readonly prior: number; readonly isOnline: boolean };

/** The factor, and the standard deviation of its logarithm relative to that without evidence. */
export type FittedOffline = { readonly factor: number; readonly spread: number };

/** That of the eight shapes. */
const DEVIATION = 0.35;
const STEPS = 20;
const MOST_LOG = Math.log(4);
/** No node is surer to be offline than this before anybody looked. */
const MOST_OFFLINE = 0.9;

/** Fits the factor, between ¼ and 4. */
export function fitOffline(looked: readonly Looked[]): FittedOffline {
  let log = 0;
  let bend = 1 / DEVIATION ** 2;
  for (let step = 0; step < STEPS; step++) {
    let slope = -log / DEVIATION ** 2;
    bend = 1 / DEVIATION ** 2;
    for (const { prior, isOnline } of looked) {
      const offline = Math.min(Math.exp(log) * prior, MOST_OFFLINE);
      if (!isOnline) slope += 1;
      else {
        slope -= offline / (1 - offline);
        bend += offline / (1 - offline) ** 2;
      }
    }
    const change = Math.min(Math.max(slope / bend, -1), 1);
    log = Math.min(Math.max(log + change, -MOST_LOG), MOST_LOG);
    if (Math.abs(change) < 1e-6) break;
  }
  return { factor: Math.exp(standOut(log, 1 / bend)), spread: Math.sqrt(1 / bend) / DEVIATION };
}
