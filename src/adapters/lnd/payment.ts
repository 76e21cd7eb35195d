/** What became of a payment, read from LND's lnrpc.Payment. */
import { createHash } from "node:crypto";
import { equalBytes, fromHex } from "../../core/bytes.ts";
import type { Msat } from "../../core/units.ts";
import { type Answer, countField, hexField, msatField, wordField, wrong } from "./fields.ts";

/** Why LND gave up. After each of them no money has left and none will. */
const FAILURE_REASONS = {
  FAILURE_REASON_NONE: "error",
  FAILURE_REASON_TIMEOUT: "timeout",
  FAILURE_REASON_NO_ROUTE: "no-route",
  FAILURE_REASON_ERROR: "error",
  FAILURE_REASON_INCORRECT_PAYMENT_DETAILS: "incorrect-payment-details",
  FAILURE_REASON_INSUFFICIENT_BALANCE: "insufficient-balance",
  FAILURE_REASON_CANCELED: "canceled",
} as const;

export type PaymentFailure = (typeof FAILURE_REASONS)[keyof typeof FAILURE_REASONS];

/**
 * `index` is the node's number for the payment: one that failed and is tried again gets a new one. `amount` is what the payee was to
 * get, `fee` what was paid besides.
 */
export type PaymentOutcome = { index: bigint; amount: Msat } & (
  | { status: "succeeded"; preimage: Uint8Array; fee: Msat }
  | { status: "failed"; reason: PaymentFailure }
);

/** A payment that goes on. */
export type PaymentInFlight = { index: bigint; amount: Msat; status: "in-flight" };

/** LND's names for how far a payment is, in our words. */
export const PAYMENT_STATUSES = {
  UNKNOWN: "in-flight",
  INITIATED: "in-flight",
  IN_FLIGHT: "in-flight",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
} as const;

/**
 * The outcome, or "in-flight". A success counts only with the preimage that proves it.
 *
 * @throws LND_REFUSED
 */
export function readPayment(payment: Answer, paymentHash: Uint8Array): PaymentOutcome | PaymentInFlight {
  if (!equalBytes(fromHex(hexField(payment, "payment_hash", 32)) ?? new Uint8Array(), paymentHash)) {
    throw wrong(payment, "payment_hash", "the payment asked for");
  }
  const status = wordField(payment, "status", PAYMENT_STATUSES);
  const which = { index: indexField(payment), amount: msatField(payment, "value_msat") };
  if (status === "in-flight") return { ...which, status };
  if (status === "failed") return { ...which, status, reason: wordField(payment, "failure_reason", FAILURE_REASONS) };

  const preimage = fromHex(hexField(payment, "payment_preimage", 32)) ?? new Uint8Array();
  if (!opens(preimage, paymentHash)) throw wrong(payment, "payment_preimage", "the preimage of the payment hash");
  return { ...which, status, preimage, fee: msatField(payment, "fee_msat") };
}

/** LND's number for a payment, from 1 on. @throws LND_REFUSED */
export function indexField(payment: Answer): bigint {
  return BigInt(countField(payment, "payment_index"));
}

/** Whether this preimage proves the payment of this hash. */
export function opens(preimage: Uint8Array, paymentHash: Uint8Array): boolean {
  return equalBytes(createHash("sha256").update(preimage).digest(), paymentHash);
}
