/**
 * Rate tiers: the larger the deposit, the lower the price of each call.
 *
 * The tier is written into the token when its invoice is made (`services=satrank:<tier>`), so that what was quoted is
 * what is charged for as long as the token lives, whatever the table says by then about other deposits.
 */
import { OracleError } from "../errors.ts";
import { type Msat, msat } from "../units.ts";

/** A tier, the smallest deposit that buys it, and what a call costs in it, in thousandths of the listed price. */
export type Tier = { readonly tier: number; readonly depositSat: bigint; readonly ratePermille: bigint };

/** All tiers; the index of each is its number. */
export const TIERS: readonly Tier[] = [
  { tier: 0, depositSat: 21n, ratePermille: 1_000n },
  { tier: 1, depositSat: 1_000n, ratePermille: 500n },
  { tier: 2, depositSat: 10_000n, ratePermille: 200n },
  { tier: 3, depositSat: 100_000n, ratePermille: 100n },
  { tier: 4, depositSat: 1_000_000n, ratePermille: 50n },
];

/** The largest deposit: nobody should trust an api with more. */
export const MAX_DEPOSIT_SAT = 1_000_000n;

/** Nobody is asked to pay an account above this: what is lost with a token must stay bearable. */
export const MAX_BALANCE_SAT = 10_000_000n;

/** The tier that a deposit buys. Less than the smallest deposit is the payment of a single call, in tier 0. */
export function tierOf(depositSat: bigint): number {
  return TIERS.findLast((tier) => depositSat >= tier.depositSat)?.tier ?? 0;
}

/** What a call of this listed price costs in a tier: rounded up, and at least 1 msat. @throws INTERNAL for no tier */
export function priceAt(tier: number, base: Msat): Msat {
  const rate = TIERS[tier]?.ratePermille;
  if (rate === undefined) throw new OracleError("INTERNAL", `there is no tier ${tier}`);
  const price = (base * rate + 999n) / 1_000n;
  return msat(price > 0n ? price : 1n);
}
