/** The end of a charge: earned when the answer leaves, given back when there is none. */
import { OracleError } from "../../core/errors.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { CommittedCharge } from "./admit-request.ts";

export type ClosePorts = {
  /** False when the charge was given back. */
  settle(chargeId: bigint): Promise<boolean>;
  /** Keeps the answer for a retry, which earns the charge. False when the charge was given back. */
  keepAnswer(chargeId: bigint, body: string): Promise<boolean>;
  /** Idempotent. */
  refund(chargeId: bigint, at: UnixSeconds): Promise<boolean>;
};

/**
 * Earns a held charge. The answer may leave only after this returns. With `keep`, it can be had again under its key.
 * @throws TIMED_OUT when the call took so long that its charge was given back
 */
export async function settleCharge(
  ports: Pick<ClosePorts, "settle" | "keepAnswer">,
  charge: CommittedCharge,
  answer: { body: string; keep: boolean },
): Promise<void> {
  const earned = answer.keep ? ports.keepAnswer(charge.chargeId, answer.body) : ports.settle(charge.chargeId);
  if (await earned) return;
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
