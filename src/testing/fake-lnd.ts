/** The three things access asks of LND, in memory: invoices with real preimages, paid when a test says so, dead on demand. */
import { createHash, randomBytes } from "node:crypto";
import { toHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";
import { type Msat, msat, unixSeconds } from "../core/units.ts";

type FakeInvoice = { preimage: Uint8Array; amount: Msat; paid?: Msat };

export function fakeLnd() {
  const invoices = new Map<string, FakeInvoice>();
  const state = { dead: false, settles: true, lookups: 0 };
  const alive = () => {
    if (state.dead) throw new OracleError("LND_UNAVAILABLE", "LND does not answer");
  };
  return {
    state,
    count: () => invoices.size,
    async addInvoice({ amount }: { amount: Msat }) {
      alive();
      const preimage = randomBytes(32);
      const paymentHash = createHash("sha256").update(preimage).digest();
      invoices.set(toHex(paymentHash), { preimage, amount });
      return { paymentHash: new Uint8Array(paymentHash), invoice: `lnbcrt1${toHex(paymentHash)}` };
    },
    async lookupInvoice(paymentHash: Uint8Array) {
      alive();
      state.lookups += 1;
      const invoice = invoices.get(toHex(paymentHash));
      if (!invoice) return undefined;
      if (invoice.paid === undefined || !state.settles) return { state: "open" as const };
      return { state: "settled" as const, amountPaid: invoice.paid, settledAt: unixSeconds(1_790_000_000) };
    },
    /** Pays an invoice as a wallet would, and returns the preimage in hex. */
    pay(invoice: string, amount?: bigint): string {
      const found = invoices.get(invoice.slice("lnbcrt1".length));
      if (!found) throw new Error("no such invoice");
      found.paid = msat(amount ?? found.amount);
      return toHex(found.preimage);
    },
  };
}
