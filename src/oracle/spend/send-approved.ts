/** Sending: what may be spent is held in a commit of its own, and only then the node is asked to pay. */
import { decodeInvoice } from "../../core/bolt11/decode.ts";
import { errorCode } from "../../core/errors.ts";
import { judgeSighting, type Sighting } from "../../core/spend/judge-sighting.ts";
import type { OutgoingPayment, OwnFailure, PaymentEnd, PaymentState } from "../../core/spend/payment.ts";
import { type PaymentLimits, SPEND_WINDOW_SEC } from "../../core/spend/policy.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";

export type SendPorts = PaymentRecord & {
  nodePubkey(): Promise<string>;
  /** What the node knows of a payment now. @throws LND_UNAVAILABLE */
  track(paymentHash: Uint8Array): Promise<Sighting | undefined>;
  /** @throws LND_UNAVAILABLE, LND_REFUSED only when nothing was sent */
  pay(
    order: { invoice: string; amount?: Msat; feeLimit: Msat; timeoutSec: number },
    options: { onBegun: (index: bigint) => Promise<void>; signal?: AbortSignal },
  ): Promise<Sighting | { status: "unknown"; answered: boolean; cause: unknown }>;
  now(): UnixSeconds;
};

/** Where a payment's steps are kept. `adapters/postgres/outgoing-payment.ts` does. */
type PaymentRecord = {
  find(paymentHash: Uint8Array): Promise<OutgoingPayment | undefined>;
  drop(paymentHash: Uint8Array, actor: string, failure: string): Promise<OutgoingPayment | undefined>;
  begin(
    paymentHash: Uint8Array,
    sending: {
      actor: string;
      priorIndex: bigint;
      answerSec: number;
      limits: { windowSec: number; total: Msat; perSubject: Msat };
    },
  ): Promise<Begun>;
  noteIndex(paymentHash: Uint8Array, lndIndex: bigint): Promise<void>;
  close(paymentHash: Uint8Array, end: PaymentEnd, actor: string): Promise<OutgoingPayment | undefined>;
  lose(paymentHash: Uint8Array, actor: string, answered: boolean): Promise<OutgoingPayment | undefined>;
};

type NoRoom = { reason: "over-day" | "over-subject"; left: Msat; freesAt?: UnixSeconds };
type Begun =
  | { begun: true }
  | ({ begun: false } & ({ reason: "absent" | "expired" } | { reason: "not-approved"; state: PaymentState } | NoRoom));

/**
 * `sent`: the payment has ended, or nobody knows; `problem` says what went wrong on the way. Otherwise nothing was sent, and the
 * payment waits where it was, unless it is `superseded`: the node pays or has paid this hash, and not for us.
 */
export type SendResult =
  | { sent: true; payment: OutgoingPayment; problem?: unknown }
  | { sent: false; reason: "absent" | "expired" | "off" | "over-limit" | "other-node" }
  | { sent: false; reason: "not-approved" | "superseded"; payment: OutgoingPayment }
  | ({ sent: false } & NoRoom);

/** How long LND looks for routes, and when nobody waits for its answer any more. */
const SEND_TIMEOUT_SEC = 60;
const ANSWER_SEC = SEND_TIMEOUT_SEC + 30;

/**
 * Sends an approved payment once. The policy, the approval's time and the budget are looked at again. When this throws, or its
 * process dies, what became of the payment is found out by {@link resolvePayments}.
 *
 * @throws LND_UNAVAILABLE, DATABASE_UNAVAILABLE
 */
export async function sendApproved(
  ports: SendPorts,
  request: {
    paymentHash: Uint8Array;
    actor: string;
    limits: PaymentLimits;
    windowSec?: number;
    signal?: AbortSignal;
  },
): Promise<SendResult> {
  const { paymentHash, actor, limits, windowSec = SPEND_WINDOW_SEC } = request;
  const payment = await ports.find(paymentHash);
  if (!payment) return { sent: false, reason: "absent" };
  if (payment.state !== "approved") return { sent: false, reason: "not-approved", payment };
  if (limits.mode === "off") return { sent: false, reason: "off" };
  if (payment.amount > limits.perPaymentMsat || payment.feeLimit > limits.maxFeeMsat)
    return { sent: false, reason: "over-limit" };
  if ((await ports.nodePubkey()) !== payment.nodePubkey) return { sent: false, reason: "other-node" };

  const earlier = await ports.track(paymentHash);
  if (earlier && earlier.status !== "failed") {
    const dropped = await ports.drop(paymentHash, actor, "superseded");
    return { sent: false, reason: "superseded", payment: dropped ?? payment };
  }
  const priorIndex = earlier?.index ?? 0n;
  const spend = { windowSec, total: limits.per24hMsat, perSubject: limits.perSubject24hMsat };
  const begun = await ports.begin(paymentHash, { actor, priorIndex, answerSec: ANSWER_SEC, limits: spend });
  if (begun.begun) return pay(ports, { ...payment, priorIndex }, request);
  if (begun.reason !== "not-approved") return { sent: false, ...begun };
  return { sent: false, reason: begun.reason, payment: (await ports.find(paymentHash)) ?? payment };
}

/** What the node's port throws before it has sent anything. Whatever else it may throw says nothing of the payment. */
const NOTHING_SENT: Readonly<Record<string, OwnFailure>> = { LND_REFUSED: "refused", LND_UNAVAILABLE: "never-sent" };

/** From here on the money may have left, whatever happens to us. */
async function pay(
  ports: SendPorts,
  payment: OutgoingPayment,
  { actor, signal }: { actor: string; signal?: AbortSignal },
): Promise<SendResult> {
  const { paymentHash, invoice, amount, feeLimit } = payment;
  const isOpen = decodeInvoice(invoice).amount === undefined;
  const order = { invoice, ...(isOpen && { amount }), feeLimit, timeoutSec: SEND_TIMEOUT_SEC };
  const onBegun = (index: bigint) => ports.noteIndex(paymentHash, index);
  const asItIs = async () => (await ports.find(paymentHash)) ?? payment;

  let result: Awaited<ReturnType<SendPorts["pay"]>>;
  try {
    result = await ports.pay(order, { onBegun, ...(signal && { signal }) });
  } catch (problem) {
    const failure = NOTHING_SENT[errorCode(problem) ?? ""];
    const ended = failure
      ? await ports.close(paymentHash, { status: "failed", failure }, actor)
      : await ports.lose(paymentHash, actor, false);
    return { sent: true, payment: ended ?? (await asItIs()), problem };
  }
  if (result.status === "unknown") {
    const lost = await ports.lose(paymentHash, actor, result.answered);
    return { sent: true, payment: lost ?? (await asItIs()), problem: result.cause };
  }
  // The node has answered, so this is the end; but it may be the end of another payment of this hash.
  const verdict = judgeSighting({ ...payment, answered: true }, result, ports.now());
  const closed = verdict.decided
    ? await ports.close(paymentHash, verdict.end, actor)
    : await ports.lose(paymentHash, actor, true);
  return { sent: true, payment: closed ?? (await asItIs()) };
}
