/** lnrpc.Lightning/AddInvoice: a fresh BOLT 11 invoice of our own node. */
import { OracleError } from "../../core/errors.ts";
import type { Msat } from "../../core/units.ts";
import type { CallOptions } from "./attempt-call.ts";
import { callLnd } from "./call.ts";
import type { LndClient } from "./connect.ts";
import { bytesField, textField, wrong } from "./fields.ts";

/** BOLT 11 gives a tagged field 1023 words of 5 bits. */
const MAX_MEMO_BYTES = 639;
/** A QR code holds no more than 7089 characters; LND refuses longer invoices too. */
const MAX_INVOICE_LENGTH = 7_089;
/** LND's own bound, one year. */
const MAX_EXPIRY_SEC = 31_536_000;

/**
 * Each call makes another invoice, so it is not safe to repeat blindly; one that nobody is told of does no harm.
 *
 * Permission invoices:write. @throws AMOUNT_INVALID for nothing, LND_UNAVAILABLE, LND_REFUSED
 */
export async function addInvoice(
  client: LndClient,
  invoice: { amount: Msat; memo: string; expirySec: number },
  options?: CallOptions,
): Promise<{ paymentHash: Uint8Array; invoice: string }> {
  const { amount, memo, expirySec } = invoice;
  // To LND a zero means "whatever the payer likes".
  if (amount === 0n) throw new OracleError("AMOUNT_INVALID", "an invoice must ask for something");
  if (Buffer.byteLength(memo) > MAX_MEMO_BYTES) {
    throw new OracleError("VALIDATION_FAILED", `an invoice's memo holds ${MAX_MEMO_BYTES} bytes`);
  }
  if (!Number.isInteger(expirySec) || expirySec < 1 || expirySec > MAX_EXPIRY_SEC) {
    throw new OracleError("VALIDATION_FAILED", `an invoice expires after 1 to ${MAX_EXPIRY_SEC} seconds`);
  }

  const request = { value_msat: amount.toString(), memo, expiry: String(expirySec) };
  const answer = await callLnd(client, "AddInvoice", request, options);
  const text = textField(answer, "payment_request", MAX_INVOICE_LENGTH);
  if (!/^ln[0-9a-z]+$/.test(text)) throw wrong(answer, "payment_request", "a lower-case BOLT 11 invoice");
  return { paymentHash: bytesField(answer, "r_hash", 32), invoice: text };
}
