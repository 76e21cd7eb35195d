/** The payments one node has made or is making, and who follows them. */
import type { Failure } from "../network/failure.ts";
import type { Route } from "../network/route.ts";
import { RPC_STATUS, RpcRefusal } from "./refusal.ts";

/** LND's lnrpc.PaymentFailureReason. */
export type PaymentFailureReason =
  | "FAILURE_REASON_TIMEOUT"
  | "FAILURE_REASON_NO_ROUTE"
  | "FAILURE_REASON_ERROR"
  | "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS"
  | "FAILURE_REASON_INSUFFICIENT_BALANCE";

export type Attempt = {
  id: number;
  route: Route;
  /** What it told the payee: the payment secret (hex; absent: no MPP record), and the whole payment's amount. */
  payload: { secret: string | undefined; totalMsat: number };
  status: "IN_FLIGHT" | "SUCCEEDED" | "FAILED";
  startedAt: number;
  resolvedAt: number;
  preimage?: string;
  failure?: Failure;
};

export type PaymentRecord = {
  index: number;
  hash: string;
  valueMsat: number;
  paymentRequest: string;
  createdAt: number;
  status: "IN_FLIGHT" | "SUCCEEDED" | "FAILED";
  preimage?: string;
  failureReason?: PaymentFailureReason;
  attempts: Attempt[];
};

export type PaymentBook = ReturnType<typeof createPaymentBook>;

/** Failed payments are kept only up to this many: probes would fill the memory. */
const MAX_FAILED = 1_000;

export function createPaymentBook() {
  const byHash = new Map<string, PaymentRecord>();
  const failedHashes: string[] = [];
  const listeners = new Map<string, Set<(payment: PaymentRecord) => void>>();
  let nextIndex = 1;
  let nextAttemptId = 1;
  const tell = (payment: PaymentRecord) => {
    for (const listener of [...(listeners.get(payment.hash) ?? [])]) listener(payment);
  };
  /** LND's table: while anything is in flight so is the payment, then one part that settled makes it a success. */
  const judge = (payment: PaymentRecord) => {
    const { attempts, failureReason } = payment;
    const isAny = (status: Attempt["status"]) => attempts.some((attempt) => attempt.status === status);
    if (isAny("IN_FLIGHT")) payment.status = "IN_FLIGHT";
    else if (isAny("SUCCEEDED")) payment.status = "SUCCEEDED";
    else if (failureReason) payment.status = "FAILED";
    if (payment.status === "FAILED") {
      failedHashes.push(payment.hash);
      forgetOldFailures();
    }
    tell(payment);
  };
  const forgetOldFailures = () => {
    while (failedHashes.length > MAX_FAILED) {
      const hash = failedHashes.shift()!;
      if (byHash.get(hash)?.status === "FAILED") byHash.delete(hash);
    }
  };

  /** A payment that failed may be tried again. @throws RpcRefusal ALREADY_EXISTS for any other */
  const begin = (start: Pick<PaymentRecord, "hash" | "valueMsat" | "paymentRequest" | "createdAt">): PaymentRecord => {
    const earlier = byHash.get(start.hash);
    if (earlier?.status === "SUCCEEDED") throw new RpcRefusal("invoice is already paid", RPC_STATUS.alreadyExists);
    if (earlier?.status === "IN_FLIGHT") throw new RpcRefusal("payment is in transition", RPC_STATUS.alreadyExists);
    const payment: PaymentRecord = { ...start, index: nextIndex++, status: "IN_FLIGHT", attempts: [] };
    // A further try is the newest payment, so the map stays in the order of the indexes.
    byHash.delete(payment.hash);
    byHash.set(payment.hash, payment);
    return payment;
  };

  return {
    find: (hash: string) => byHash.get(hash),

    begin,

    /**
     * A part sent along a route of the caller's own: it joins the payment that is under way, or begins one. Parts are
     * told by their secret, and none may go beyond what the payment says it is. @throws RpcRefusal
     */
    beginPart(
      start: Pick<PaymentRecord, "hash" | "valueMsat" | "paymentRequest" | "createdAt">,
      part: { amountMsat: number; secret: string | undefined },
    ): PaymentRecord {
      const earlier = byHash.get(start.hash);
      const joins = part.secret !== undefined && earlier?.status === "IN_FLIGHT";
      if (!joins) return begin(start);
      refusePart(earlier, start.valueMsat, part);
      return earlier;
    },

    startAttempt(payment: PaymentRecord, route: Route, payload: Attempt["payload"], now: number): Attempt {
      const attempt: Attempt = {
        id: nextAttemptId++,
        route,
        payload,
        status: "IN_FLIGHT",
        startedAt: now,
        resolvedAt: 0,
      };
      payment.attempts.push(attempt);
      tell(payment);
      return attempt;
    },

    failAttempt(payment: PaymentRecord, attempt: Attempt, failure: Failure, now: number): void {
      Object.assign(attempt, { status: "FAILED", failure, resolvedAt: now });
      judge(payment);
    },

    /** No further attempt will be made. The first reason stays; parts under way are waited for. */
    fail(payment: PaymentRecord, reason: PaymentFailureReason): void {
      payment.failureReason ??= reason;
      judge(payment);
    },

    /** Takes in an attempt that is durable. */
    settleAttempt(payment: PaymentRecord, attempt: Attempt, preimage: string, now: number): void {
      Object.assign(attempt, { status: "SUCCEEDED", preimage, resolvedAt: now });
      payment.preimage = preimage;
      judge(payment);
    },

    /** In the order they were begun. */
    all: (): IterableIterator<PaymentRecord> => byHash.values(),

    /** @throws RpcRefusal UNKNOWN for one that is not there, or under way */
    remove(hash: string): void {
      const payment = byHash.get(hash);
      if (!payment) throw new RpcRefusal("non bucket element in payments bucket");
      refuseInFlight(payment);
      byHash.delete(hash);
    },
    dropFailedAttempts,
    /** Forgets how a payment failed on its way. @throws RpcRefusal as {@link remove} */
    removeFailedAttempts(hash: string): void {
      const payment = byHash.get(hash);
      if (!payment) throw new RpcRefusal("non bucket element in payments bucket");
      refuseInFlight(payment);
      dropFailedAttempts(payment);
    },

    /** Calls back at every change of one payment, until the returned function is called. */
    follow(hash: string, listener: (payment: PaymentRecord) => void): () => void {
      const followers = listeners.get(hash) ?? new Set();
      listeners.set(hash, followers.add(listener));
      return () => {
        followers.delete(listener);
        if (followers.size === 0) listeners.delete(hash);
      };
    },
  };
}

