/** What whoever asked says became of a payment, and whether an invoice with its preimage bears it out. */
import { sha256 } from "@noble/hashes/sha2.js";
import type { Invoice } from "../bolt11/invoice.ts";
import { bucketAmount } from "../bucket-amount.ts";
import { equalBytes, toHex } from "../bytes.ts";
import type { Evidence } from "../evidence/observation.ts";
import type { Msat, UnixSeconds } from "../units.ts";

/** A prediction as it was given to somebody who asked. `target` is 66 lower-case hex digits, `amount` is rounded. */
export type ToldPrediction = { readonly target: string; readonly amount: Msat; readonly at: UnixSeconds };

/** The invoice that was paid, and what paying it revealed. */
export type PaymentProof = { readonly invoice: Invoice; readonly preimage: Uint8Array };

/** An outcome as it is booked; with a proof, the payment that proves it and what that is evidence of. */
export type BookedReport = {
  readonly predictionId: string;
  readonly happened: boolean;
  readonly at: UnixSeconds;
  readonly proof?: { readonly paymentHash: Uint8Array; readonly evidence: Evidence };
};

/** How long after a prediction its outcome is one: later the balances it was about are others. */
export const REPORT_WINDOW_SEC = 86_400;

/** Why a proof does not bear out that the payment of a prediction arrived; undefined when it does. */
export function findProofFault({ invoice, preimage }: PaymentProof, told: ToldPrediction): string | undefined {
  if (!equalBytes(sha256(preimage), invoice.paymentHash)) return "the preimage is not this invoice's";
  if (toHex(invoice.payee) !== told.target) return "the invoice is another node's";
  if (invoice.amount === undefined) return "the invoice names no amount";
  if (bucketAmount(invoice.amount) !== told.amount) return "the invoice is about another amount";
  if (invoice.timestamp + invoice.expirySec < told.at) return "the invoice had expired before the prediction";
  return undefined;
}

/**
 * What a proven report is evidence of: the payee was online. It arrived after the prediction; by how much is not known, so
 * it counts as that old. `attempt` is 64 random hex digits, `vantage` the node that passes the word on.
 */
export function readReport(told: ToldPrediction, attempt: string, vantage: string): Evidence {
  return {
    observedAt: told.at,
    source: "report",
    attempt,
    vantage,
    observation: { kind: "reached", node: told.target, amount: told.amount, code: "SETTLED" },
  };
}
