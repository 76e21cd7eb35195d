/** Paying an invoice: planned under the policy, and sent at once when the policy asks nobody. */
import { type Planned, type PlanPorts, type PlanRequest, planPayment } from "./plan-payment.ts";
import { type SendPorts, type SendResult, sendApproved } from "./send-approved.ts";

export type PayPorts = PlanPorts & SendPorts;

/** `send` is absent when the plan was refused, waits for a person, or is older and beyond sending: the plan says which. */
export type PayResult = { plan: Planned; send?: SendResult };

/**
 * Pays, once per payment hash: whoever asks again is told how the first payment stands, and one that was approved and not sent
 * is sent. @throws INVOICE_MALFORMED, LND_UNAVAILABLE, DATABASE_UNAVAILABLE
 */
export async function payInvoice(ports: PayPorts, request: PlanRequest & { signal?: AbortSignal }): Promise<PayResult> {
  const plan = await planPayment(ports, request);
  if (!plan.planned || plan.payment.state !== "approved") return { plan };
  const { actor, limits, signal } = request;
  const { paymentHash } = plan.payment;
  return { plan, send: await sendApproved(ports, { paymentHash, actor, limits, ...(signal && { signal }) }) };
}
