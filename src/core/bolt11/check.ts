/** Whether an invoice is the one that was agreed on, before anything is paid or shown. */
import { equalBytes } from "../bytes.ts";
import type { Msat, UnixSeconds } from "../units.ts";
import type { Invoice, InvoiceNetwork } from "./invoice.ts";

/** What was agreed. A part left out is not checked; the expiry always is. */
export type InvoiceExpectation = {
  network?: InvoiceNetwork;
  /** Exact. An invoice that leaves the amount to the payer does not meet it. */
  amount?: Msat;
  paymentHash?: Uint8Array;
  /** Compressed key, 33 bytes. */
  payee?: Uint8Array;
  now: UnixSeconds;
};

/** The first part that differs. */
type InvoiceMismatch = "network" | "payment-hash" | "payee" | "amount" | "expired";

export type InvoiceVerdict = { ok: true } | { ok: false; reason: InvoiceMismatch };

/** An invoice is dead in the second its expiry names. */
export function checkInvoice(invoice: Invoice, expected: InvoiceExpectation): InvoiceVerdict {
  const { network, amount, paymentHash, payee, now } = expected;
  if (network !== undefined && invoice.network !== network) return { ok: false, reason: "network" };
  if (paymentHash && !equalBytes(invoice.paymentHash, paymentHash)) return { ok: false, reason: "payment-hash" };
  if (payee && !equalBytes(invoice.payee, payee)) return { ok: false, reason: "payee" };
  if (amount !== undefined && invoice.amount !== amount) return { ok: false, reason: "amount" };
  if (now >= invoice.timestamp + invoice.expirySec) return { ok: false, reason: "expired" };
  return { ok: true };
}
