/** Admission: turning a presented token into permission to serve one priced call. */

import { OracleError } from "../../core/errors.ts";
import type { Budget, Charge, KeptAnswer, Reservation, RetryKey } from "../../core/l402/account.ts";
import type { Refusal } from "../../core/l402/refusal.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import { type ClaimPorts, claimPayment } from "./claim-payment.ts";

/** What admission needs from outside. */
export type AdmitPorts = ClaimPorts & {
  /** Holds the price, or holds nothing and says why. Atomic. */
  reserve(charge: Charge): Promise<Reservation>;
};

/** A credential whose signature, preimage and caveats hold (core/l402/verify.ts). */
export type VerifiedToken = { tokenId: Uint8Array; paymentHash: Uint8Array; budgets: readonly Budget[] };

declare const committed: unique symbol;
/**
 * Proof that the price of one call is held in the database. Only this file makes one, and a priced handler cannot be
 * called without one: that is what "deny by default" means here.
 */
export type CommittedCharge = { readonly [committed]: true; chargeId: bigint; cost: Msat; left: Msat };

export type Admission =
  | { kind: "admitted"; charge: CommittedCharge }
  /** The same request was answered before, under the same retry key: this is the answer, and nothing is charged. */
  | { kind: "answered"; body: string; left: Msat }
  | { kind: "refused"; reason: Refusal };

type AdmitRequest = {
  token: VerifiedToken;
  /** Whether this process has not seen the credential before: its payment may not be credited yet. */
  isNew: boolean;
  operation: string;
  cost: Msat;
  retryKey: RetryKey | undefined;
  now: UnixSeconds;
};

/**
 * Holds the price of one call on a verified token.
 *
 * The first sight of a token credits its payment, and so does every refusal for want of money: an account that is unknown
 * or exhausted is topped up from LND's word first, so a caller who has just paid is never asked to pay again.
 *
 * @throws PAYMENT_PENDING when LND has not settled the invoice yet, LND_UNAVAILABLE when it cannot be asked,
 *   REQUEST_IN_PROGRESS, RETRY_KEY_REUSED
 */
export async function admitRequest(ports: AdmitPorts, request: AdmitRequest): Promise<Admission> {
  const { token, isNew, operation, cost, retryKey, now } = request;
  const charge: Charge = {
    tokenId: token.tokenId,
    operation,
    amount: cost,
    at: now,
    budgets: token.budgets,
    ...(retryKey && { retryKey }),
  };

  // Older payments may cover the call: whatever stands in the way of this one is only said when they do not.
  if (isNew) await claimPayment(ports, token, now).catch(() => undefined);
  let reservation = await ports.reserve(charge);
  if (wantsMoney(reservation) && (await claimPayment(ports, token, now))) reservation = await ports.reserve(charge);

  if (reservation.held) {
    const { chargeId, left } = reservation;
    return { kind: "admitted", charge: { chargeId, cost, left } as CommittedCharge };
  }
  switch (reservation.reason) {
    case "answered":
      return { kind: "answered", body: reservation.body, left: reservation.left };
    case "busy":
      // What other calls hold comes back when they fail: whoever has paid for this one must not be asked to pay again.
      throw new OracleError(
        "PAYMENT_PENDING",
        "other calls hold the balance of this token; send the same request again in a moment",
      );
    case "in-progress":
    case "key-reused":
      throw retryError(reservation.reason);
    case "unknown":
      return { kind: "refused", reason: "exhausted" };
    default:
      return { kind: "refused", reason: reservation.reason };
  }
}

/** What finding a kept answer needs from outside. */
export type KeptAnswerPorts = {
  findAnswer(tokenId: Uint8Array, retryKey: RetryKey): Promise<KeptAnswer | undefined>;
};

/**
 * The answer that a retry key was given before, without charging: so that a retry is answered whatever stands in the way of
 * its question by now. Admission looks again, because two may ask at once.
 * @throws REQUEST_IN_PROGRESS, RETRY_KEY_REUSED
 */
export async function findKeptAnswer(
  ports: KeptAnswerPorts,
  token: { tokenId: Uint8Array },
  retryKey: RetryKey,
): Promise<{ body: string; left: Msat } | undefined> {
  const found = await ports.findAnswer(token.tokenId, retryKey);
  if (found?.reason === "answered") return { body: found.body, left: found.left };
  if (found) throw retryError(found.reason);
  return undefined;
}

function retryError(reason: "in-progress" | "key-reused"): OracleError {
  return reason === "in-progress"
    ? new OracleError("REQUEST_IN_PROGRESS", "the request with this Idempotency-Key is being answered")
    : new OracleError("RETRY_KEY_REUSED", "this Idempotency-Key was used for another request: choose a new one");
}

function wantsMoney(reservation: Reservation): boolean {
  return !reservation.held && ["unknown", "exhausted", "busy"].includes(reservation.reason);
}