function dropFailedAttempts(payment: PaymentRecord): void {
  payment.attempts = payment.attempts.filter((attempt) => attempt.status !== "FAILED");
}

function refuseInFlight({ hash, status }: PaymentRecord): void {
  if (status !== "IN_FLIGHT") return;
  const words = `payment '${hash}' has inflight HTLCsand therefore cannot be deleted: payment is in transition`;
  throw new RpcRefusal(words);
}

/** The checks of LND's RegisterAttempt that a part which joins can fail. */
function refusePart(
  { attempts, failureReason, valueMsat }: PaymentRecord,
  totalMsat: number,
  part: { amountMsat: number; secret: string | undefined },
): void {
  const refuse = (words: string) => {
    throw new RpcRefusal(words);
  };
  if (attempts.some((attempt) => attempt.status === "SUCCEEDED")) refuse("payment has settled htlcs");
  if (failureReason) refuse("payment has failure reason");
  const flying = attempts.filter((attempt) => attempt.status === "IN_FLIGHT");
  if (flying.some(({ payload }) => payload.secret === undefined)) refuse("payment has non-MPP attempts");
  if (flying.some(({ payload }) => payload.secret !== part.secret)) refuse("payment address mismatch");
  if (flying.some(({ payload }) => payload.totalMsat !== totalMsat)) refuse("mp payment total amount mismatch");
  const sent = flying.reduce((sum, { route }) => sum + route.hops.at(-1)!.forwardMsat, 0);
  if (sent + part.amountMsat > valueMsat) {
    refuse(`attempted value exceeds payment amount: attempted=${sent + part.amountMsat}, payment amount=${valueMsat}`);
  }
}
