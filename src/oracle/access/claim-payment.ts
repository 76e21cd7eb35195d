/** A paid invoice becomes balance: once, on the account that its macaroon names. */
import { OracleError } from "../../core/errors.ts";
import type { Deposit } from "../../core/l402/account.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";

/** What LND knows of one of our invoices. */
export type InvoiceState =
  | { state: "open" | "accepted" | "canceled" }
  | ({ state: "settled"; amountPaid: Msat } & Told);

/** When an invoice was settled, and at which node, when that is known. */
type Told = { settledAt: UnixSeconds; nodePubkey?: string };

export type ClaimPorts = {
  /** Whether this invoice was credited already. */
  isCredited(paymentHash: Uint8Array): Promise<boolean>;
  /** What was received for this invoice, if the stream of settled invoices has brought it. */
  findReceipt(paymentHash: Uint8Array): Promise<{ amount: Msat; settledAt: UnixSeconds } | undefined>;
  /** Undefined when LND does not know the invoice. @throws LND_UNAVAILABLE */
  lookupInvoice(paymentHash: Uint8Array): Promise<InvoiceState | undefined>;
  /** Credits a settled invoice. Idempotent by payment hash. */
  credit(deposit: Deposit): Promise<boolean>;
};

/**
 * Books what was paid for a token whose preimage holds. LND is asked only when its stream has not told us yet.
 *
 * @returns whether the payment is credited, now or before: then the balance deserves another look
 * @throws PAYMENT_PENDING when LND has not settled the invoice yet, LND_UNAVAILABLE when it cannot be asked
 */
export async function claimPayment(
  ports: ClaimPorts,
  token: { tokenId: Uint8Array; paymentHash: Uint8Array },
  now: UnixSeconds,
): Promise<boolean> {
  const { tokenId, paymentHash } = token;
  if (await ports.isCredited(paymentHash)) return true;
  const receipt = (await ports.findReceipt(paymentHash)) ?? (await askNode(ports, paymentHash));
  if (receipt.amount === 0n) return false;
  await ports.credit({ tokenId, paymentHash, ...receipt, at: now });
  return true;
}

async function askNode(ports: ClaimPorts, paymentHash: Uint8Array): Promise<{ amount: Msat } & Told> {
  const invoice = await ports.lookupInvoice(paymentHash);
  if (invoice?.state === "settled") {
    const { state: _, amountPaid: amount, ...told } = invoice;
    return { amount, ...told };
  }
  // The preimage is right, so the payment is on its way: a 402 here would make the caller pay twice.
  throw new OracleError("PAYMENT_PENDING", "the payment is not settled yet; send the same request again in a moment");
}
