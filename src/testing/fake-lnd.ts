/** What access asks of LND, in memory: signed invoices with real preimages, paid when a test says so, dead on demand. */
import { createHash, randomBytes } from "node:crypto";
import { decodeInvoice } from "../core/bolt11/decode.ts";
import { encodeInvoice } from "../core/bolt11/encode.ts";
import { toHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";
import { type Msat, msat, unixSeconds } from "../core/units.ts";

type FakeInvoice = { preimage: Uint8Array; amount: Msat; memo: string; paid?: Msat; canceled?: true };
type Asked = { amount: Msat; memo?: string; expirySec?: number };

export function fakeLnd() {
  const invoices = new Map<string, FakeInvoice>();
  const state = { dead: false, settles: true, lookups: 0 };
  const nodeKey = new Uint8Array(randomBytes(32));
  const alive = () => {
    if (state.dead) throw new OracleError("LND_UNAVAILABLE", "LND does not answer");
  };
  return {
    state,
    /** Invoices that were not canceled. */
    count: () => [...invoices.values()].filter(({ canceled }) => !canceled).length,
    async addInvoice({ amount, memo = "SatRank test", expirySec = 600 }: Asked) {
      alive();
      const preimage = randomBytes(32);
      const paymentHash = new Uint8Array(createHash("sha256").update(preimage).digest());
      invoices.set(toHex(paymentHash), { preimage, amount, memo });
      const draft = {
        network: "bcrt" as const,
        amount,
        timestamp: unixSeconds(Math.floor(Date.now() / 1000)),
        expirySec,
        paymentHash,
        paymentSecret: new Uint8Array(randomBytes(32)),
        description: memo,
        minFinalCltvExpiry: 80,
        routeHints: [],
        features: [8, 14],
      };
      return { paymentHash, invoice: encodeInvoice(draft, nodeKey) };
    },
    async cancelInvoice(paymentHash: Uint8Array) {
      alive();
      const invoice = invoices.get(toHex(paymentHash));
      if (invoice?.paid === undefined && invoice) invoice.canceled = true;
    },
    async lookupInvoice(paymentHash: Uint8Array) {
      alive();
      state.lookups += 1;
      const invoice = invoices.get(toHex(paymentHash));
      if (!invoice) return undefined;
      if (invoice.canceled) return { state: "canceled" as const };
      if (invoice.paid === undefined || !state.settles) return { state: "open" as const };
      return { state: "settled" as const, amountPaid: invoice.paid, settledAt: unixSeconds(1_790_000_000) };
    },
    /** What the real lookup tells of an invoice's proof. */
    async lookupProof(paymentHash: Uint8Array) {
      alive();
      state.lookups += 1;
      const invoice = invoices.get(toHex(paymentHash));
      if (!invoice) return undefined;
      const { memo, preimage } = invoice;
      if (invoice.canceled) return { state: "canceled" as const, memo };
      if (invoice.paid === undefined || !state.settles) return { state: "open" as const, memo };
      return { state: "settled" as const, memo, preimage: new Uint8Array(preimage) };
    },
    /** Pays an invoice as a wallet would, and returns the preimage in hex. */
    pay(invoice: string, amount?: bigint): string {
      const found = invoices.get(toHex(decodeInvoice(invoice).paymentHash));
      if (!found || found.canceled) throw new Error("no such invoice");
      found.paid = msat(amount ?? found.amount);
      return toHex(found.preimage);
    },
  };
}
