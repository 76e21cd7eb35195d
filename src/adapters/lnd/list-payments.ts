/** lnrpc.Lightning/ListPayments: the node's book of payments, page by page, for comparison with ours. */
import { fromHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { Msat } from "../../core/units.ts";
import type { CallOptions } from "./attempt-call.ts";
import { callLnd } from "./call.ts";
import type { LndClient } from "./connect.ts";
import { type Answer, hexField, messagesField, msatField, wordField, wrong } from "./fields.ts";
import { indexField, PAYMENT_STATUSES } from "./payment.ts";

/** A payment of the node, whoever made it, probes included. `fee` is 0 until it has succeeded. */
export type ListedPayment = {
  index: bigint;
  paymentHash: Uint8Array;
  status: "in-flight" | "succeeded" | "failed";
  amount: Msat;
  fee: Msat;
};

/** One page, oldest first. `lastIndex` starts the next page; it is where this page began when there is no more. */
export type PaymentPage = { payments: ListedPayment[]; lastIndex: bigint };

/** One answer of LND at most: a payment comes with each of its attempts, and each of those with its route. */
const MAX_PAGE = 500;
const DEADLINE_MS = 60_000;

/**
 * Payments with an index above `afterIndex`, at most `limit` of them (1 to 500). Indexes count from 1, have gaps where payments
 * were deleted or tried again, and go up in the order in which payments were begun. A payment changes after it was listed.
 *
 * Permission offchain:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function listPayments(
  client: LndClient,
  page: { afterIndex: bigint; limit: number },
  options?: CallOptions,
): Promise<PaymentPage> {
  const { afterIndex, limit } = page;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw new OracleError("VALIDATION_FAILED", `a page holds 1 to ${MAX_PAGE} payments`);
  }
  if (afterIndex < 0n) throw new OracleError("VALIDATION_FAILED", "a payment index is 0 or more");
  const request = { include_incomplete: true, index_offset: afterIndex.toString(), max_payments: String(limit) };
  const answer = await callLnd(client, "ListPayments", request, { deadlineMs: DEADLINE_MS, ...options });

  let lastIndex = afterIndex;
  const payments = messagesField(answer, "payments", limit).map((row) => {
    const payment = readListedPayment(row);
    // A node that goes back or repeats itself would have its reader page for ever.
    if (payment.index <= lastIndex) throw wrong(row, "payment_index", `an index above ${lastIndex}`);
    lastIndex = payment.index;
    return payment;
  });
  return { payments, lastIndex };
}

function readListedPayment(row: Answer): ListedPayment {
  return {
    index: indexField(row),
    paymentHash: fromHex(hexField(row, "payment_hash", 32)) as Uint8Array,
    status: wordField(row, "status", PAYMENT_STATUSES),
    amount: msatField(row, "value_msat"),
    fee: msatField(row, "fee_msat"),
  };
}
