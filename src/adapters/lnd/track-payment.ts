/** routerrpc.Router/TrackPaymentV2: what LND knows of a payment right now. */
import { status } from "@grpc/grpc-js";
import { OracleError } from "../../core/errors.ts";
import type { CallOptions } from "./attempt-call.ts";
import { attemptStream } from "./attempt-stream.ts";
import type { LndClient } from "./connect.ts";
import { decodeAnswer } from "./fields.ts";
import { type PaymentInFlight, type PaymentOutcome, readPayment } from "./payment.ts";
import { translateFailure } from "./translate-failure.ts";

/**
 * The state of the payment with this hash; undefined when LND never began one. Does not wait for an end: LND gives the
 * present state first, and the rest is not read.
 *
 * Permission offchain:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function trackPayment(
  client: LndClient,
  paymentHash: Uint8Array,
  options: CallOptions = {},
): Promise<PaymentOutcome | PaymentInFlight | undefined> {
  if (paymentHash.length !== 32) throw new OracleError("VALIDATION_FAILED", "a payment hash has 32 bytes");
  const { deadlineMs = client.deadlineMs, signal } = options;
  const request = { payment_hash: paymentHash, no_inflight_updates: false };
  for await (const reply of attemptStream(client, "TrackPaymentV2", request, { deadlineMs, signal })) {
    if (reply.ok) return readPayment(decodeAnswer("TrackPaymentV2", reply.bytes), paymentHash);
    if (reply.failure.code === status.NOT_FOUND) return undefined;
    throw await translateFailure(client, reply.failure);
  }
  throw new OracleError("LND_UNAVAILABLE", "LND said nothing of the payment: try again in a moment");
}
