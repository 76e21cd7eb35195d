/** lnrpc.Lightning/LookupInvoice: what has become of one of our invoices. */
import { createHash } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { equalBytes } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import {
  type Answer,
  bytesField,
  decodeAnswer,
  msatField,
  secondsField,
  textField,
  wordField,
  wrong,
} from "./fields.ts";
import { translateFailure } from "./translate-failure.ts";

/**
 * `accepted` is money locked and not yet taken (a hold invoice). `amountPaid` may exceed what was asked, and is money
 * received only when the state is `settled`: LND shows what was locked even after it went back.
 */
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
  const answer = await askForInvoice(client, paymentHash, options);
  return answer && readInvoiceStatus(answer);
}

/** An invoice's memo, and its preimage (32 bytes) once it is settled: the payer's secret, never to be logged. */
export type InvoiceProof = { memo: string } & (
  | { state: "open" | "canceled" | "accepted" }
  | { state: "settled"; preimage: Uint8Array }
);

/** LND's own bound, in bytes. */
const MAX_MEMO_LENGTH = 1_024;

/**
 * Undefined when the node has no such invoice. LND knows the preimage before anybody has paid: it is read only when the
 * money is ours.
 *
 * Permission invoices:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function lookupProof(
  client: LndClient,
  paymentHash: Uint8Array,
  options?: CallOptions,
): Promise<InvoiceProof | undefined> {
  const answer = await askForInvoice(client, paymentHash, options);
  if (!answer) return undefined;
  const { state } = readInvoiceStatus(answer);
  const memo = textField(answer, "memo", MAX_MEMO_LENGTH);
  if (state !== "settled") return { state, memo };
  const preimage = answer.fields["r_preimage"];
  if (!(preimage instanceof Uint8Array) || !equalBytes(createHash("sha256").update(preimage).digest(), paymentHash)) {
    // Unlike other wrong fields this one is not shown: whatever it is, it is near to a secret.
    throw new OracleError("LND_REFUSED", "LND's answer to LookupInvoice has no preimage of the hash asked for");
  }
  return { state, memo, preimage: new Uint8Array(preimage) };
}

async function askForInvoice(
  client: LndClient,
  paymentHash: Uint8Array,
  options: CallOptions | undefined,
): Promise<Answer | undefined> {
  if (paymentHash.length !== 32) throw new OracleError("VALIDATION_FAILED", "a payment hash has 32 bytes");
  const reply = await attemptCall(client, "LookupInvoice", { r_hash: paymentHash }, options);
  if (!reply.ok) {
    if (reply.failure.code === status.NOT_FOUND) return undefined;
    throw await translateFailure(client, reply.failure);
  }
  const answer = decodeAnswer("LookupInvoice", reply.bytes);
  if (!equalBytes(bytesField(answer, "r_hash", 32), paymentHash)) throw wrong(answer, "r_hash", "the hash asked for");
  return answer;
}

/** The status in an lnrpc.Invoice. @throws LND_REFUSED */
export function readInvoiceStatus(invoice: Answer): InvoiceStatus {
  const state = wordField(invoice, "state", INVOICE_STATES);
  const amountPaid = msatField(invoice, "amt_paid_msat");
  return state === "settled"
    ? { state, amountPaid, settledAt: secondsField(invoice, "settle_date") }
    : { state, amountPaid };
}
