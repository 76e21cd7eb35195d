/** Planning: an invoice is judged under the policy and written down, before anything is held or sent. */
import { decodeInvoice } from "../../core/bolt11/decode.ts";
import { toHex } from "../../core/bytes.ts";
import { judgeRequest, type Payer, type PayRefusal } from "../../core/spend/judge-request.ts";
import type { OutgoingPayment, PaymentPlan } from "../../core/spend/payment.ts";
import type { PaymentLimits } from "../../core/spend/policy.ts";
import { type Msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";

export type PlanPorts = {
  /** The node that is to pay. @throws LND_UNAVAILABLE */
  payer(): Promise<Payer>;
  find(paymentHash: Uint8Array): Promise<OutgoingPayment | undefined>;
  /** Idempotent by payment hash. */
  plan(plan: PaymentPlan): Promise<{ isNew: boolean; payment: OutgoingPayment }>;
};

export type PlanRequest = {
  invoice: string;
  /** For an invoice that leaves it open. */
  amount?: Msat | undefined;
  feeLimit?: Msat | undefined;
  purpose: string;
  /** What it is about; the payee when nobody says. */
  subject?: string | undefined;
  actor: string;
  limits: PaymentLimits;
  now: UnixSeconds;
};

export type Planned =
  | { planned: true; isNew: boolean; payment: OutgoingPayment }
  | { planned: false; reason: PayRefusal };

/**
 * Writes the payment down, approved or waiting for a person; or says why it will not be paid. An invoice that is known is told as it
 * stands, whatever the policy says by now. @throws INVOICE_MALFORMED, LND_UNAVAILABLE
 */
export async function planPayment(ports: PlanPorts, request: PlanRequest): Promise<Planned> {
  const { amount, feeLimit, purpose, actor, limits, now } = request;
  const invoice = decodeInvoice(request.invoice);
  const known = await ports.find(invoice.paymentHash);
  if (known) return { planned: true, isNew: false, payment: known };

  const payer = await ports.payer();
  const verdict = judgeRequest({ invoice, amount, feeLimit, now }, payer, limits);
  if (!verdict.ok) return { planned: false, reason: verdict.reason };

  const payee = toHex(invoice.payee);
  const made = await ports.plan({
    paymentHash: invoice.paymentHash,
    state: verdict.needsApproval ? "awaiting-approval" : "approved",
    nodePubkey: payer.nodePubkey,
    invoice: request.invoice,
    payee,
    purpose,
    subject: request.subject ?? payee,
    amount: verdict.amount,
    feeLimit: verdict.feeLimit,
    invoiceEndsAt: unixSeconds(invoice.timestamp + invoice.expirySec),
    actor,
  });
  return { planned: true, ...made };
}
