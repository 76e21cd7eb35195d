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
  /** The payment secret, hex, where it is known. */
  secret?: string;
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
  const forgetOldFailures = () => {
    while (failedHashes.length > MAX_FAILED) {
      const hash = failedHashes.shift()!;
      if (byHash.get(hash)?.status === "FAILED") byHash.delete(hash);
    }
  };

  return {
    find: (hash: string) => byHash.get(hash),

    /** A payment that failed may be tried again. @throws RpcRefusal ALREADY_EXISTS for any other */
    begin(start: Pick<PaymentRecord, "hash" | "valueMsat" | "paymentRequest" | "createdAt" | "secret">): PaymentRecord {
      const earlier = byHash.get(start.hash);
      if (earlier?.status === "SUCCEEDED") throw new RpcRefusal("invoice is already paid", RPC_STATUS.alreadyExists);
      if (earlier?.status === "IN_FLIGHT") throw new RpcRefusal("payment is in transition", RPC_STATUS.alreadyExists);
      const payment: PaymentRecord = { ...start, index: nextIndex++, status: "IN_FLIGHT", attempts: [] };
      // A further try is the newest payment, so the map stays in the order of the indexes.
      byHash.delete(payment.hash);
      byHash.set(payment.hash, payment);
      return payment;
    },

    startAttempt(payment: PaymentRecord, route: Route, now: number): Attempt {
      const attempt: Attempt = { id: nextAttemptId++, route, status: "IN_FLIGHT", startedAt: now, resolvedAt: 0 };
      payment.attempts.push(attempt);
      tell(payment);
      return attempt;
    },

    failAttempt(payment: PaymentRecord, attempt: Attempt, failure: Failure, now: number): void {
      Object.assign(attempt, { status: "FAILED", failure, resolvedAt: now });
      tell(payment);
    },

    fail(payment: PaymentRecord, reason: PaymentFailureReason): void {
      payment.status = "FAILED";
      payment.failureReason = reason;
      failedHashes.push(payment.hash);
      forgetOldFailures();
      tell(payment);
    },

    /** Takes in a payment that is durable. */
    succeed(payment: PaymentRecord, attempt: Attempt, preimage: string, now: number): void {
      Object.assign(attempt, { status: "SUCCEEDED", preimage, resolvedAt: now });
      payment.status = "SUCCEEDED";
      payment.preimage = preimage;
      tell(payment);
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
    /** Forgets how a payment failed on its way. @throws RpcRefusal as {@link remove} */
    removeFailedAttempts(hash: string): void {
      const payment = byHash.get(hash);
      if (!payment) throw new RpcRefusal("non bucket element in payments bucket");
      refuseInFlight(payment);
      payment.attempts = payment.attempts.filter((attempt) => attempt.status !== "FAILED");
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

function refuseInFlight({ hash, status }: PaymentRecord): void {
  if (status !== "IN_FLIGHT") return;
  const words = `payment '${hash}' has inflight HTLCsand therefore cannot be deleted: payment is in transition`;
  throw new RpcRefusal(words);
}
