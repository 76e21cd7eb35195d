/**
 * The amount that the next probe along the same route should carry, to learn most about the channel that decides.
 *
 * Bisection in probability, not in msat: the next amount halves what the prior says of the channel between the two bounds.
 * When less than a tenth of the prior lies between them there is nothing left to ask.
 */
import { shareBelow, USABLE_RATIO } from "../graph/prior.ts";
import { type Msat, msat } from "../units.ts";

/** Probability mass of the prior below which an interval is narrow. */
export const NARROW_MASS = 0.1;

/** What is known of the amount that the forwarding end holds. `below` is exclusive. */
export type AmountBounds = { readonly atLeast: Msat; readonly below: Msat; readonly capacitySat: number };

/** Undefined when the interval is narrow already, or leaves no whole satoshi between its ends. */
export function narrowAmount({ atLeast, below, capacitySat }: AmountBounds): Msat | undefined {
  const usable = capacitySat * 1000 * USABLE_RATIO;
  const low = shareBelow(Number(atLeast) / usable);
  const high = shareBelow(Number(below) / usable);
  if (high - low < NARROW_MASS) return undefined;
  const amount = roundSat(quantile((low + high) / 2) * usable);
  return amount > atLeast && amount < below ? msat(amount) : undefined;
}

/** The share below which a part `mass` of the prior lies. */
function quantile(mass: number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (shareBelow(middle) < mass) low = middle;
    else high = middle;
  }
  return high;
}

/** Whole satoshis of three digits: an amount that many payments have, and a bound that needs no more. */
function roundSat(amountMsat: number): bigint {
  const sat = Math.max(1, Math.round(amountMsat / 1000));
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(sat)) - 2);
  return BigInt(Math.round(sat / unit) * unit) * 1000n;
}
