/** Paying for an answer of an endpoint, under the spend policy and through the verb that pays everything. */
import type { Database } from "../adapters/postgres/connect.ts";
import { MEASURING } from "../adapters/postgres/outgoing-payment.ts";
import { decodeInvoice } from "../core/bolt11/decode.ts";
import type { OutgoingPayment } from "../core/spend/payment.ts";
import type { PaymentLimits } from "../core/spend/policy.ts";
import type { Paid, Purchase } from "../oracle/inspect/probe-endpoint.ts";
import { payInvoice } from "../oracle/spend/pay-invoice.ts";
import { now } from "./clock.ts";
import { type PayingNode, paymentPorts } from "./payments.ts";

const ACTOR = "probe-endpoints";

/** `subject` is the endpoint: what is spent on each has a limit of its own. */
export function buyAnswer({
  database,
  payers,
  limits,
}: {
  database: Database;
  payers: () => readonly PayingNode[];
  limits: PaymentLimits;
}) {
  return async ({ invoice }: Purchase, subject: string, signal: AbortSignal): Promise<Paid> => {
    const [payer] = payers();
    if (!payer) return { state: "refused", reason: "no node can pay" };
    // Nobody is asked to approve a probe: what the policy would ask about is not bought.
    const { amount } = decodeInvoice(invoice);
    if (limits.mode !== "auto" || amount === undefined || amount > limits.approveAboveMsat)
      return { state: "refused", reason: "needs approval" };

    const request = { invoice, purpose: MEASURING, subject, actor: ACTOR, limits, now: now(), signal };
    const { plan, send } = await payInvoice(paymentPorts(database, payer), request);
    if (!plan.planned) return { state: "refused", reason: plan.reason };
    if (send && !send.sent)
      return "payment" in send ? readPaid(send.payment) : { state: "refused", reason: send.reason };
    return readPaid(send?.payment ?? plan.payment);
  };
}

function readPaid({ state, preimage, failure }: OutgoingPayment): Paid {
  if (state === "succeeded" && preimage) return { state, preimage };
  if (state === "failed") return { state, failure: failure ?? "error" };
  return { state: "open" };
}
