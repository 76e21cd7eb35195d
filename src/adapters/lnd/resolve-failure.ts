/**
 * What a call that moves money did when it ended with a gRPC status and no answer.
 *
 * LND answers UNKNOWN or ALREADY_EXISTS when it refuses to begin, but also when it shuts down with the payment under
 * way. Its book of payments decides: what is not in it was never sent.
 */
import { status } from "@grpc/grpc-js";
import { OracleError } from "../../core/errors.ts";
import type { Failure } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import type { PaymentOutcome } from "./payment.ts";
import { trackPayment } from "./track-payment.ts";
import { translateFailure } from "./translate-failure.ts";

/** LND's handler has ended with these, so its book will not change because of this call. */
export const ANSWERED: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.ALREADY_EXISTS,
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.UNIMPLEMENTED,
]);

/**
 * The outcome LND has booked for this hash, or `unknown`.
 *
 * @throws LND_UNAVAILABLE, LND_REFUSED when LND never began this payment
 */
export async function resolveFailure(
  client: LndClient,
  paymentHash: Uint8Array,
  failure: Failure | undefined,
): Promise<PaymentOutcome | { status: "unknown"; cause: unknown }> {
  if (!failure) {
    const cause = new OracleError("LND_UNAVAILABLE", "LND ended the call without the payment's outcome");
    return { status: "unknown", cause };
  }
  const cause = await translateFailure(client, failure);
  if (failure.ended === "breaker") throw cause;
  if (failure.ended || !ANSWERED.has(failure.code)) return { status: "unknown", cause };

  const booked = await trackPayment(client, paymentHash).catch(
    (error: unknown) => ({ status: "lost", error }) as const,
  );
  if (booked === undefined) throw cause;
  return booked.status === "lost" || booked.status === "in-flight" ? { status: "unknown", cause } : booked;
}
