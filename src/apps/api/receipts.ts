/** Follows LND's payments for as long as the api runs. Every process does: each payment is booked once. */
import type { LndClient } from "../../adapters/lnd/connect.ts";
import { getInfo } from "../../adapters/lnd/get-info.ts";
import { listInvoices } from "../../adapters/lnd/list-invoices.ts";
import { lookupInvoice } from "../../adapters/lnd/lookup-invoice.ts";
import { subscribeInvoices } from "../../adapters/lnd/subscribe-invoices.ts";
import type { Database } from "../../adapters/postgres/connect.ts";
import { receiptTable } from "../../adapters/postgres/receipt.ts";
import { type WatchNews, watchReceipts } from "../../oracle/ledger/watch-receipts.ts";
import { now } from "../clock.ts";

/** What the watch reports. */
export type ReceiptEvents = {
  receiptsBooked(count: number): void;
  receiptsStartedOver(found: { reason: string; listed: number; healed: number }): void;
  failed(place: string, error: unknown): void;
};

/** Starts to follow; `stop` returns when it has ended. `readonly` is asked who the node is, `invoice` what was paid. */
export function followReceipts(deps: {
  database: Database;
  lnd: { invoice: LndClient; readonly: LndClient };
  events: ReceiptEvents;
}): { stop(): Promise<void> } {
  const { database, lnd, events } = deps;
  const ended = new AbortController();
  const { signal } = ended;
  const hear = (news: WatchNews) => {
    if (news.kind === "booked") events.receiptsBooked(news.count);
    else if (news.kind === "started-over") {
      const { reason, listed, healed } = news;
      events.receiptsStartedOver({ reason, listed, healed });
    } else events.failed("payments of LND", news.error);
  };
  const watching = watchReceipts(
    {
      ...receiptTable(database),
      nodePubkey: async () => (await getInfo(lnd.readonly, { signal })).nodePubkey,
      listInvoices: (page) => listInvoices(lnd.invoice, page, { signal }),
      lookupInvoice: (paymentHash) => lookupInvoice(lnd.invoice, paymentHash, { signal }),
      subscribeInvoices: (options) => subscribeInvoices(lnd.invoice, options),
      now,
      pause,
      random: Math.random,
      hear,
    },
    signal,
  );
  return {
    async stop() {
      ended.abort();
      await watching;
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
