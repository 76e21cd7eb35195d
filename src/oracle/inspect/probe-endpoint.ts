/**
 * A call of an endpoint in five stages, as a customer makes it. What is done is written down before each step that cannot be done
 * twice, so a job that is run again goes on where the last one stopped, pays once, and asks for what was paid for once.
 */

import { decodeInvoice } from "../../core/bolt11/decode.ts";
import type { InvoiceNetwork } from "../../core/bolt11/invoice.ts";
import { toHex } from "../../core/bytes.ts";
import type { Stage } from "../../core/endpoint/call.ts";
import type { Promised, Scheme } from "../../core/endpoint/listing.ts";
import { OracleError } from "../../core/errors.ts";
import type { CallEvidence } from "../../core/evidence/call.ts";
import { type Finding, readFinding } from "../../core/inspect/finding.ts";
import { drawIdentity } from "../../core/inspect/identity.ts";
import { judgeChallenge, observedSchemes } from "../../core/inspect/judge-challenge.ts";
import { judgeContent } from "../../core/inspect/judge-content.ts";
import { judgeDelivery } from "../../core/inspect/judge-delivery.ts";
import { type Announced, judgeInvoice } from "../../core/inspect/judge-invoice.ts";
import { judgePaymentFailure } from "../../core/inspect/judge-payment.ts";
import { bad, type Exchange, type Judged, unknown } from "../../core/inspect/judged.ts";
import { type Cadence, type NextCall, planNextCall } from "../../core/inspect/next-call.ts";
import { type Callee, type CallRequest, canBePaid, writeRequest } from "../../core/inspect/request.ts";
import type { UnixSeconds } from "../../core/units.ts";

/** The credential that is being paid for. */
export type Purchase = { readonly token: string; readonly invoice: string; readonly paymentHash: Uint8Array };

/** A call as it is written down. `state` is how far it got, whoever was at it. */
export type OpenCall = {
  readonly attempt: string;
  readonly endpointId: bigint;
  /** SHA-256 of the URL, hex. */
  readonly id: string;
  readonly callee: Callee;
  readonly announced: Announced;
  readonly promised: Promised;
  readonly mayPay: boolean;
  readonly misses: number;
  readonly state: "asking" | "paying" | "delivering" | "ended";
  readonly purchase?: Purchase;
};

export type ClosedCall = {
  readonly attempt: string;
  readonly endpointId: bigint;
  readonly at: UnixSeconds;
  readonly finding: Finding;
  readonly schemes: readonly Scheme[];
  readonly evidence: readonly CallEvidence[];
  readonly next: NextCall;
};

/** What became of a payment: "open" until the node has said it. */
export type Paid =
  | { readonly state: "succeeded"; readonly preimage: Uint8Array }
  | { readonly state: "failed"; readonly failure: string }
  | { readonly state: "open" }
  /** It was not sent, and will not be for this call. */
  | { readonly state: "refused"; readonly reason: string };

export type ProbeEndpointPorts = {
  /** The call that this job began, or a new one of that name; undefined when there is no such endpoint any more. */
  open(job: EndpointJob, attempt: string, now: UnixSeconds): Promise<OpenCall | undefined>;
  /** Whether this payment is known already: then its invoice was handed out before. */
  isKnownPayment(paymentHash: Uint8Array): Promise<boolean>;
  /** Whether the graph has a node of this key. */
  isAnnounced(nodeKey: string): Promise<boolean>;
  notePurchase(attempt: string, purchase: Purchase): Promise<void>;
  /** False when somebody did before. */
  noteDelivery(attempt: string): Promise<boolean>;
  /** All of it or nothing. */
  close(call: ClosedCall): Promise<void>;
  /** Never throws for anything the other side does. */
  ask(request: CallRequest, signal: AbortSignal): Promise<Exchange>;
  /** Pays, or tells how an earlier payment of this invoice stands. @throws LND_UNAVAILABLE */
  pay(purchase: Purchase, subject: string, signal: AbortSignal): Promise<Paid>;
  /** The node we are. @throws LND_UNAVAILABLE */
  self(): Promise<{ nodePubkey: string; network: InvoiceNetwork }>;
  newAttempt(): string;
  random(): number;
  now(): UnixSeconds;
};

/** `jobId` names the job for good; a call belongs to one job. */
export type EndpointJob = { readonly jobId: string; readonly endpointId: bigint; readonly mayPay: boolean };

