/**
 * Whether a deposit was paid, and its preimage when it was, for wallets that do not tell their owner.
 *
 * The macaroon is what entitles to the answer: every node that forwarded the payment knows the preimage, and none of them has
 * seen the macaroon. It must be a deposit's. The invoice of a priced call may have been handed to several callers who look
 * the same from here, behind one address; each has a macaroon for it, only one has paid, and the first to present
 * the preimage gets the money. A deposit's invoice is made for one account.
 */
import { INVOICE_MEMO } from "../invoice-memo.ts";

/** The operation in the memo of a deposit's invoice. */
export const DEPOSIT = "deposit";

/** What LND tells of an invoice: its preimage when it is settled, and not before. */
export type PaymentProof = { memo: string } & (
  | { state: "open" | "canceled" | "accepted" }
  | { state: "settled"; preimage: Uint8Array }
);

/** What the question needs from outside. */
export type PaymentPorts = {
  /** The payment a macaroon of ours is about; undefined for any other macaroon. */
  readMinted(macaroon: Uint8Array): { paymentHash: Uint8Array } | undefined;
  /** Undefined when LND does not know the invoice. @throws LND_UNAVAILABLE */
  lookupProof(paymentHash: Uint8Array): Promise<PaymentProof | undefined>;
};

/** The state of a deposit. The preimage is a secret of the macaroon's holder: it is never logged. */
export type PaymentState = { state: "open" | "canceled" } | { state: "settled"; preimage: Uint8Array };

/** Undefined for a macaroon that is not ours, and for one that no deposit was made for. @throws MACAROON_MALFORMED, LND_UNAVAILABLE */
export async function readPayment(ports: PaymentPorts, macaroon: Uint8Array): Promise<PaymentState | undefined> {
  const minted = ports.readMinted(macaroon);
  const proof = minted && (await ports.lookupProof(minted.paymentHash));
  if (proof?.memo !== `${INVOICE_MEMO}${DEPOSIT}`) return undefined;
  if (proof.state === "settled") return { state: "settled", preimage: proof.preimage };
  // Money that is locked and not yet taken may still go back.
  return { state: proof.state === "canceled" ? "canceled" : "open" };
}
