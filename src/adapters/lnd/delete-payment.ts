/** lnrpc.Lightning/DeletePayment: takes one ended payment out of the node's book. */
import { status } from "@grpc/grpc-js";
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { trackPayment } from "./track-payment.ts";
import { translateFailure } from "./translate-failure.ts";

/**
 * Deletes the payment with this hash. False when it is still under way: LND refuses that, and so it should.
 *
 * LND says UNKNOWN both of a payment it does not have and of one that is under way; its book tells the two apart, and what
 * is not in it is deleted already. Permission offchain:write and offchain:read. Idempotent.
 * @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function deletePayment(
  client: LndClient,
  paymentHash: Uint8Array,
  options?: CallOptions,
): Promise<boolean> {
  const request = { payment_hash: paymentHash, failed_htlcs_only: false };
  const reply = await attemptCall(client, "DeletePayment", request, options);
  if (reply.ok) return true;
  if (reply.failure.code !== status.UNKNOWN) throw await translateFailure(client, reply.failure);
  const booked = await trackPayment(client, paymentHash, options);
  if (booked === undefined) return true;
  if (booked.status === "in-flight") return false;
  throw await translateFailure(client, reply.failure);
}
