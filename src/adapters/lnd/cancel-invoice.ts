/** invoicesrpc.Invoices/CancelInvoice: an invoice that nobody shall pay any more. */
import { OracleError } from "../../core/errors.ts";
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { lookupInvoice } from "./lookup-invoice.ts";
import { translateFailure } from "./translate-failure.ts";

/** `unknown` is an invoice this node has never had, or has deleted since it was canceled. */
export type CancelOutcome = "canceled" | "settled" | "unknown";

/**
 * What the invoice is from here on: canceled, so that no payment of it can succeed, or settled, because one was faster.
 *
 * LND refuses with the same status whether the invoice is paid, is unknown, or is none of this macaroon's business;
 * after a refusal the invoice itself is looked up and decides. Parts of a payment that wait for the others, and money
 * a hold invoice has accepted, go back to the payer. Idempotent, and safe to repeat after any error.
 *
 * Permissions invoices:write and invoices:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function cancelInvoice(
  client: LndClient,
  paymentHash: Uint8Array,
  options?: CallOptions,
): Promise<CancelOutcome> {
  if (paymentHash.length !== 32) throw new OracleError("VALIDATION_FAILED", "a payment hash has 32 bytes");
  const reply = await attemptCall(client, "CancelInvoice", { payment_hash: paymentHash }, options);
  if (reply.ok) return "canceled";
  const refusal = await translateFailure(client, reply.failure);
  if (refusal.code !== "LND_REFUSED") throw refusal;

  const invoice = await lookupInvoice(client, paymentHash, options);
  if (!invoice) return "unknown";
  if (invoice.state === "settled" || invoice.state === "canceled") return invoice.state;
  throw refusal;
}
