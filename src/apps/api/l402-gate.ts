/**
 * The door of every priced operation. It identifies who asks, charges them, and only then lets the work begin.
 *
 * Deny by default: a handler needs an {@link Admitted}, and only this file makes one, out of a charge that is committed
 * in Postgres or an operator's audit row that is.
 */
import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import type { Request, Response } from "express";
import { toBase64, toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { type Credential, parseCredential } from "../../core/l402/authorization.ts";
import { carriedCaveats } from "../../core/l402/caveat.ts";
import { challengeBody, formatChallenge } from "../../core/l402/challenge.ts";
import { invitesPayment, REFUSALS, type Refusal, refusalCode } from "../../core/l402/refusal.ts";
import type { VerifyResult } from "../../core/l402/verify.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import {
  type AdmitPorts,
  admitRequest,
  type CommittedCharge,
  type VerifiedToken,
} from "../../oracle/access/admit-request.ts";
import { type ClosePorts, refundCharge, settleCharge } from "../../oracle/access/close-charge.ts";
import { type ChallengePorts, issueChallenge, type TopUp } from "../../oracle/access/issue-challenge.ts";
import type { Events } from "../events.ts";
import { addressPrefix } from "./address.ts";
import { sendProblem, title } from "./problem.ts";

/** What the gate needs; `start.ts` joins it from the adapters. */
export type GatePorts = AdmitPorts &
  ClosePorts &
  ChallengePorts & {
    /** Whether a credential was minted here, was paid for, and allows this request. Pure. */
    verify(
      credential: Credential,
      context: { now: UnixSeconds; operation: string; path: string; method: string; ip: string },
    ): VerifyResult;
    /** Counts one challenge against an address range and against everybody. */
    takeChallenge(prefix: string): Promise<{ allowed: true } | { allowed: false; retryAfterSec: number }>;
    recordOperatorUse(use: { operation: string; requestId: string; address: string; at: UnixSeconds }): Promise<void>;
    operatorSecret: string | undefined;
    now(): UnixSeconds;
    events: Events;
  };

declare const committed: unique symbol;
/** Proof that this call is paid for, or audited. */
export type Admitted = ({ by: "charge"; charge: CommittedCharge } | { by: "operator" }) & {
  readonly [committed]?: true;
};

/** Who asks: the holder of a verified token, or the operator. Nothing is charged yet. */
export type Holder = { by: "token"; token: VerifiedToken; credential: Credential } | { by: "operator" };

type Priced = { operation: string; path: string; price: Msat };

/** The paid work, and the signal that says its caller is still there. */
type Work = { run(admitted: Admitted): Promise<unknown>; signal: AbortSignal };

export type Gate = {
  /** The caller, or undefined when the refusal has been answered. */
  identify(request: Request, response: Response, operation: Priced): Promise<Holder | undefined>;
  /** Charges, works, earns, answers, in this order; what fails after the charge gives it back. */
  charge(holder: Holder, request: Request, response: Response, operation: Priced, work: Work): Promise<void>;
};

export function l402Gate(ports: GatePorts): Gate {
  return {
    async identify(request, response, operation) {
      const presented = request.headersDistinct["x-operator-token"];
      if (presented) return checkOperator(ports, presented);

      const found = parseCredential({
        authorization: request.headersDistinct["authorization"] ?? [],
        grpcMetadataMacaroon: request.headersDistinct["grpc-metadata-macaroon"] ?? [],
        macaroon: request.headersDistinct["macaroon"] ?? [],
      });
      if (found.kind !== "credential") {
        const reason = found.kind === "none" ? "missing" : "malformed";
        await refuse(
          ports,
          request,
          response,
          operation,
          reason,
          found.kind === "malformed" ? { detail: found.detail } : {},
        );
        return undefined;
      }

      const context = {
        now: ports.now(),
        operation: operation.operation,
        path: operation.path,
        method: request.method,
        ip: address(request),
      };
      const verdict = ports.verify(found, context);
      if (verdict.ok) return { by: "token", token: verdict, credential: found };
      await refuse(ports, request, response, operation, verdict.reason);
      return undefined;
    },

    async charge(holder, request, response, operation, work) {
      if (holder.by === "operator") {
        const requestId = String(response.locals["requestId"]);
        await ports.recordOperatorUse({
          operation: operation.operation,
          requestId,
          address: address(request),
          at: ports.now(),
        });
        ports.events.operatorServed(operation.operation, address(request));
        response.set("X-SatRank-Cost-Msat", "0").json({ data: await work.run({ by: "operator" }) });
        return;
      }
      const { operation: name, price } = operation;
      const admission = await admitRequest(ports, {
        token: holder.token,
        chargeId: randomUUID(),
        operation: name,
        cost: price,
        now: ports.now(),
      });
      if (!admission.admitted) {
        const extra = admission.reason === "exhausted" ? { topUp: topUpOf(holder) } : {};
        return refuse(ports, request, response, operation, admission.reason, extra);
      }
      await serve(ports, response, operation, admission.charge, work);
    },
  };
}

