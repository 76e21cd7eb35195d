/** Amounts as they are logged where the exact one would tell too much about who pays. */
import type { Msat } from "./units.ts";

/** The largest of 1, 3, 10, 30, … msat that is no more than an amount, and 1 for nothing: many payments have the same. */
export function bucketAmount(amount: Msat): Msat {
  const decade = 10n ** BigInt(Math.max(0, String(amount).length - 1));
  return (amount >= 3n * decade ? 3n * decade : decade) as Msat;
}
