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

/** Reconciles once. Each of `nodes` needs info:read and invoices:read; without any only the books are checked. */
export function reconcileNow(deps: {
  database: Database;
  nodes: readonly LndClient[];
  signal: AbortSignal;
  onStage?: (stage: string) => void;
}): Promise<Reconciliation<Books>> {
  const { database, nodes, onStage, signal } = deps;
  const ports = {
    nodes: nodes.map((lnd) => nodePorts(lnd, deps)),
    checkBooks: () => checkBooks(database, onStage),
    ...reconciliationTable(database),
  };
  return reconcile(ports, { now: now(), signal });
}

function nodePorts(lnd: LndClient, { database, signal, onStage }: Parameters<typeof reconcileNow>[0]) {
  return {
    ...receiptTable(database),
    nodePubkey: async () => (await getInfo(lnd, { signal })).nodePubkey,
    listInvoices: (page: { afterAddIndex: bigint; limit: number }) => {
      onStage?.(`invoices of LND after ${page.afterAddIndex}`);
      return listInvoices(lnd, page, { signal });
    },
    lookupInvoice: (paymentHash: Uint8Array) => lookupInvoice(lnd, paymentHash, { signal }),
  };
}
