/** Whether an invoice may be paid under a policy, before anything is written down. */
import type { Invoice, InvoiceNetwork } from "../bolt11/invoice.ts";
import { toHex } from "../bytes.ts";
import { type Msat, msat, type UnixSeconds } from "../units.ts";
import type { PaymentLimits } from "./policy.ts";

/** What somebody wants paid. `amount` is for invoices that leave it open. */
export type PayRequest = { invoice: Invoice; amount?: Msat | undefined; feeLimit?: Msat | undefined; now: UnixSeconds };

/** The node that would pay. */
export type Payer = { nodePubkey: string; network: InvoiceNetwork };

/** Why an invoice is not paid. */
export type PayRefusal =
  | "off"
  | "network"
  | "expired"
  | "own-invoice"
  | "amp"
  | "amount-missing"
  | "amount-differs"
  | "amount-over-limit"
  | "fee-over-limit"
  | "budget-too-small";

export type PayVerdict =
  | { ok: true; amount: Msat; feeLimit: Msat; needsApproval: boolean }
  | { ok: false; reason: PayRefusal };

/** LND's names of networks, and the invoices each of them pays. */
const NETWORKS: Readonly<Record<string, InvoiceNetwork>> = {
  mainnet: "bc",
  testnet: "tb",
  testnet4: "tb",
  signet: "tbs",
  regtest: "bcrt",
  simnet: "sb",
};

/** AMP (BOLT 9, bits 30 and 31): its payments have hashes of their own, so paying twice cannot be ruled out by the invoice's. */
const AMP_BITS = new Set([30, 31]);

/** The invoices a node pays, by the name LND has for its network; undefined for a name we do not know. */
export function invoiceNetworkOf(lndNetwork: string | undefined): InvoiceNetwork | undefined {
  return lndNetwork !== undefined && Object.hasOwn(NETWORKS, lndNetwork) ? NETWORKS[lndNetwork] : undefined;
}

/**
 * The first thing that speaks against a payment, or what it is. A fee limit that nobody names is the policy's, cut to half of a
 * small amount but to no less than a satoshi. An invoice is dead in the second its expiry names.
 */
export function judgeRequest(request: PayRequest, payer: Payer, limits: PaymentLimits): PayVerdict {
  const { invoice, now } = request;
  const no = (reason: PayRefusal): PayVerdict => ({ ok: false, reason });
  if (limits.mode === "off") return no("off");
  if (invoice.network !== payer.network) return no("network");
  if (now >= invoice.timestamp + invoice.expirySec) return no("expired");
  if (toHex(invoice.payee) === payer.nodePubkey) return no("own-invoice");
  if (invoice.features.some((bit) => AMP_BITS.has(bit))) return no("amp");

  const amount = request.amount ?? invoice.amount;
  if (amount === undefined || amount === 0n) return no("amount-missing");
  if (invoice.amount !== undefined && amount !== invoice.amount) return no("amount-differs");
  if (amount > limits.perPaymentMsat) return no("amount-over-limit");
  const feeLimit = request.feeLimit ?? usualFeeLimit(amount, limits.maxFeeMsat);
  if (feeLimit > limits.maxFeeMsat) return no("fee-over-limit");
  const most = amount + feeLimit;
  if (most > limits.per24hMsat || most > limits.perSubject24hMsat) return no("budget-too-small");
  return { ok: true, amount, feeLimit, needsApproval: limits.mode === "ask" || amount > limits.approveAboveMsat };
}

const LEAST_FEE_LIMIT = 1_000n;

function usualFeeLimit(amount: Msat, maximum: Msat): Msat {
  const half = amount / 2n;
  const wanted = half > LEAST_FEE_LIMIT ? half : LEAST_FEE_LIMIT;
  return msat(wanted < maximum ? wanted : maximum);
}
