/** Payments, joined to what serves them: for the crawler's job and the operator's command. */
import type { LndClient } from "../adapters/lnd/connect.ts";
import { getInfo } from "../adapters/lnd/get-info.ts";
import { sendPayment } from "../adapters/lnd/send-payment.ts";
import { trackPayment } from "../adapters/lnd/track-payment.ts";
import type { Database } from "../adapters/postgres/connect.ts";
import { outgoingPaymentTable } from "../adapters/postgres/outgoing-payment.ts";
import { OracleError } from "../core/errors.ts";
import { invoiceNetworkOf } from "../core/spend/judge-request.ts";
import type { PayPorts } from "../oracle/spend/pay-invoice.ts";
import type { ResolvePorts } from "../oracle/spend/resolve-payments.ts";
import { now } from "./clock.ts";
import type { LndNodes } from "./lnd-nodes.ts";

/** One node under two macaroons: `readonly` (info:read) says who it is, `pay` (offchain:read offchain:write) pays. */
export type PayingNode = { readonly: LndClient; pay: LndClient };

/** Those of a process's nodes that can be asked to pay now. */
export function payingNodes(lnd: LndNodes): PayingNode[] {
  return lnd.each().flatMap(({ connections }) => {
    const [readonly, pay] = [connections.get("readonly"), connections.get("pay")];
    return readonly && pay ? [{ readonly, pay }] : [];
  });
}

/** Everything the verbs of payments need. */
export function paymentPorts(database: Database, { readonly, pay }: PayingNode): PayPorts & ResolvePorts {
  return {
    ...outgoingPaymentTable(database),
    nodePubkey: async () => (await getInfo(readonly)).nodePubkey,
    async payer() {
      const { nodePubkey, network: name } = await getInfo(readonly);
      const network = invoiceNetworkOf(name);
      if (!network)
        throw new OracleError("LND_REFUSED", `LND is on ${name ?? "no"} network, whose invoices we do not know`);
      return { nodePubkey, network };
    },
    track: (paymentHash) => trackPayment(pay, paymentHash),
    pay: (order, options) => sendPayment(pay, order, options),
    now,
  };
}
