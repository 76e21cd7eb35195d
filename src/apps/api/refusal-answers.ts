/** How a refusal is told: with a challenge where paying mends it, without one where it does not. */
import type { Request, Response } from "express";
import { toBase64, toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { mayTopUp } from "../../core/l402/budget.ts";
import { carriedCaveats } from "../../core/l402/caveat.ts";
import { challengeBody, formatChallenge } from "../../core/l402/challenge.ts";
import { invitesPayment, REFUSALS, type Refusal, refusalCode } from "../../core/l402/refusal.ts";
import type { AuthenticToken } from "../../core/l402/verify.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import {
  type Asker,
  type Challenge,
  type ChallengePorts,
  type ChallengeRequest,
  issueChallenge,
  type TopUp,
} from "../../oracle/access/issue-challenge.ts";
import type { Events } from "../events.ts";
import { addressOf, addressPrefix } from "./address.ts";
import { sendProblem, title } from "./problem.ts";

export type RefusalPorts = ChallengePorts & {
  /** Whether the older scheme name is offered on a second line. */
  lsatLine: boolean;
  now(): UnixSeconds;
  events: Events;
};

/** What a refusal is about. `amount` is what the challenge asks for. */
export type Refused = {
  reason: Refusal;
  operation: string;
  amount: Msat;
  detail?: string | undefined;
  topUp?: TopUp | undefined;
  /** Of a new account's token, when it is not the base tier's: its invoice is made for this caller alone. */
  caveats?: readonly string[];
};

/** @throws RATE_LIMITED, LND_UNAVAILABLE when a challenge is due and cannot be had */
export async function answerRefusal(
  ports: RefusalPorts,
  request: Request,
  response: Response,
  { reason, operation, amount, topUp, caveats, detail = REFUSAL_TEXT[reason] }: Refused,
): Promise<void> {
  const status = REFUSALS[reason];
  const code = refusalCode(reason);
  if (!invitesPayment(reason)) {
    ports.events.refused(operation, reason);
    sendProblem(response, { status, code, title: title(code), detail });
    return;
  }
  const challenge = await obtainChallenge(ports, response, {
    amount,
    operation,
    client: askerOf(request),
    shareable: caveats === undefined,
    now: ports.now(),
    ...(topUp && { topUp }),
    ...(caveats && { caveats }),
  });
  ports.events.challenged(operation, reason);
  const macaroon = toBase64(challenge.macaroon);
  const { invoice, paymentHash } = challenge;
  response
    .set("WWW-Authenticate", formatChallenge({ macaroon, invoice }, { lsatLine: ports.lsatLine }))
    .set("Cache-Control", "no-store");
  const fields = challengeBody({ macaroon, invoice, paymentHash: toHex(paymentHash), amount: challenge.amount });
  sendProblem(response, { status, code, title: "Payment Required", detail, ...fields });
}

/** A challenge, or the limit that stands against it. @throws RATE_LIMITED, OVERLOADED, LND_UNAVAILABLE */
export async function obtainChallenge(
  ports: RefusalPorts,
  response: Response,
  wish: ChallengeRequest,
): Promise<Challenge> {
  const offer = await issueChallenge(ports, wish);
  if (offer.offered) return offer.challenge;
  ports.events.limited(offer.limit);
  response.setHeader("Retry-After", String(offer.retryAfterSec));
  throw new OracleError(offer.code, LIMIT_TEXT[offer.limit]);
}

/** Who asks for a challenge, as far as that can be told without a credential. */
export function askerOf(request: Request): Asker {
  const address = addressOf(request);
  const retryKey = request.get("idempotency-key");
  return {
    address,
    prefix: addressPrefix(address),
    agent: request.get("user-agent") ?? "",
    ...(retryKey !== undefined && { retryKey }),
  };
}

const LIMIT_TEXT = {
  challenge: "too many unpaid challenges from here; pay one of them, or wait",
  "challenge-all": "too many unpaid challenges are asked for; repeat after Retry-After",
  outstanding: "too many unpaid invoices wait for a payment from here; pay one of them, or wait",
  "outstanding-all": "too many unpaid invoices wait for a payment; repeat after Retry-After",
} as const;

/**
 * The account a payment would top up, under every restriction the holder's own token carries: paying widens nothing.
 * Undefined for a token that may not: its holder buys an account of its own.
 */
export function topUpOf(token: AuthenticToken): TopUp | undefined {
  return mayTopUp(token) ? { tokenId: token.tokenId, caveats: carriedCaveats(token.caveats) } : undefined;
}

/** What a holder should do next, by reason. */
const REFUSAL_TEXT: Record<Refusal, string> = {
  missing: "this call is paid: pay the invoice and repeat it with Authorization: L402 <macaroon>:<preimage>",
  expired: "this token has expired: pay the invoice for a new one",
  exhausted: "the balance does not cover this call: paying the invoice tops up the same account",
  "over-budget": "what this token may spend is spent: pay the invoice for one of your own",
  revoked: "this token was withdrawn: pay the invoice for a new one",
  "unknown-key": "this token was minted under a key that is no longer in use: pay the invoice for a new one",
  "out-of-scope": "this token does not allow this call: use a wider one, or pay the invoice for a new one",
  malformed: "this is not an L402 credential: expected L402 <base64 macaroon>:<64-hex preimage>",
  forged: "the signature or the preimage does not hold",
};
