/** lnrpc.Lightning/ListInvoices: the node's book of invoices, page by page, for comparison with ours. */
import { OracleError } from "../../core/errors.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import type { CallOptions } from "./attempt-call.ts";
import { callLnd } from "./call.ts";
import type { LndClient } from "./connect.ts";
import {
  type Answer,
  bytesField,
  countField,
  messagesField,
  secondsField,
  textField,
  uint64Field,
  wrong,
} from "./fields.ts";
import { type InvoiceStatus, readInvoiceStatus } from "./lookup-invoice.ts";

/**
 * An invoice of the node, whoever made it. `settleIndex` is 0 until it is settled, and for AMP invoices always. `memo` is text from outside, with
 * every character that does not print replaced. `expirySec` counts from `createdAt`.
 */
export type ListedInvoice = {
  addIndex: bigint;
  settleIndex: bigint;
  paymentHash: Uint8Array;
  state: InvoiceStatus["state"];
  amountPaid: Msat;
  settledAt?: UnixSeconds;
  memo: string;
  createdAt: UnixSeconds;
  expirySec: number;
};

/** One page, oldest first. `lastAddIndex` starts the next page; it is where this page began when there is no more. */
export type InvoicePage = { invoices: ListedInvoice[]; lastAddIndex: bigint };

/** One answer of LND at most; an invoice with its HTLCs is seldom larger than a kilobyte or two. */
const MAX_PAGE = 1_000;
/** A full page is a third of a second of work for LND; on a machine with much else to do it took 18 s. */
const DEADLINE_MS = 60_000;
/** LND's own bound, in bytes. */
const MAX_MEMO_LENGTH = 1_024;

/**
 * Invoices with an add index above `afterAddIndex`, at most `limit` of them (1 to 1000). Add indexes count from 1 and
 * may have gaps. An invoice changes after it was listed: a page says what was so when it was read.
 *
 * Permission invoices:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function listInvoices(
  client: LndClient,
  page: { afterAddIndex: bigint; limit: number },
  options?: CallOptions,
): Promise<InvoicePage> {
  const { afterAddIndex, limit } = page;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw new OracleError("VALIDATION_FAILED", `a page holds 1 to ${MAX_PAGE} invoices`);
  }
  if (afterAddIndex < 0n) throw new OracleError("VALIDATION_FAILED", "an add index is 0 or more");
  const request = { index_offset: afterAddIndex.toString(), num_max_invoices: String(limit), reversed: false };
  const answer = await callLnd(client, "ListInvoices", request, { deadlineMs: DEADLINE_MS, ...options });

  let lastAddIndex = afterAddIndex;
  const invoices = messagesField(answer, "invoices", limit).map((row) => {
    const invoice = readListedInvoice(row);
    // A node that goes back or repeats itself would have its reader page for ever.
    if (invoice.addIndex <= lastAddIndex) throw wrong(row, "add_index", `an index above ${lastAddIndex}`);
    lastAddIndex = invoice.addIndex;
    return invoice;
  });
  return { invoices, lastAddIndex };
}

function readListedInvoice(row: Answer): ListedInvoice {
  return {
    addIndex: uint64Field(row, "add_index"),
    settleIndex: uint64Field(row, "settle_index"),
    paymentHash: bytesField(row, "r_hash", 32),
    ...readInvoiceStatus(row),
    memo: textField(row, "memo", MAX_MEMO_LENGTH).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?"),
    createdAt: secondsField(row, "creation_date"),
    expirySec: countField(row, "expiry"),
  };
}
