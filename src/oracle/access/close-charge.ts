/** The end of a charge: earned when the answer leaves, given back when there is none. */
import { OracleError } from "../../core/errors.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { CommittedCharge } from "./admit-request.ts";

export type ClosePorts = {
  /** False when the charge is no longer open. */
  settle(chargeId: string, at: UnixSeconds): Promise<boolean>;
  /** Idempotent. */
  refund(chargeId: string, at: UnixSeconds): Promise<boolean>;
};

/**
 * Earns a held charge. The answer may leave only after this returns.
 * @throws TIMED_OUT when the call took so long that its charge was given back
 */
export async function settleCharge(
  ports: Pick<ClosePorts, "settle">,
  charge: CommittedCharge,
  now: UnixSeconds,
): Promise<void> {
  if (await ports.settle(charge.chargeId, now)) return;
  throw new OracleError("TIMED_OUT", "the call took too long and was not charged; try again");
}

/** Gives a held charge back after a call that failed through our fault. True when it was still held. */
export function refundCharge(
  ports: Pick<ClosePorts, "refund">,
  charge: CommittedCharge,
  now: UnixSeconds,
): Promise<boolean> {
  return ports.refund(charge.chargeId, now);
}
