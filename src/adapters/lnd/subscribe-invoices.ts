/** lnrpc.Lightning/SubscribeInvoices: our invoices as they are paid. */
import { OracleError } from "../../core/errors.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import { attemptStream } from "./attempt-stream.ts";
import type { LndClient } from "./connect.ts";
import { bytesField, decodeAnswer, uint64Field } from "./fields.ts";
import { readInvoiceStatus } from "./lookup-invoice.ts";
import { translateFailure } from "./translate-failure.ts";

/** `settleIndex` counts the node's settled invoices from 1: hand back the last one seen to miss none. */
export type SettledInvoice = { paymentHash: Uint8Array; amountPaid: Msat; settledAt: UnixSeconds; settleIndex: bigint };

/**
 * Yields each invoice that settles, after those with a settle index above `afterSettleIndex`.
 *
 * To LND an index of 0 means "only what happens from here on", so a settlement missed before the first one was ever
 * seen is not replayed: look such invoices up by their hash. An invoice may be yielded again after a reconnect.
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
    yield {
      paymentHash: bytesField(invoice, "r_hash", 32),
      amountPaid: status.amountPaid,
      settledAt: status.settledAt,
      settleIndex: uint64Field(invoice, "settle_index"),
    };
  }
  throw new OracleError("LND_UNAVAILABLE", "LND ended the stream of invoices: subscribe again");
}
