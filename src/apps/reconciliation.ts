/** The reconciliation, joined to what serves it: for the crawler's job and the operator's command. */
import type { LndClient } from "../adapters/lnd/connect.ts";
import { getInfo } from "../adapters/lnd/get-info.ts";
import { listInvoices } from "../adapters/lnd/list-invoices.ts";
import { lookupInvoice } from "../adapters/lnd/lookup-invoice.ts";
import type { Database } from "../adapters/postgres/connect.ts";
import { receiptTable } from "../adapters/postgres/receipt.ts";
import { type Books, checkBooks, reconciliationTable } from "../adapters/postgres/reconciliation.ts";
import { type Reconciliation, reconcile } from "../oracle/ledger/reconcile.ts";
import { now } from "./clock.ts";

/** Reconciles once. `lnd` needs info:read and invoices:read; without it only the books are checked. */
export function reconcileNow(deps: {
  database: Database;
  lnd: LndClient | undefined;
  signal: AbortSignal;
  onStage?: (stage: string) => void;
}): Promise<Reconciliation<Books>> {
  const { database, lnd, signal, onStage } = deps;
  const node = lnd && {
    ...receiptTable(database),
    nodePubkey: async () => (await getInfo(lnd, { signal })).nodePubkey,
    listInvoices: (page: { afterAddIndex: bigint; limit: number }) => {
      onStage?.(`invoices of LND after ${page.afterAddIndex}`);
      return listInvoices(lnd, page, { signal });
    },
    lookupInvoice: (paymentHash: Uint8Array) => lookupInvoice(lnd, paymentHash, { signal }),
  };
  const ports = { node, checkBooks: () => checkBooks(database, onStage), ...reconciliationTable(database) };
  return reconcile(ports, { now: now(), signal });
}
