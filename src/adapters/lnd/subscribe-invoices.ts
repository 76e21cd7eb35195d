/** lnrpc.Lightning/SubscribeInvoices: our invoices as they are paid. */
import { OracleError } from "../../core/errors.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import { attemptStream } from "./attempt-stream.ts";
import type { LndClient } from "./connect.ts";
import { bytesField, decodeAnswer, textField, uint64Field } from "./fields.ts";
import { readInvoiceStatus } from "./lookup-invoice.ts";
import { translateFailure } from "./translate-failure.ts";

/**
 * `settleIndex` counts the node's settlements from 1: hand back the highest one taken in to miss none. `memo` is text from
 * outside.
 */
export type SettledInvoice = {
  paymentHash: Uint8Array;
  amountPaid: Msat;
  settledAt: UnixSeconds;
  settleIndex: bigint;
  memo: string;
};

/** LND's own bound, in bytes. */
const MAX_MEMO_LENGTH = 1_024;

/**
 * Yields each invoice that settles, after those with a settle index above `afterSettleIndex`.
 *
 * To LND an index of 0 means "only what happens from here on", and nothing tells when the subscription has begun:
 * whoever has no index yet lists the invoices first and takes the highest settle index of the list. An index beyond the
 * node's own (another node, or its database lost) hides every settlement up to it. `docs/lnd.md` has the whole
 * procedure. An invoice may be yielded again after a reconnect. AMP invoices, which can be paid many times and carry
 * no index, are left out.
 *
 * The stream has no end of its own: it returns when `signal` aborts and throws when it breaks; reconnecting, with a
 * pause, is the caller's.
 *
 * Permission invoices:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function* subscribeInvoices(
  client: LndClient,
  options: { afterSettleIndex: bigint; signal?: AbortSignal },
): AsyncGenerator<SettledInvoice, void, undefined> {
  const { afterSettleIndex, signal } = options;
  const request = { settle_index: afterSettleIndex.toString() };

  for await (const reply of attemptStream(client, "SubscribeInvoices", request, { signal })) {
    if (!reply.ok) {
      if (signal?.aborted) return;
      throw await translateFailure(client, reply.failure);
    }
    const invoice = decodeAnswer("SubscribeInvoices", reply.bytes);
    const status = readInvoiceStatus(invoice);
    // New invoices are announced too, when they are made.
    if (status.state !== "settled") continue;
    const settleIndex = uint64Field(invoice, "settle_index");
    if (settleIndex === 0n) continue;
    yield {
      paymentHash: bytesField(invoice, "r_hash", 32),
      amountPaid: status.amountPaid,
      settledAt: status.settledAt,
      settleIndex,
      memo: textField(invoice, "memo", MAX_MEMO_LENGTH),
    };
  }
  throw new OracleError("LND_UNAVAILABLE", "LND ended the stream of invoices: subscribe again");
}
