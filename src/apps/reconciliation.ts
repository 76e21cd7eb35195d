/** The reconciliation, joined to what serves it: for the crawler's job and the operator's command. */
import type { LndClient } from "../adapters/lnd/connect.ts";
import { getInfo } from "../adapters/lnd/get-info.ts";
import { listInvoices } from "../adapters/lnd/list-invoices.ts";
import { listPayments } from "../adapters/lnd/list-payments.ts";
import { lookupInvoice } from "../adapters/lnd/lookup-invoice.ts";
import { trackPayment } from "../adapters/lnd/track-payment.ts";
import type { Database } from "../adapters/postgres/connect.ts";
import { paymentCursorTable } from "../adapters/postgres/payment-cursor.ts";
import { receiptTable } from "../adapters/postgres/receipt.ts";
import { type Books, checkBooks, reconciliationTable } from "../adapters/postgres/reconciliation.ts";
import { type Reconciliation, reconcile } from "../oracle/ledger/reconcile.ts";
import { now } from "./clock.ts";
import type { PayingNode } from "./payments.ts";

/**
 * Reconciles once. Each of `nodes` needs info:read and invoices:read, and is compared with our receipts; each of `payers` with our
 * payments. Without any only the books are checked.
 */
export function reconcileNow(deps: {
  database: Database;
  nodes: readonly LndClient[];
  payers: readonly PayingNode[];
  signal: AbortSignal;
  onStage?: (stage: string) => void;
}): Promise<Reconciliation<Books>> {
  const { database, nodes, payers, onStage, signal } = deps;
  const ports = {
    nodes: nodes.map((lnd) => nodePorts(lnd, deps)),
    payers: payers.map((payer) => payerPorts(payer, deps)),
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

function payerPorts({ readonly, pay }: PayingNode, { database, signal, onStage }: Parameters<typeof reconcileNow>[0]) {
  return {
    ...paymentCursorTable(database),
    nodePubkey: async () => (await getInfo(readonly, { signal })).nodePubkey,
    listPayments: (page: { afterIndex: bigint; limit: number }) => {
      onStage?.(`payments of LND after ${page.afterIndex}`);
      return listPayments(pay, page, { signal });
    },
    track: (paymentHash: Uint8Array) => trackPayment(pay, paymentHash, { signal }),
  };
}
