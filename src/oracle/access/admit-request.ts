/** Admission: turning a presented token into permission to serve one priced call. */

import { OracleError } from "../../core/errors.ts";
import type { Charge, Deposit, Reservation } from "../../core/l402/account.ts";
import type { Refusal } from "../../core/l402/refusal.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";

/** What LND knows of one of our invoices. */
export type InvoiceState =
  | { state: "open" | "accepted" | "canceled" }
  | { state: "settled"; amountPaid: Msat; settledAt: UnixSeconds };

/** What admission needs from outside. */
export type AdmitPorts = {
  /** Holds the price, or holds nothing and says why. Atomic; a charge id is used once. */
  reserve(charge: Charge): Promise<Reservation>;
  /** Whether this invoice was credited already. */
  isCredited(paymentHash: Uint8Array): Promise<boolean>;
  /** Credits a settled invoice. Idempotent by payment hash. */
  credit(deposit: Deposit): Promise<boolean>;
  /** Undefined when LND does not know the invoice. @throws LND_UNAVAILABLE */
  lookupInvoice(paymentHash: Uint8Array): Promise<InvoiceState | undefined>;
};

/** A credential whose signature, preimage and caveats hold (core/l402/verify.ts). */
export type VerifiedToken = { tokenId: Uint8Array; paymentHash: Uint8Array };

declare const committed: unique symbol;
/**
 * Proof that the price of one call is held in the database. Only this file makes one, and a priced handler cannot be
 * called without one: that is what "deny by default" means here.
 */
export type CommittedCharge = { readonly [committed]: true; chargeId: string; cost: Msat; left: Msat };

export type Admission = { admitted: true; charge: CommittedCharge } | { admitted: false; reason: Refusal };

/**
 * Holds the price of one call on a verified token.
 *
 * The first use of a paid invoice credits it: an account that is unknown or exhausted is topped up from LND's word
 * before it is refused, so a caller who has just paid is never asked to pay again.
 *
 * @throws PAYMENT_PENDING when LND has not settled the invoice yet, LND_UNAVAILABLE when it cannot be asked
 */
export async function admitRequest(
  ports: AdmitPorts,
  request: { token: VerifiedToken; chargeId: string; operation: string; cost: Msat; now: UnixSeconds },
): Promise<Admission> {
  const { token, chargeId, operation, cost, now } = request;
  const charge = { chargeId, tokenId: token.tokenId, operation, amount: cost, at: now };

  let reservation = await ports.reserve(charge);
  if (!reservation.held && reservation.reason !== "revoked" && (await creditPayment(ports, token, now))) {
    reservation = await ports.reserve(charge);
  }

  if (reservation.held)
    return { admitted: true, charge: { chargeId, cost, left: reservation.left } as CommittedCharge };
  if (reservation.reason === "busy") {
    // What other calls hold comes back when they fail: whoever has paid for this one must not be asked to pay again.
    throw new OracleError(
      "PAYMENT_PENDING",
      "other calls hold the balance of this token; send the same request again in a moment",
    );
  }
  return { admitted: false, reason: reservation.reason === "unknown" ? "exhausted" : reservation.reason };
}

/** Books what was paid for this token. False when it was booked before. */
async function creditPayment(ports: AdmitPorts, token: VerifiedToken, now: UnixSeconds): Promise<boolean> {
  if (await ports.isCredited(token.paymentHash)) {
    // Another call may have credited it a moment ago: its reservation deserves a second try.
    return true;
  }
  const invoice = await ports.lookupInvoice(token.paymentHash);
  if (invoice?.state !== "settled") {
    // The preimage is right, so the payment is on its way: a 402 here would make the caller pay twice.
    throw new OracleError("PAYMENT_PENDING", "the payment is not settled yet; send the same request again in a moment");
  }
  if (invoice.amountPaid === 0n) return false;
  await ports.credit({ ...token, amount: invoice.amountPaid, settledAt: invoice.settledAt, at: now });
  return true;
}
