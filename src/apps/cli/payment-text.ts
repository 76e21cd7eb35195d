/** Payments and the budget, as the commands tell them. */
import type { Spending } from "../../adapters/postgres/spend-budget.ts";
import { decodeInvoice } from "../../core/bolt11/decode.ts";
import { toHex } from "../../core/bytes.ts";
import type { PayRefusal } from "../../core/spend/judge-request.ts";
import type { OutgoingPayment } from "../../core/spend/payment.ts";
import type { PaymentLimits } from "../../core/spend/policy.ts";
import type { SendResult } from "../../oracle/spend/send-approved.ts";
import { iso, printable, table } from "./text.ts";

/** Why an invoice is not paid, and what to do about it. */
export const REFUSALS: Readonly<Record<PayRefusal, string>> = {
  off: "the spend policy allows no payments: set payments.mode to ask or auto in SPEND_POLICY_PATH",
  network: "the invoice is of another network than LND",
  expired: "the invoice has expired: ask for a new one",
  "own-invoice": "the invoice is LND's own: a node does not pay itself",
  amp: "AMP invoices are not paid: their payments have no hash that could be paid once",
  "amount-missing": "the invoice leaves the amount open: give --amount-msat",
  "amount-differs": "the invoice asks for another amount than --amount-msat: leave the option out",
  "amount-over-limit": "the amount is above payments.perPaymentMsat of the spend policy",
  "fee-over-limit": "--max-fee-msat is above payments.maxFeeMsat of the spend policy",
  "budget-too-small": "amount and fee limit together are more than a whole day's budget: see satrank payment budget",
};

/** A payment in JSON. The invoice of one that succeeded is proved by its preimage. */
export function paymentFields(payment: OutgoingPayment): Record<string, unknown> {
  const { paymentHash, preimage, amount, feeLimit, fee, ...fields } = payment;
  return {
    paymentHash: toHex(paymentHash),
    ...fields,
    amountMsat: amount,
    feeLimitMsat: feeLimit,
    ...(fee !== undefined && { feeMsat: fee }),
    ...(preimage && { preimage: toHex(preimage) }),
  };
}

/** Every part of one payment, in lines. */
export function describePayment(payment: OutgoingPayment): string[] {
  const { state, failure, fee, preimage, sentAt, closedAt } = payment;
  const rows: [string, string][] = [
    ["payment", toHex(payment.paymentHash)],
    ["state", failure === undefined ? state : `${state}: ${failure}`],
    ["payee", payment.payee],
    ["for", descriptionOf(payment)],
    ["amount", `${payment.amount} msat`],
    ["routing", fee === undefined ? `at most ${payment.feeLimit} msat` : `${fee} msat of at most ${payment.feeLimit}`],
    ["purpose", `${payment.purpose}, ${printable(payment.subject)}`],
    ["node", payment.nodePubkey],
    ["planned", iso(payment.plannedAt)],
    ["invoice", `ends ${iso(payment.invoiceEndsAt)}`],
  ];
  if (state === "awaiting-approval" || state === "approved") rows.push(["valid", `until ${iso(payment.validUntil)}`]);
  if (sentAt !== undefined) rows.push(["sent", iso(sentAt)]);
  if (closedAt !== undefined) rows.push(["closed", iso(closedAt)]);
  if (preimage) rows.push(["preimage", toHex(preimage)]);
  return rows.map(([name, text]) => `${name.padEnd(9)} ${text}`);
}

function descriptionOf({ invoice }: OutgoingPayment): string {
  const { description, descriptionHash } = decodeInvoice(invoice);
  return description !== undefined ? printable(description) : `SHA-256 ${toHex(descriptionHash ?? new Uint8Array())}`;
}

/** One line for each payment. */
export function listPaymentLines(payments: readonly OutgoingPayment[]): string[] {
  if (payments.length === 0) return ["no payments yet"];
  const rows = payments.map((payment) => [
    toHex(payment.paymentHash),
    payment.failure === undefined ? payment.state : `${payment.state}: ${payment.failure}`,
    String(payment.amount),
    payment.fee === undefined ? `<= ${payment.feeLimit}` : String(payment.fee),
    iso(payment.plannedAt),
    payment.payee,
    printable(payment.subject),
  ]);
  return table(["PAYMENT", "STATE", "MSAT", "FEE", "PLANNED", "PAYEE", "SUBJECT"], rows);
}

/** Why nothing was sent, or what to do while nobody knows; undefined when the payment says it itself. */
export function explain(result: SendResult): string | undefined {
  if (result.sent) {
    if (result.payment.state === "unknown")
      return "nobody knows yet whether it arrives; the crawler finds out: satrank payment show tells";
    return result.problem instanceof Error ? result.problem.message : undefined;
  }
  switch (result.reason) {
    case "absent":
      return "there is no such payment";
    case "expired":
      return "its approval or its invoice has ended: ask for a new invoice";
    case "off":
      return REFUSALS.off;
    case "over-limit":
      return "the spend policy allows less by now than when it was planned";
    case "other-node":
      return "it was planned for another node than LND_* names";
    case "superseded":
      return "this node pays or has paid the invoice already, and not through this program";
    case "not-approved":
      return undefined;
    case "over-day":
    case "over-subject": {
      const whose = result.reason === "over-day" ? "the budget" : "the subject's budget";
      const when = result.freesAt === undefined ? "once open payments have ended" : `from ${iso(result.freesAt)}`;
      return `${whose} of 24 hours has ${result.left} msat left; there is enough ${when}`;
    }
  }
}

/** What is left, and when more is. */
export function budgetFields(spending: Spending, limits: PaymentLimits) {
  const { spent, held, nextFree, counts, oldestUnknownSec } = spending;
  const left = limits.per24hMsat - spent - held;
  return {
    mode: limits.mode,
    per24hMsat: limits.per24hMsat,
    spentMsat: spent,
    heldMsat: held,
    leftMsat: left > 0n ? left : 0n,
    nextFree: nextFree ? { at: nextFree.at, amountMsat: nextFree.amount } : null,
    counts,
    oldestUnknownSec: oldestUnknownSec ?? null,
  };
}

/** The same in lines. */
export function describeBudget(budget: ReturnType<typeof budgetFields>): string[] {
  const amount = (name: string, msat: bigint) => `${name.padEnd(10)} ${String(msat).padStart(20)} msat`;
  const { nextFree, oldestUnknownSec } = budget;
  return [
    `mode ${budget.mode}, of any 24 hours`,
    amount("budget", budget.per24hMsat),
    amount("spent", budget.spentMsat),
    amount("held", budget.heldMsat),
    amount("left", budget.leftMsat),
    ...(nextFree ? [`${nextFree.amountMsat} msat are free again from ${iso(nextFree.at)}`] : []),
    ...(oldestUnknownSec === null ? [] : [`the oldest payment without a known end was sent ${oldestUnknownSec} s ago`]),
  ];
}
