/** What a sender allows a route to cost, and what of that each arc takes, in whole units. */
import { DELTA, feeBound, type PathNet, TERMS } from "./path-net.ts";
import type { Rounds } from "./reach-rounds.ts";

/** BOLT 4 onions hold at most this many hops of usual size. */
export const MAX_HOPS = 20;
/** Two weeks of blocks: the longest lock LND and CLN accept. */
export const MAX_CLTV = 2016;

/** No payment of ours is larger, so no fee limit is: 10 BTC. */
export const LOOSEST_FEE_MSAT = 1_000_000_000_000;

/** Fees on top of the amount, blocks on top of the target's own final delta, and channels from the caller to the target. */
export type RouteLimits = { readonly maxFeeMsat: number; readonly maxCltvDelta: number; readonly maxHops: number };

/** A payment's end, size and limits. */
export type Aim = { readonly target: number; readonly amountMsat: number; readonly limits: RouteLimits };

/** LND's default fee limit for a payment: all of a small amount, 5 % of a larger one. */
export function defaultFeeLimitMsat(amountMsat: number): number {
  return amountMsat <= 1_000_000 ? amountMsat : Math.floor(amountMsat * 0.05);
}

/** What LND allows a payment of this amount by default. */
export function defaultLimits(amountMsat: number): RouteLimits {
  return { maxFeeMsat: defaultFeeLimitMsat(amountMsat), maxCltvDelta: MAX_CLTV, maxHops: MAX_HOPS };
}

/** Arcs of a route that may each take an equal part of every limit. Longer routes are looked for only where shorter ones leave a doubt. */
const CHEAP_ARCS = 10;

/** Arcs of which so many keep every limit together: by slot 1 for those, in ten rounds, or as many as the hops allow. */
export function pickCheapArcs(net: PathNet, amountMsat: number, limits: RouteLimits): Rounds {
  const isUsed = new Uint8Array(net.graph.rows.inArc.length);
  for (let slot = 0; slot < isUsed.length; slot++) if (isCheap(net, slot, amountMsat, limits)) isUsed[slot] = 1;
  return { isUsed, count: roundsOf(limits) };
}

/** Whether an arc is one of them. */
export function isCheap(net: PathNet, slot: number, amountMsat: number, limits: RouteLimits): boolean {
  const { maxFeeMsat, maxCltvDelta } = limits;
  const count = roundsOf(limits);
  if (net.terms[slot * TERMS + DELTA]! * count > maxCltvDelta) return false;
  return feeBound(net, slot, amountMsat, maxFeeMsat, "most") * count <= maxFeeMsat;
}

function roundsOf({ maxHops }: RouteLimits): number {
  return Math.min(CHEAP_ARCS, maxHops - 1);
}

/** Units of a whole limit. More would cut less off by rounding, and visit nodes more often. */
export const UNITS = 40;
/** Units of an arc that no route within the limits contains. */
const BEYOND = UNITS + 1;

/**
 * By slot: the units an arc takes, at least 1 and rounded up, of whichever of fee and lock it takes more of. Arcs that take
 * {@link UNITS} together keep both limits: each is counted for the largest amount it may have to forward, under the dearest
 * inbound fee of its tail.
 */
export function dearUnits(net: PathNet, amountMsat: number, limits: RouteLimits): Uint8Array {
  const { maxFeeMsat, maxCltvDelta } = limits;
  const units = new Uint8Array(net.graph.rows.inArc.length);
  for (let slot = 0; slot < units.length; slot++) {
    const fee = Math.ceil(partOf(feeBound(net, slot, amountMsat, maxFeeMsat, "most"), maxFeeMsat));
    const lock = Math.ceil(partOf(net.terms[slot * TERMS + DELTA]!, maxCltvDelta));
    units[slot] = Math.max(1, fee, lock);
  }
  return units;
}

/** One limit by itself, for {@link cheapUnits}. */
export type Limit = keyof RouteLimits;

/** By slot: the units of one limit that an arc takes at least. Every route within that limit takes {@link UNITS} or fewer; of hops, one unit each. */
export function cheapUnits(net: PathNet, amountMsat: number, limits: RouteLimits, limit: Limit): Uint8Array {
  const { maxFeeMsat, maxCltvDelta } = limits;
  const units = new Uint8Array(net.graph.rows.inArc.length);
  for (let slot = 0; slot < units.length; slot++) {
    if (limit === "maxHops") units[slot] = 1;
    else if (limit === "maxFeeMsat")
      units[slot] = Math.floor(partOf(feeBound(net, slot, amountMsat, maxFeeMsat, "least"), maxFeeMsat));
    else units[slot] = Math.floor(partOf(net.terms[slot * TERMS + DELTA]!, maxCltvDelta));
  }
  return units;
}

/** A part of a limit in units, with fractions. */
function partOf(part: number, whole: number): number {
  return part <= 0 ? 0 : part > whole ? BEYOND : (UNITS * part) / whole;
}

/** Limits as a name to remember things by. */
export function nameOf({ maxFeeMsat, maxCltvDelta, maxHops }: RouteLimits): string {
  return `${maxFeeMsat} ${maxCltvDelta} ${maxHops}`;
}
