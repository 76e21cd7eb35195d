/**
 * routerrpc.Router/SendPaymentV2: pays an invoice.
 *
 * A payment that was handed to LND ends in one of three ways, and the third is as real as the others: paid, not paid,
 * or not known yet. Only LND's own word makes it one of the first two.
 */
import { OracleError } from "../../core/errors.ts";
import type { Msat } from "../../core/units.ts";
import type { Failure } from "./attempt-call.ts";
import { attemptStream } from "./attempt-stream.ts";
import type { LndClient } from "./connect.ts";
import { decodePayReq } from "./decode-pay-req.ts";
import { decodeAnswer } from "./fields.ts";
import { type PaymentOutcome, readPayment } from "./payment.ts";
import { resolveFailure } from "./resolve-failure.ts";

/** `unknown` may become either; ask `trackPayment` until it has. Its `cause` says how the certainty was lost. */
export type PaymentResult = PaymentOutcome | { status: "unknown"; cause: unknown };

/** HTLCs under way when LND's time is up are still waited for, this long. */
const GRACE_MS = 10_000;

/**
 * Pays, trying routes for `timeoutSec` and for at most `feeLimit`. LND goes on when the stream is cut or `signal`
 * aborts, and the result is then `unknown`. LND pays one hash once: a repeated call reports the first payment.
 *
 * Permission offchain:read and offchain:write.
 * @throws LND_UNAVAILABLE, LND_REFUSED only when nothing was sent
 */
export async function sendPayment(
  client: LndClient,
  payment: { invoice: string; feeLimit: Msat; timeoutSec: number },
  options: { signal?: AbortSignal } = {},
): Promise<PaymentResult> {
  const { invoice, feeLimit, timeoutSec } = payment;
  if (!Number.isInteger(timeoutSec) || timeoutSec < 1 || timeoutSec > 86_400) {
    throw new OracleError("VALIDATION_FAILED", "a payment is tried for 1 to 86400 seconds");
  }
  // Also shows, before any money moves, that this node is ready and knows this macaroon.
  const { paymentHash } = await decodePayReq(client, invoice, options);

  const request = {
    payment_request: invoice,
    fee_limit_msat: feeLimit.toString(),
    timeout_seconds: timeoutSec,
    no_inflight_updates: true,
  };
  const deadlineMs = timeoutSec * 1_000 + GRACE_MS;
  let failure: Failure | undefined;
  for await (const reply of attemptStream(client, "SendPaymentV2", request, { deadlineMs, ...options })) {
    if (!reply.ok) {
      failure = reply.failure;
      break;
    }
    try {
      const outcome = readPayment(decodeAnswer("SendPaymentV2", reply.bytes), paymentHash);
      if (outcome.status !== "in-flight") return outcome;
    } catch (cause) {
      return { status: "unknown", cause };
    }
  }
  return resolveFailure(client, paymentHash, failure);
}
