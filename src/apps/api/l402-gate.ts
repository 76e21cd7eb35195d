/**
 * The door of every priced operation. It identifies who asks, charges them, and only then lets the work begin.
 *
 * Deny by default: a handler needs an {@link Admitted}, and only this file makes one, out of a charge that is committed
 * in Postgres or an operator's audit row that is.
 */
import type { Request, Response } from "express";
import { OracleError } from "../../core/errors.ts";
import { priceAt } from "../../core/l402/tier.ts";
import type { AuthenticToken } from "../../core/l402/verify.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import type { AuditedUse, Operator } from "../../oracle/access/admit-operator.ts";
import {
  type AdmitPorts,
  admitRequest,
  type CommittedCharge,
  findKeptAnswer,
  type KeptAnswerPorts,
} from "../../oracle/access/admit-request.ts";
import { type ClosePorts, refundCharge, settleCharge } from "../../oracle/access/close-charge.ts";
import type { Events } from "../events.ts";
import { addressOf } from "./address.ts";
import type { Caller } from "./caller.ts";
import { auditOperator, findOperator, type OperatorGatePorts } from "./operator-gate.ts";
import { answerRefusal, type RefusalPorts, topUpOf } from "./refusal-answers.ts";
import { readRetryKey } from "./retry-key.ts";
import { sendJson } from "./send-json.ts";
import type { TokenReader } from "./token-reader.ts";

/** What the gate needs; `start.ts` joins it from the adapters. */
export type GatePorts = AdmitPorts &
  KeptAnswerPorts &
  ClosePorts &
  RefusalPorts &
  OperatorGatePorts & { readToken: TokenReader; now(): UnixSeconds; events: Events };

/** Proof that this call is paid for, or audited. */
export type Admitted =
  | { by: "charge"; charge: CommittedCharge; tokenId: Uint8Array }
  | { by: "operator"; use: AuditedUse };

/** Who asks: the holder of an authentic token, or the operator. Nothing is charged yet. */
export type Holder = { by: "token"; token: AuthenticToken; isNew: boolean } | { by: "operator"; operator: Operator };

type Priced = { operation: string; path: string; price: Msat };

/** The paid work, and whoever waits for it. */
type Work = { run(admitted: Admitted): Promise<unknown>; caller: Caller };

export type Gate = {
  /** The caller, or undefined when the refusal has been answered. */
  identify(request: Request, response: Response, operation: Priced): Promise<Holder | undefined>;
  /** Whether the request was answered as it was before, under its Idempotency-Key, for nothing. */
  answerAgain(holder: Holder, request: Request, response: Response): Promise<boolean>;
  /** Charges, works, earns, answers, in this order; what fails after the charge gives it back. */
  charge(holder: Holder, request: Request, response: Response, operation: Priced, work: Work): Promise<void>;
};

export function l402Gate(ports: GatePorts): Gate {
  return {
    async identify(request, response, operation) {
      const lines = request.headersDistinct["x-operator-token"];
      if (lines) {
        const asking = { presented: lines, operation: operation.operation, address: addressOf(request) };
        return { by: "operator", operator: await findOperator(ports, response, asking) };
      }
      const presented = ports.readToken(request, operation);
      if (presented.kind === "token") return { by: "token", token: presented.token, isNew: presented.isNew };
      const { operation: name, price: amount } = operation;
      const refused =
        presented.kind === "none"
          ? { reason: "missing" as const }
          : { reason: presented.reason, detail: presented.detail };
      await answerRefusal(ports, request, response, { ...refused, operation: name, amount });
      return undefined;
    },

    async answerAgain(holder, request, response) {
      if (holder.by === "operator") return false;
      const { token } = holder;
      const retryKey = readRetryKey(request, token.budgets);
      const kept = retryKey && (await findKeptAnswer(ports, token, retryKey));
      if (kept) sendKept(response, token, kept);
      return kept !== undefined;
    },

    charge(holder, request, response, operation, work) {
      return holder.by === "operator"
        ? serveOperator(ports, holder.operator, request, response, operation, work)
        : serveHolder(ports, holder, request, response, operation, work);
    },
  };
}

async function serveOperator(
  ports: GatePorts,
  operator: Operator,
  request: Request,
  response: Response,
  { operation }: Priced,
  work: Work,
): Promise<void> {
  const use = await auditOperator(ports, response, operator, { operation, address: addressOf(request) });
  const data = await work.run({ by: "operator", use });
  response.setHeader("X-SatRank-Cost-Msat", "0");
  sendJson(response, JSON.stringify({ data }));
}

async function serveHolder(
  ports: GatePorts,
  { token, isNew }: Extract<Holder, { by: "token" }>,
  request: Request,
  response: Response,
  { operation, price }: Priced,
  work: Work,
): Promise<void> {
  const cost = priceAt(token.tier, price);
  const retryKey = readRetryKey(request, token.budgets);
  // What an account holds is its owner's business, not that of everybody who got a part.
  const isWhole = token.budgets.length === 0;
  const admission = await admitRequest(ports, { token, isNew, operation, cost, retryKey, now: ports.now() });
  switch (admission.kind) {
    case "admitted":
      return serveCharged(ports, response, operation, admission.charge, work, {
        keep: retryKey !== undefined,
        isWhole,
        tokenId: token.tokenId,
      });
    case "answered":
      return sendKept(response, token, admission);
    case "refused": {
      const { reason } = admission;
      const topUp = reason === "exhausted" ? topUpOf(token) : undefined;
      return answerRefusal(ports, request, response, { reason, operation, amount: topUp ? cost : price, topUp });
    }
  }
}

/**
 * The answer leaves only after its price is earned: no crash gives one away. A crash before that gives the price back;
 * one between earning and sending keeps it, unless the caller sent an Idempotency-Key and asks again.
 */
async function serveCharged(
  ports: GatePorts,
  response: Response,
  operation: string,
  charge: CommittedCharge,
  work: Work,
  { keep, isWhole, tokenId }: { keep: boolean; isWhole: boolean; tokenId: Uint8Array },
): Promise<void> {
  let body: string;
  try {
    body = JSON.stringify({ data: await work.run({ by: "charge", charge, tokenId }) });
    work.caller.throwIfGone();
    await settleCharge(ports, charge, { body, keep });
  } catch (error) {
    const code = error instanceof OracleError ? error.code : "INTERNAL";
    await refundCharge(ports, charge, ports.now()).then(
      () => ports.events.chargeReturned(operation, code),
      // The ledger tries again by itself, and gives it back at the latest when this process has ended.
      (failure: unknown) => ports.events.failed("refund", failure),
    );
    throw error;
  }
  ports.events.charged(operation, charge.cost);
  sendPaid(response, body, { ...charge, isWhole });
}

/** The same bytes again, for nothing. */
function sendKept(response: Response, token: AuthenticToken, { body, left }: { body: string; left: Msat }): void {
  response.setHeader("Idempotency-Replayed", "true");
  sendPaid(response, body, { cost: 0n as Msat, left, isWhole: token.budgets.length === 0 });
}

type Told = { cost: Msat; left: Msat; isWhole: boolean };

function sendPaid(response: Response, body: string, { cost, left, isWhole }: Told): void {
  response.setHeader("X-SatRank-Cost-Msat", String(cost));
  if (isWhole) response.setHeader("X-SatRank-Balance-Msat", String(left));
  sendJson(response, body);
}