/**
 * The answer leaves only after its price is earned: no crash gives one away. A crash before that gives the price back;
 * one between earning and sending keeps it.
 */
async function serve(
  ports: GatePorts,
  response: Response,
  operation: Priced,
  charge: CommittedCharge,
  work: Work,
): Promise<void> {
  let data: unknown;
  try {
    data = await work.run({ by: "charge", charge });
    work.signal.throwIfAborted();
    await settleCharge(ports, charge, ports.now());
  } catch (error) {
    const code = error instanceof OracleError ? error.code : "INTERNAL";
    await refundCharge(ports, charge, ports.now()).then(
      () => ports.events.chargeReturned(operation.operation, code),
      // The charge stays open, and the sweep of abandoned charges gives it back.
      (failure: unknown) => ports.events.failed("refund", failure),
    );
    throw error;
  }
  ports.events.charged(operation.operation, charge.cost);
  response
    .set("X-SatRank-Cost-Msat", String(charge.cost))
    .set("X-SatRank-Balance-Msat", String(charge.left))
    .json({ data });
}

/** One secret, compared in constant time on digests of equal length. @throws OPERATOR_TOKEN_INVALID */
function checkOperator(ports: GatePorts, presented: string[]): Holder {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const known = ports.operatorSecret;
  const matches =
    known !== undefined && presented.length === 1 && timingSafeEqual(digest(presented[0] ?? ""), digest(known));
  if (matches) return { by: "operator" };
  ports.events.refused("operator", "invalid");
  throw new OracleError(
    "OPERATOR_TOKEN_INVALID",
    "this operator token is not known; leave the header out to pay instead",
  );
}

/** Answers a refusal: with a challenge where paying mends it, without one where it does not. */
async function refuse(
  ports: GatePorts,
  request: Request,
  response: Response,
  operation: Priced,
  reason: Refusal,
  { detail = REFUSAL_TEXT[reason], topUp }: { detail?: string; topUp?: TopUp } = {},
): Promise<void> {
  const status = REFUSALS[reason];
  const code = refusalCode(reason);
  if (!invitesPayment(reason)) {
    ports.events.refused(operation.operation, reason);
    sendProblem(response, { status, code, title: title(code), detail });
    return;
  }
  const limit = await ports.takeChallenge(addressPrefix(address(request)));
  if (!limit.allowed) {
    ports.events.limited("challenge");
    response.set("Retry-After", String(limit.retryAfterSec));
    throw new OracleError("RATE_LIMITED", "too many unpaid challenges from here; pay one of them, or wait");
  }
  const invoice = { amount: operation.price, operation: operation.operation };
  const challenge = await issueChallenge(ports, topUp ? { ...invoice, topUp } : invoice);
  ports.events.challenged(operation.operation, reason);
  const macaroon = toBase64(challenge.macaroon);
  response
    .set("WWW-Authenticate", formatChallenge({ macaroon, invoice: challenge.invoice }))
    .set("Cache-Control", "no-store");
  const fields = challengeBody({
    macaroon,
    invoice: challenge.invoice,
    paymentHash: toHex(challenge.paymentHash),
    amount: challenge.amount,
  });
  sendProblem(response, { status, code, title: "Payment Required", detail, ...fields });
}

/** The account a payment would top up, under every restriction the holder's own token carries: paying widens nothing. */
function topUpOf(holder: Extract<Holder, { by: "token" }>): TopUp {
  return { tokenId: holder.token.tokenId, caveats: carriedCaveats(holder.credential.macaroon.caveats) };
}

/** What a holder should do next, by reason. */
const REFUSAL_TEXT: Record<Refusal, string> = {
  missing: "this call is paid: pay the invoice and repeat it with Authorization: L402 <macaroon>:<preimage>",
  expired: "this token has expired: pay the invoice for a new one",
  exhausted: "the balance does not cover this call: paying the invoice tops up the same account",
  revoked: "this token was withdrawn: pay the invoice for a new one",
  "unknown-key": "this token was minted under a key that is no longer in use: pay the invoice for a new one",
  "out-of-scope": "this token does not allow this call: use a wider one, or pay the invoice for a new one",
  malformed: "this is not an L402 credential: expected L402 <base64 macaroon>:<64-hex preimage>",
  forged: "the signature or the preimage does not hold",
};

/** The caller's address; an IPv4 one looks the same over both kinds of socket. */
function address(request: Request): string {
  return (request.ip ?? request.socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/i, "");
}
