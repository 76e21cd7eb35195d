/** Takes our ended probes out of the node's book of payments, where each would stay as a failed payment for ever. */
import type { UnixSeconds } from "../../core/units.ts";

export type ForgetPorts = {
  /** Hashes of our own ended probes that the node still has, oldest first. Nobody else's payment is among them. */
  kept(nodePubkey: string, endedBefore: UnixSeconds, limit: number): Promise<string[]>;
  /** False when the node says that it is still under way. */
  delete(paymentHash: string): Promise<boolean>;
  markDeleted(paymentHash: string, at: UnixSeconds): Promise<void>;
  now(): UnixSeconds;
};

/** Kept for a while, for whoever looks into what just happened. */
const KEPT_SEC = 600;
const BATCH = 100;

/** @returns how many were taken out. @throws LND_UNAVAILABLE, LND_REFUSED */
export async function forgetProbes(ports: ForgetPorts, nodePubkey: string, signal: AbortSignal): Promise<number> {
  const endedBefore = (ports.now() - KEPT_SEC) as UnixSeconds;
  let count = 0;
  for (const paymentHash of await ports.kept(nodePubkey, endedBefore, BATCH)) {
    if (signal.aborted) break;
    if (!(await ports.delete(paymentHash))) continue;
    await ports.markDeleted(paymentHash, ports.now());
    count++;
  }
  return count;
}
