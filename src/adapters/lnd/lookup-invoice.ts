/** lnrpc.Lightning/LookupInvoice: what has become of one of our invoices. */
import { status } from "@grpc/grpc-js";
import { equalBytes } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { type Answer, bytesField, decodeAnswer, msatField, secondsField, wordField, wrong } from "./fields.ts";
import { translateFailure } from "./translate-failure.ts";

/** `accepted` is money locked and not yet taken (a hold invoice). `amountPaid` may exceed what was asked. */
export type InvoiceStatus =
  | { state: "open" | "canceled" | "accepted"; amountPaid: Msat }
  | { state: "settled"; amountPaid: Msat; settledAt: UnixSeconds };

const INVOICE_STATES = { OPEN: "open", SETTLED: "settled", CANCELED: "canceled", ACCEPTED: "accepted" } as const;

/**
 * Undefined when the node has no such invoice.
 *
 * Permission invoices:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function lookupInvoice(
  client: LndClient,
  paymentHash: Uint8Array,
  options?: CallOptions,
): Promise<InvoiceStatus | undefined> {
  if (paymentHash.length !== 32) throw new OracleError("VALIDATION_FAILED", "a payment hash has 32 bytes");
  const reply = await attemptCall(client, "LookupInvoice", { r_hash: paymentHash }, options);
  if (!reply.ok) {
    if (reply.failure.code === status.NOT_FOUND) return undefined;
    throw await translateFailure(client, reply.failure);
  }
  const answer = decodeAnswer("LookupInvoice", reply.bytes);
  if (!equalBytes(bytesField(answer, "r_hash", 32), paymentHash)) throw wrong(answer, "r_hash", "the hash asked for");
  return readInvoiceStatus(answer);
}

/** The status in an lnrpc.Invoice. @throws LND_REFUSED */
export function readInvoiceStatus(invoice: Answer): InvoiceStatus {
  const state = wordField(invoice, "state", INVOICE_STATES);
  const amountPaid = msatField(invoice, "amt_paid_msat");
  return state === "settled"
    ? { state, amountPaid, settledAt: secondsField(invoice, "settle_date") }
    : { state, amountPaid };
}
