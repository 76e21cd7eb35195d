/**
 * From a probability to a verdict, by expected utility (docs/scoring.md).
 *
 * An arriving payment is worth 1 and a failed one costs as much, so trying is worth p − (1 − p): below ½ it loses.
 * Studying the alternatives first costs a fifth of that loss and saves at most (1 − p)·2: above 0.9 it does not pay.
 */
import type { Chance } from "../score/interval.ts";
import type { Verdict } from "./decision.ts";

/** At least this: pay. */
export const PAY_FROM = 0.9;
/** Below this: avoid. */
export const AVOID_BELOW = 0.5;
/** An interval wider than this leaves every verdict possible. */
const WIDEST_INTERVAL = 0.75;

/** The verdict on a probability. */
export function decide({ probability, interval }: Chance): Verdict {
  if (interval.high - interval.low > WIDEST_INTERVAL) return "insufficient";
  if (probability >= PAY_FROM) return "pay";
  return probability < AVOID_BELOW ? "avoid" : "caution";
}
