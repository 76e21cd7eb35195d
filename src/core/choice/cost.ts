/**
 * What a good answer of an endpoint will cost, in msat: every paid call is paid until one is good, every call is waited for.
 *
 *   cost = (price + routing fee) / P(good | paid)  +  wait · latency / P(good)
 *
 * Probabilities are the lower bounds of their 90 % intervals, so that who is not known is never the cheaper for it.
 */

import type { Chance, Interval } from "../score/interval.ts";
import { priorOfReach } from "../trust/believe-endpoint.ts";
import { betaQuantile } from "../trust/beta.ts";
import type { Tally } from "../trust/weigh-calls.ts";

/** What waiting is worth: 1 sat a second, as much as a cheap call. */
const WAIT_MSAT_PER_MS = 1;
/** A latency that nobody measured counts as the longest that a call is waited for. */
export const UNKNOWN_LATENCY_MS = 30_000;
/** A probability below this is as good as none, and a cost stays a number. */
const LEAST = 1e-6;

/** What an endpoint offers any caller. */
export type Offer = {
  /** Undefined is unknown: then no cost can be said. */
  readonly priceMsat: number | undefined;
  readonly latencyMs: number | undefined;
  /** Bounds of delivery and quality. */
  readonly paid: Interval;
  /** Bounds of all stages but the payment. */
  readonly unpaid: Interval;
};

/** How one caller gets to the payee. */
export type Approach = {
  /** The lower bound of the payment's probability. */
  readonly paymentLow: number;
  /** 0 where it is not known. */
  readonly feeMsat: number;
};

/** The expected cost for a caller; undefined where the price is unknown. */
export function expectedCost(offer: Offer, { paymentLow, feeMsat }: Approach): number | undefined {
  const { priceMsat, latencyMs = UNKNOWN_LATENCY_MS, paid, unpaid } = offer;
  if (priceMsat === undefined) return undefined;
  const waited = (WAIT_MSAT_PER_MS * latencyMs) / Math.max(LEAST, unpaid.low * paymentLow);
  return (priceMsat + feeMsat) / Math.max(LEAST, paid.low) + waited;
}

/** No caller gets it for less: one whose payments always arrive and cost nothing. */
export function leastCost(offer: Offer): number | undefined {
  return expectedCost(offer, { paymentLow: 1, feeMsat: 0 });
}

/** What it would cost if all that is not known were for the best. */
export function hopedCost({ priceMsat, latencyMs = 0, paid, unpaid }: Offer): number | undefined {
  if (priceMsat === undefined) return undefined;
  return priceMsat / Math.max(LEAST, paid.high) + (WAIT_MSAT_PER_MS * latencyMs) / Math.max(LEAST, unpaid.high);
}

/** The lower bound of a payment's probability for one caller: how it reaches the payee, and what payments there have shown. */
export function paymentLowOf(reach: Chance, seen: Tally): number {
  const { good, bad } = priorOfReach(reach);
  return betaQuantile({ good: good + seen.good, bad: bad + seen.bad }, 0.05);
}
