/** The HTLCs of an invoice: what its node takes, and what becomes of each (LND, invoices/update.go). */
import type { FailureCode } from "../network/failure.ts";
import type { Route } from "../network/route.ts";
import type { Leg } from "../network/walk-route.ts";
import type { PaymentRecord } from "./payment-book.ts";

/** What was sent, and by whom: what the journal says of it when it settles. */
type SentPart = { payer: string; payment: PaymentRecord; route: Route; legs: Leg[] };

/** How an HTLC leaves the payee. */
export type Resolution = { preimage: string } | { code: FailureCode };

/** An HTLC that has arrived, as the payee sees it. */
export type ArrivedHtlc = {
  channelId: bigint;
  amountMsat: number;
  /** The whole payment this HTLC says it belongs to. */
  totalMsat: number;
  secret: string | undefined;
  expiry: number;
  height: number;
  part: SentPart;
  /** Told once. */
  resolve: (resolution: Resolution) => void;
};

export type InvoiceHtlc = ArrivedHtlc & {
  state: "ACCEPTED" | "SETTLED" | "CANCELED";
  acceptedAt: number;
  resolvedAt: number;
};

/** LND's checks of a part: the secret, the total (the same in all parts, and enough), the blocks left. */
export function refusalOf(
  invoice: { secret: string; valueMsat: number; cltvExpiry: number; htlcs: readonly InvoiceHtlc[] },
  { secret, totalMsat, expiry, height }: Omit<ArrivedHtlc, "part" | "resolve">,
): FailureCode | undefined {
  const isMeant = secret === invoice.secret && totalMsat > 0 && totalMsat >= invoice.valueMsat;
  const agrees = accepted(invoice.htlcs).every((other) => other.totalMsat === totalMsat);
  const isInTime = expiry >= height + invoice.cltvExpiry;
  return isMeant && agrees && isInTime ? undefined : "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS";
}

/** Those whose money is at the payee and nobody's yet. */
export function accepted(htlcs: readonly InvoiceHtlc[]): InvoiceHtlc[] {
  return htlcs.filter(({ state }) => state === "ACCEPTED");
}

export function sumOf(htlcs: readonly InvoiceHtlc[]): number {
  return htlcs.reduce((sum, { amountMsat }) => sum + amountMsat, 0);
}

export function resolveHtlc(htlc: InvoiceHtlc, resolution: Resolution, now: number): void {
  htlc.state = "preimage" in resolution ? "SETTLED" : "CANCELED";
  htlc.resolvedAt = now;
  htlc.resolve(resolution);
}