/** @throws PAYMENT_PENDING while a payment is open: the same job is to be run again later; LND_UNAVAILABLE, DATABASE_UNAVAILABLE */
export async function probeEndpoint(
  ports: ProbeEndpointPorts,
  job: EndpointJob,
  { cadence, signal }: { cadence: Cadence; signal: AbortSignal },
): Promise<Finding | undefined> {
  const call = await ports.open(job, ports.newAttempt(), ports.now());
  if (!call || call.state === "ended") return undefined;
  const walk = await continueCall(ports, call, signal);
  const { finding, schemes, paid } = walk;
  const now = ports.now();
  const { nodePubkey } = await ports.self();
  const seen = readFinding(finding, { id: call.id, method: call.callee.method });
  await ports.close({
    attempt: call.attempt,
    endpointId: call.endpointId,
    at: now,
    finding,
    schemes,
    evidence: seen
      ? [{ observedAt: now, source: "probe", attempt: call.attempt, witness: nodePubkey, call: seen }]
      : [],
    next: planNextCall({ finding, misses: call.misses, paid, now }, cadence, ports.random),
  });
  return finding;
}

/** What the stages showed; `paid`: money was sent, or may have been. */
type Walk = { finding: Finding; schemes: readonly Scheme[]; paid: boolean };
type Seen = Pick<Finding, "price" | "payee" | "latencyMs" | "tokenForm">;

async function continueCall(ports: ProbeEndpointPorts, call: OpenCall, signal: AbortSignal): Promise<Walk> {
  const { state, purchase } = call;
  if (state === "asking" || !purchase) return askFirst(ports, call, signal);
  const { amount, payee } = decodeInvoice(purchase.invoice);
  const seen = { ...(amount !== undefined && { price: amount }), payee: toHex(payee) };
  if (state === "paying") return { ...(await payAndFetch(ports, call, purchase, seen, signal)), schemes: ["l402"] };
  // Whoever fetched what was paid for may have got it and died: asking again could meet a spent token, and convict nobody.
  return { finding: { stage: "delivery", verdict: "unknown", code: "INTERRUPTED", ...seen }, schemes: [], paid: true };
}

async function askFirst(ports: ProbeEndpointPorts, call: OpenCall, signal: AbortSignal): Promise<Walk> {
  const { callee, announced, mayPay, attempt } = call;
  const { network } = await ports.self();
  const exchange = await ports.ask(writeRequest(callee, drawIdentity(ports.random)), signal);
  const schemes = exchange.answered ? observedSchemes(exchange.answer) : [];
  const end = (stage: Stage, { verdict, code }: Judged, seen: Seen): Walk => ({
    finding: { stage, verdict, code, ...seen },
    schemes,
    paid: false,
  });

  const latency = exchange.answered ? { latencyMs: exchange.answer.latencyMs } : {};
  const challenge = judgeChallenge(exchange);
  if (challenge.verdict !== "good") return end("challenge", challenge, latency);

  const form = { ...latency, tokenForm: challenge.form };
  const judged = judgeInvoice(challenge, announced, { network, now: ports.now() });
  if (judged.verdict !== "good") return end("invoice", judged, form);

  const { paymentHash } = judged.invoice;
  const seen = { ...form, price: judged.amount, payee: judged.payee };
  if (await ports.isKnownPayment(paymentHash)) return end("invoice", bad("INVOICE_USED_BEFORE"), seen);
  // Nobody but its own peers could pay it, and we know of none.
  if (judged.invoice.routeHints.length === 0 && !(await ports.isAnnounced(judged.payee)))
    return end("payment", bad("NO_WAY_TO_PAYEE"), seen);
  if (!mayPay || !canBePaid(callee)) return end("invoice", { verdict: "good", code: challenge.code }, seen);

  const purchase = { token: challenge.challenge.macaroon, invoice: challenge.challenge.invoice, paymentHash };
  await ports.notePurchase(attempt, purchase);
  return { ...(await payAndFetch(ports, call, purchase, seen, signal)), schemes };
}

async function payAndFetch(
  ports: ProbeEndpointPorts,
  call: OpenCall,
  purchase: Purchase,
  seen: Seen,
  signal: AbortSignal,
): Promise<Omit<Walk, "schemes">> {
  const end = (stage: Stage, { verdict, code }: Judged, more: Seen = {}) => ({
    finding: { stage, verdict, code, ...seen, ...more },
    paid: true,
  });
  const payment = await ports.pay(purchase, call.id, signal);
  if (payment.state === "open") throw new OracleError("PAYMENT_PENDING", "the payment of a call has not ended");
  // Nothing was spent, so this was a call that does not pay, and its invoice was in order.
  if (payment.state === "refused") return { ...end("invoice", { verdict: "good", code: "OK" }), paid: false };
  if (payment.state === "failed") return end("payment", judgePaymentFailure(payment.failure));
  if (!(await ports.noteDelivery(call.attempt))) return end("delivery", unknown("INTERRUPTED"));

  const credential = `L402 ${purchase.token}:${toHex(payment.preimage)}`;
  const exchange = await ports.ask(writeRequest(call.callee, drawIdentity(ports.random), credential), signal);
  const latency = exchange.answered ? { latencyMs: exchange.answer.latencyMs } : {};
  const delivery = judgeDelivery(exchange, { asListed: call.callee.input !== undefined });
  if (delivery.verdict !== "good") return end("delivery", delivery, latency);
  return end("quality", judgeContent(delivery.answer, call.promised), latency);
}
