/** A person's yes or no to a payment that waits for it. */
import type { OutgoingPayment } from "../../core/spend/payment.ts";

export type DecidePorts = {
  find(paymentHash: Uint8Array): Promise<OutgoingPayment | undefined>;
  /** Undefined when it does not wait for an approval, or no longer. */
  approve(paymentHash: Uint8Array, actor: string): Promise<OutgoingPayment | undefined>;
  /** Undefined when it was sent, or has ended. */
  drop(paymentHash: Uint8Array, actor: string, failure: string): Promise<OutgoingPayment | undefined>;
};

/** `decided` is false when the payment is, or by now was, beyond this decision; `payment` is how it stands. */
export type Decision = { decided: boolean; payment: OutgoingPayment } | { decided: false; payment: undefined };

/** Says yes: it may be sent within ten minutes. One that is approved stays so, with the time it has. */
export async function approvePayment(
  ports: DecidePorts,
  request: { paymentHash: Uint8Array; actor: string },
): Promise<Decision> {
  const approved = await ports.approve(request.paymentHash, request.actor);
  if (approved) return { decided: true, payment: approved };
  const payment = await ports.find(request.paymentHash);
  return payment ? { decided: payment.state === "approved", payment } : { decided: false, payment };
}

/** Says no, for good, to what was not sent yet. */
export async function rejectPayment(
  ports: DecidePorts,
  request: { paymentHash: Uint8Array; actor: string },
): Promise<Decision> {
  const rejected = await ports.drop(request.paymentHash, request.actor, "rejected");
  if (rejected) return { decided: true, payment: rejected };
  const payment = await ports.find(request.paymentHash);
  return payment ? { decided: payment.failure === "rejected", payment } : { decided: false, payment };
}
