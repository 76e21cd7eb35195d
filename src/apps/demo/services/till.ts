/** A shop's way to its own node. */
import { readFileSync } from "node:fs";
import { addInvoice } from "../../../adapters/lnd/add-invoice.ts";
import { closeLnd, connectLnd } from "../../../adapters/lnd/connect.ts";
import { toHex } from "../../../core/bytes.ts";
import type { Msat } from "../../../core/units.ts";
import type { SimulatedNode } from "../lnd/start-nodes.ts";

const INVOICE_EXPIRY_SEC = 600;

/** Connects as an operator of that node would: with its certificate, and a macaroon that can make invoices. */
export function openTill({ host, tlsCertPath, macaroonPaths }: SimulatedNode) {
  const macaroonHex = toHex(readFileSync(macaroonPaths.sell));
  const client = connectLnd({ host, tlsCert: readFileSync(tlsCertPath), macaroonHex });
  return {
    till: (amount: Msat, memo: string) => addInvoice(client, { amount, memo, expirySec: INVOICE_EXPIRY_SEC }),
    close: () => closeLnd(client),
  };
}
