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

/** A node that makes invoices: `readonly` is asked who it is, `invoice` what was paid. */
type InvoiceNode = { invoice: LndClient; readonly: LndClient };

/** Starts to follow every node that makes invoices, each by itself; `stop` returns when all have ended. */
export function followReceipts(deps: {
  database: Database;
  nodes: readonly { connections: ReadonlyMap<"invoice" | "readonly" | "pay", LndClient> }[];
  events: ReceiptEvents;
}): { stop(): Promise<void> } {
  const { database, nodes, events } = deps;
  const ended = new AbortController();
  const watching = nodes.flatMap(({ connections }) => {
    const invoice = connections.get("invoice");
    const readonly = connections.get("readonly");
    return invoice && readonly ? [followNode({ invoice, readonly }, database, events, ended.signal)] : [];
  });
  return {
    async stop() {
      ended.abort();
      await Promise.all(watching);
    },
  };
}

function followNode(lnd: InvoiceNode, database: Database, events: ReceiptEvents, signal: AbortSignal): Promise<void> {
  const hear = (news: WatchNews) => {
    if (news.kind === "booked") events.receiptsBooked(news.count);
    else if (news.kind === "started-over") {
      const { reason, listed, healed } = news;
      events.receiptsStartedOver({ reason, listed, healed });
    } else events.failed("payments of LND", news.error);
  };
  return watchReceipts(
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
