/** The driver's node and wallets: it knows to the msat what was paid to us, and by whom it was shown. */
import { createHash } from "node:crypto";
import { fromHex, toHex } from "../../core/bytes.ts";
import { fakeLnd } from "../fake-lnd.ts";

/** `amount` is what arrived; `shown` says that a credential with it was answered. */
type Payment = { paymentHash: Uint8Array; amount: bigint; authorization: string; shown: boolean };

export function openWallet() {
  const lnd = fakeLnd();
  const payments = new Map<string, Payment>();
  /** Preimages by invoice: a second payment of an invoice is not possible. */
  const paidInvoices = new Map<string, string>();
  return {
    node: lnd,
    payments,
    /** Pays an offer, at most once, and returns the credential. Whoever shares an invoice shares its preimage. */
    pay(
      { macaroon, invoice }: { macaroon: string; invoice: string },
      amount: bigint,
    ): { authorization: string; hash: string } {
      const known = paidInvoices.get(invoice);
      const preimage = known ?? lnd.pay(invoice, amount);
      paidInvoices.set(invoice, preimage);
      const paymentHash = new Uint8Array(createHash("sha256").update(fromHex(preimage)!).digest());
      const hash = toHex(paymentHash);
      const authorization = `L402 ${macaroon}:${preimage}`;
      if (!known) payments.set(hash, { paymentHash, amount, authorization, shown: false });
      return { authorization, hash };
    },
    /** A credential with this payment got an answer. */
    show(hash: string): void {
      const payment = payments.get(hash);
      if (payment) payment.shown = true;
    },
  };
}

export type Wallet = ReturnType<typeof openWallet>;
