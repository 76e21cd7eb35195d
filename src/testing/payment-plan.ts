/** Payments for tests: a plan over an invoice that nobody can pay, and the preimage that proves it all the same. */
import { createHash, randomBytes } from "node:crypto";
import type { PaymentPlan } from "../core/spend/payment.ts";
import { msat, unixSeconds } from "../core/units.ts";

export const NODE = `02${"ab".repeat(32)}`;

export function paymentPlan(change: Partial<PaymentPlan> = {}): PaymentPlan & { preimage: Uint8Array } {
  const preimage = new Uint8Array(randomBytes(32));
  return {
    paymentHash: new Uint8Array(createHash("sha256").update(preimage).digest()),
    state: "approved",
    nodePubkey: NODE,
    invoice: "lnbcrt1",
    payee: `03${"cd".repeat(32)}`,
    purpose: "test",
    subject: "somebody",
    amount: msat(1_000n),
    feeLimit: msat(100n),
    invoiceEndsAt: unixSeconds(4_000_000_000),
    actor: "test",
    ...change,
    preimage,
  };
}
