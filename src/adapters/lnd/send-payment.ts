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
import { ANSWERED, resolveFailure } from "./resolve-failure.ts";

/**
 * `unknown` may become either; ask `trackPayment` until it has. Its `cause` says how the certainty was lost. `answered`: LND has ended
 * the call, so what its book of payments does not have by now was never begun; otherwise the call may still be on its way.
 */
export type PaymentResult = PaymentOutcome | { status: "unknown"; answered: boolean; cause: unknown };

export type SendPaymentOptions = {
  signal?: AbortSignal;
  /** Called once, before the outcome, with LND's number for the payment that this call has begun. */
  onBegun?: (index: bigint) => Promise<void>;
};

/** HTLCs under way when LND's time is up are still waited for, this long. */
const GRACE_MS = 10_000;

/**
 * Pays, trying routes for `timeoutSec` and for at most `feeLimit`. `amount` is for invoices that leave it open, and only for those. LND
 * goes on when the stream is cut or `signal` aborts, and the result is then `unknown`. LND pays one hash once: a repeated call
 * reports the first payment, but one that failed is tried anew.
 *
 * Permission offchain:read and offchain:write.
 * @throws LND_UNAVAILABLE, LND_REFUSED only when nothing was sent
 */
export async function sendPayment(
  client: LndClient,
  payment: { invoice: string; amount?: Msat; feeLimit: Msat; timeoutSec: number },
  options: SendPaymentOptions = {},
): Promise<PaymentResult> {
  const { invoice, amount, feeLimit, timeoutSec } = payment;
  const { signal } = options;
  if (!Number.isInteger(timeoutSec) || timeoutSec < 1 || timeoutSec > 86_400) {
    throw new OracleError("VALIDATION_FAILED", "a payment is tried for 1 to 86400 seconds");
  }
  // Also shows, before any money moves, that this node is ready and knows this macaroon.
  const { paymentHash } = await decodePayReq(client, invoice, { signal });

  const request = {
    payment_request: invoice,
    ...(amount !== undefined && { amt_msat: amount.toString() }),
    fee_limit_msat: feeLimit.toString(),
    timeout_seconds: timeoutSec,
    no_inflight_updates: false,
  };
  const deadlineMs = timeoutSec * 1_000 + GRACE_MS;
  let failure: Failure | undefined;
  let begun = false;
  for await (const reply of attemptStream(client, "SendPaymentV2", request, { deadlineMs, signal })) {
    if (!reply.ok) {
      failure = reply.failure;
      break;
    }
    try {
      const seen = readPayment(decodeAnswer("SendPaymentV2", reply.bytes), paymentHash);
      if (!begun) await options.onBegun?.(seen.index);
      begun = true;
      if (seen.status !== "in-flight") return seen;
    } catch (cause) {
      return { status: "unknown", answered: false, cause };
    }
  }
  const resolved = await resolveFailure(client, paymentHash, failure);
  if (resolved.status !== "unknown") return resolved;
  return { ...resolved, answered: failure !== undefined && !failure.ended && ANSWERED.has(failure.code) };
}
