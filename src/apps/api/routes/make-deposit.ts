/**
 * POST /api/deposit: a prepaid account, or more money in one. Free to ask; what is paid is credited.
 *
 * Without a token it is sold as any priced call is, so that every L402 client completes it by itself: 402, pay, repeat, 200.
 * A token that was paid for never meets a 402 here, however often the request is repeated: docs/decisions/0005-deposits.md.
 */
import type { Request, Response } from "express";
import { z } from "zod";
import { decodeInvoice } from "../../../core/bolt11/decode.ts";
import { toBase64, toHex } from "../../../core/bytes.ts";
import { OracleError } from "../../../core/errors.ts";
import { servicesCaveat } from "../../../core/l402/caveat.ts";
import type { Refusal } from "../../../core/l402/refusal.ts";
import { MAX_BALANCE_SAT, MAX_DEPOSIT_SAT, TIERS, tierOf } from "../../../core/l402/tier.ts";
import { msat } from "../../../core/units.ts";
import { planTopUp } from "../../../oracle/account/plan-top-up.ts";
import { type AccountPorts, readAccount } from "../../../oracle/account/read-account.ts";
import { DEPOSIT } from "../../../oracle/account/read-payment.ts";
import { type AccountDoorPorts, refuseHolder, requireToken } from "../account-door.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { answerRefusal, askerOf, obtainChallenge, type RefusalPorts } from "../refusal-answers.ts";
import { unixTime } from "../schemas.ts";
import { balanceAnswer, presentBalance } from "./get-balance.ts";

const body = z.object({
  amountSat: z.int().min(Number(TIERS[0]!.depositSat)).max(Number(MAX_DEPOSIT_SAT)),
  topUp: z.boolean().optional().meta({ description: "True: an offer to pay more into the account of the token sent" }),
});
const offer = z
  .object({
    invoice: z.string(),
    macaroon: z.string().meta({ description: "Base64; its credential has the preimage of this invoice" }),
    token: z.string().meta({ description: "The same as `macaroon`" }),
    paymentHash: z.string().regex(/^[0-9a-f]{64}$/),
    amountSat: z.int(),
    tier: z.int().min(0),
    ratePermille: z.int().min(1),
    expiresAt: unixTime,
  })
  .meta({ id: "TopUpOffer" });

type Body = z.infer<typeof body>;
type Answer = z.infer<typeof balanceAnswer> | z.infer<typeof offer> | undefined;

export const makeDepositContract = {
  operation: "makeDeposit",
  method: "post",
  path: "/api/deposit",
  summary: "Buys a prepaid account, or tops one up: the more at once, the less each call costs",
  access: "token-or-challenge",
  body,
  response: balanceAnswer,
  created: offer,
} as const satisfies Contract;

export type DepositPorts = AccountPorts & AccountDoorPorts & RefusalPorts;

export function makeDeposit(ports: DepositPorts): FreeOperation<Body, Answer> {
  return {
    ...makeDepositContract,
    async serve({ amountSat, topUp }, request, response) {
      response.set("Cache-Control", "no-store");
      const deposit = { ports, amountSat: BigInt(amountSat), request, response };
      return topUp ? offerTopUp(deposit) : sellAccount(deposit);
    },
  };
}

type Deposit = { ports: DepositPorts; amountSat: bigint; request: Request; response: Response };
const { operation } = makeDepositContract;

/** The account of a token that is paid for; otherwise a challenge for a new one. */
async function sellAccount(deposit: Deposit): Promise<Answer> {
  const { ports, request, response } = deposit;
  const presented = ports.readToken(request, makeDepositContract);
  if (presented.kind === "none") return challenge(deposit, "missing");
  if (presented.kind === "token") {
    const view = await readAccount(ports, presented.token, ports.now());
    if (view) return presentBalance(presented.token, view);
    // It was paid for once: a client that repeats its request after a rotation must not be made to pay again.
    refuseHolder(ports, response, { operation, reason: "revoked" });
    return undefined;
  }
  const { reason } = presented;
  if (reason === "expired" || reason === "unknown-key") return challenge(deposit, reason);
  refuseHolder(ports, response, { ...presented, operation });
  return undefined;
}

/** A 402 for an account of its own, in the tier that the amount buys. */
async function challenge({ ports, amountSat, request, response }: Deposit, reason: Refusal): Promise<undefined> {
  const caveats = [servicesCaveat(tierOf(amountSat))];
  const amount = msat(amountSat * 1_000n);
  await answerRefusal(ports, request, response, { reason, operation: DEPOSIT, amount, caveats });
}

/** An offer beside the answer, not a 402: a client that pays by itself would pay again whenever it repeats the request. */
async function offerTopUp({ ports, amountSat, request, response }: Deposit): Promise<Answer> {
  const token = requireToken(ports, makeDepositContract, request, response);
  if (!token) return undefined;
  const plan = await planTopUp(ports, { token, amountSat, now: ports.now() });
  if (!plan.planned) {
    if (plan.reason === "balance-limit") {
      throw new OracleError(
        "BALANCE_LIMIT",
        `an account holds at most ${MAX_BALANCE_SAT} sat; spend some, or pay in less`,
      );
    }
    refuseHolder(ports, response, { operation, reason: plan.reason });
    return undefined;
  }
  const { topUp, tier } = plan;
  const amount = msat(amountSat * 1_000n);
  const wish = { amount, operation: DEPOSIT, client: askerOf(request), topUp, shareable: false, now: ports.now() };
  const offered = await obtainChallenge(ports, response, wish);
  const macaroon = toBase64(offered.macaroon);
  const { timestamp, expirySec } = decodeInvoice(offered.invoice);
  response.status(201);
  return {
    invoice: offered.invoice,
    macaroon,
    token: macaroon,
    paymentHash: toHex(offered.paymentHash),
    amountSat: Number(amountSat),
    tier,
    ratePermille: Number(TIERS[tier]!.ratePermille),
    expiresAt: timestamp + expirySec,
  };
}
