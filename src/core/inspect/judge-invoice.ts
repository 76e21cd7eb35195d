/** Second stage: is the invoice of a challenge what it says, and can it be paid? */
import { decodeInvoice } from "../bolt11/decode.ts";
import type { Invoice, InvoiceNetwork } from "../bolt11/invoice.ts";
import { equalBytes, toHex } from "../bytes.ts";
import { errorCode } from "../errors.ts";
import type { Msat, UnixSeconds } from "../units.ts";
import type { Offer } from "./judge-challenge.ts";
import { bad, type Judged, unknown } from "./judged.ts";

/** What was known before. A part left out is not checked. */
export type Announced = {
  /** By the endpoint's own host or owner; a directory's word binds nobody. */
  readonly price?: Msat;
  /** The same: 66 lower-case hex digits. */
  readonly payee?: string;
};

export type ReadInvoice = { readonly invoice: Invoice; readonly amount: Msat; readonly payee: string };

/** Less time than this is not enough to pay: a payment may need a minute, and clocks differ. */
const LEAST_TIME_SEC = 60;
/** Clocks may differ by this much before an invoice comes from the future. */
const CLOCK_MARGIN_SEC = 600;
/** Blocks LND locks money for, at most, when it pays. */
const MAX_FINAL_CLTV = 2_016;

/** `network` is the one we pay on: an invoice of another says nothing of this endpoint's conduct towards its own payers. */
export function judgeInvoice(
  offer: Offer,
  announced: Announced,
  { network, now }: { network: InvoiceNetwork; now: UnixSeconds },
): Judged<ReadInvoice> {
  const invoice = read(offer.challenge.invoice);
  if (typeof invoice === "string") return bad(invoice);
  if (invoice.network !== network) return unknown("OTHER_NETWORK");
  const fault = findFault(invoice, offer, announced, now);
  if (fault !== undefined) return bad(fault);
  const amount = invoice.amount as Msat;
  return { verdict: "good", code: "OK", invoice, amount, payee: toHex(invoice.payee) };
}

function findFault(invoice: Invoice, offer: Offer, announced: Announced, now: UnixSeconds): string | undefined {
  const { amount, paymentHash, payee, timestamp, expirySec, minFinalCltvExpiry } = invoice;
  if (offer.paymentHash && !equalBytes(offer.paymentHash, paymentHash)) return "HASH_DIFFERS";
  if (amount === undefined || amount === 0n) return "AMOUNT_MISSING";
  if (announced.price !== undefined && amount > announced.price) return "PRICE_ABOVE_ANNOUNCED";
  if (announced.payee !== undefined && toHex(payee) !== announced.payee) return "PAYEE_DIFFERS";
  if (timestamp > now + CLOCK_MARGIN_SEC) return "INVOICE_FROM_FUTURE";
  if (timestamp + expirySec <= now + LEAST_TIME_SEC) return "INVOICE_EXPIRED";
  if (minFinalCltvExpiry > MAX_FINAL_CLTV) return "LOCKS_TOO_LONG";
  return undefined;
}

function read(text: string): Invoice | string {
  try {
    return decodeInvoice(text);
  } catch (error) {
    if (errorCode(error) !== "INVOICE_MALFORMED") throw error;
    return "INVOICE_MALFORMED";
  }
}
