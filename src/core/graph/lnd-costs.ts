/** What LND weighs besides fees when it looks for a path: its defaults (`routing/pathfind.go`). */

/** What a msat that is locked for a block costs. */
export const RISK_PER_MSAT_BLOCK = 15e-9;

const ATTEMPT_BASE_MSAT = 100_000;
const ATTEMPT_RATIO = 0.001;

/** What an attempt to send this amount costs, in msat: 100 sat and a thousandth. */
export function attemptCostMsat(amountMsat: number): number {
  return ATTEMPT_BASE_MSAT + ATTEMPT_RATIO * amountMsat;
}
