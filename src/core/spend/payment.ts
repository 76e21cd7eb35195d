/** A payment of ours: what was planned, how far it has come, and what became of it. */
import type { Msat, UnixSeconds } from "../units.ts";

/**
 * `awaiting-approval` → `approved` → `sending` → `succeeded`, `failed` or `unknown`, which becomes one of the other two.
 * From `sending` on the node may have been asked to pay.
 */
export const PAYMENT_STATES = ["awaiting-approval", "approved", "sending", "unknown", "succeeded", "failed"] as const;
export type PaymentState = (typeof PAYMENT_STATES)[number];

/** Whether nothing more can become of a payment in this state. */
export function isEnded(state: PaymentState): boolean {
  return state === "succeeded" || state === "failed";
}

/**
 * Why a payment failed, in our words; LND's own reasons (`no-route`, `timeout`, …) stand beside these.
 *
 *   rejected            a person said no
 *   approval-expired    nobody said yes in time, or it was not sent in time afterwards
 *   invoice-expired     the invoice ended before it was sent
 *   refused             LND would not begin it
 *   never-sent          LND was never asked, or never heard it, and can not begin it any more
 *   superseded          LND has another payment of this hash, which we did not make
 */
export type OwnFailure = "rejected" | "approval-expired" | "invoice-expired" | "refused" | "never-sent" | "superseded";

/** One payment. The parts that are absent are not known yet. */
export type OutgoingPayment = {
  paymentHash: Uint8Array;
  state: PaymentState;
  /** The node that pays, lower-case hex. No other node is asked about it. */
  nodePubkey: string;
  invoice: string;
  /** Lower-case hex. */
  payee: string;
  /** Which part of the program wanted it, such as `operator`. */
  purpose: string;
  /** What it is about: an endpoint, a node. Budgets are kept per subject. */
  subject: string;
  amount: Msat;
  feeLimit: Msat;
  /** The node refuses the invoice from this second on. */
  invoiceEndsAt: UnixSeconds;
  plannedAt: UnixSeconds;
  /** Until when it may be approved, or sent once it is. Exclusive. */
  validUntil: UnixSeconds;
  /** Who brought it into its state. */
  actor: string;
  sentAt?: UnixSeconds;
  answerBy?: UnixSeconds;
  /** The node's number for an earlier payment of this hash, 0 when there was none, and for this one. */
  priorIndex?: bigint;
  lndIndex?: bigint;
  /** Whether the node has answered the call that was to send it. It can then begin nothing any more. */
  answered: boolean;
  closedAt?: UnixSeconds;
  preimage?: Uint8Array;
  fee?: Msat;
  failure?: string;
};

/** What a payment brings to the plan: everything that is decided before anybody is asked. */
export type PaymentPlan = Pick<
  OutgoingPayment,
  "paymentHash" | "nodePubkey" | "invoice" | "payee" | "purpose" | "subject" | "amount" | "feeLimit" | "invoiceEndsAt"
> & { state: "awaiting-approval" | "approved"; actor: string };

/** How a payment ended. */
export type PaymentEnd =
  | { status: "succeeded"; preimage: Uint8Array; fee: Msat }
  | { status: "failed"; failure: string };
