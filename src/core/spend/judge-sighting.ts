/**
 * What the node's word means for a payment we have lost sight of.
 *
 * A call that was cut off may still be on its way to the node, whatever the node says of the payment meanwhile: in a buffer of
 * a connection that heals, or in a process that was stopped just before it asked. Two things end that: the node has
 * answered the call, or the invoice has expired, after which the node refuses it whenever it arrives.
 */
import type { Msat, UnixSeconds } from "../units.ts";
import type { OutgoingPayment, PaymentEnd } from "./payment.ts";

/** What a node says of a payment hash. `index` is its number for the payment. */
export type Sighting =
  | { status: "in-flight"; index: bigint; amount: Msat }
  | { status: "succeeded"; index: bigint; amount: Msat; preimage: Uint8Array; fee: Msat }
  | { status: "failed"; index: bigint; amount: Msat; reason: string };

/** `lost` is a payment the node has told us it began, and does not know any more: it must not be written off. */
export type SightingVerdict = { decided: true; end: PaymentEnd } | { decided: false; lost: boolean };

/** The node's clock and ours may differ by so much, and a call that arrived in time may still be read so much later. */
export const CLOCK_MARGIN_SEC = 600;

type Sent = Pick<OutgoingPayment, "amount" | "priorIndex" | "lndIndex" | "answered" | "invoiceEndsAt">;

/** `seen` is undefined when the node knows no payment with this hash. `now` is when it was asked. */
export function judgeSighting(payment: Sent, seen: Sighting | undefined, now: UnixSeconds): SightingVerdict {
  const { answered, invoiceEndsAt, lndIndex } = payment;
  const failed = (failure: string): SightingVerdict => ({ decided: true, end: { status: "failed", failure } });
  const waiting = { decided: false, lost: false } as const;
  // Whether our call may still begin a payment; it begins one at most.
  const mayArrive = !answered && lndIndex === undefined && now < invoiceEndsAt + CLOCK_MARGIN_SEC;

  const ours = seen && seen.index > (payment.priorIndex ?? 0n) ? seen : undefined;
  if (!ours) {
    if (lndIndex !== undefined) return { decided: false, lost: true };
    return mayArrive ? waiting : failed("never-sent");
  }
  if (ours.status === "in-flight") return waiting;
  // Somebody else may have tried the same invoice by hand, and ours may still begin.
  if (ours.status === "failed") return mayArrive ? waiting : failed(ours.reason);
  // A hash that is paid is not paid again. A later number than ours, or another amount, is somebody else's payment.
  if (ours.amount !== payment.amount || (lndIndex !== undefined && ours.index !== lndIndex))
    return failed("superseded");
  return { decided: true, end: { status: "succeeded", preimage: ours.preimage, fee: ours.fee } };
}
