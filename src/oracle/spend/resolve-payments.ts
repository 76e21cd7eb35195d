/** Payments of which nobody knows the end: each is asked about at the node it was started on, until that node has said it. */
import { toHex } from "../../core/bytes.ts";
import { errorCode } from "../../core/errors.ts";
import { judgeSighting, type Sighting } from "../../core/spend/judge-sighting.ts";
import type { OutgoingPayment, PaymentEnd } from "../../core/spend/payment.ts";
import type { UnixSeconds } from "../../core/units.ts";

export type ResolvePorts = {
  nodePubkey(): Promise<string>;
  /** @throws LND_UNAVAILABLE, LND_REFUSED */
  track(paymentHash: Uint8Array): Promise<Sighting | undefined>;
  /** Ends what was not approved or not sent in time. @returns how many */
  expire(actor: string): Promise<number>;
  /** Takes for lost what was sent by somebody who should have heard by now. @returns how many */
  loseSilent(actor: string): Promise<number>;
  /** In the order of their hashes, above `after`. */
  open(nodePubkey: string, page: { after: Uint8Array; limit: number }): Promise<OutgoingPayment[]>;
  close(paymentHash: Uint8Array, end: PaymentEnd, actor: string): Promise<OutgoingPayment | undefined>;
  now(): UnixSeconds;
};

export type Resolution = {
  expired: number;
  /** Newly taken for lost. */
  lost: number;
  /** Asked about, and what came of it. */
  asked: number;
  succeeded: number;
  failed: number;
  waiting: number;
  /** Hashes, in hex, of payments that the node had begun and does not know any more. */
  missing: string[];
  /** What the node said of a payment that cannot be understood. */
  problems: unknown[];
};

const PAGE = 100;
const MAX_LISTED = 20;

/**
 * Asks once about each. Safe beside senders, and in several processes at once: the first word of the node counts, and it says
 * the same to all. Of a payment on another node nothing is asked here. @throws LND_UNAVAILABLE, DATABASE_UNAVAILABLE
 */
export async function resolvePayments(
  ports: ResolvePorts,
  request: { actor: string; signal: AbortSignal },
): Promise<Resolution> {
  const { actor, signal } = request;
  const counts = { asked: 0, succeeded: 0, failed: 0, waiting: 0 };
  const found: Resolution = {
    expired: await ports.expire(actor),
    lost: await ports.loseSilent(actor),
    ...counts,
    missing: [],
    problems: [],
  };
  const nodePubkey = await ports.nodePubkey();
  for (let after: Uint8Array | undefined = new Uint8Array(); after; ) {
    const page: OutgoingPayment[] = await ports.open(nodePubkey, { after, limit: PAGE });
    for (const payment of page) {
      signal.throwIfAborted();
      await resolveOne(ports, payment, actor, found);
    }
    after = page.length < PAGE ? undefined : page.at(-1)?.paymentHash;
  }
  return found;
}

async function resolveOne(
  ports: ResolvePorts,
  payment: OutgoingPayment,
  actor: string,
  found: Resolution,
): Promise<void> {
  const { paymentHash } = payment;
  // Before the question: an answer is as old as that at most.
  const askedAt = ports.now();
  found.asked += 1;
  let seen: Sighting | undefined;
  try {
    seen = await ports.track(paymentHash);
  } catch (problem) {
    // One answer that makes no sense must not keep the others from being resolved.
    if (errorCode(problem) !== "LND_REFUSED") throw problem;
    found.waiting += 1;
    if (found.problems.length < MAX_LISTED) found.problems.push(problem);
    return;
  }
  const verdict = judgeSighting(payment, seen, askedAt);
  if (verdict.decided) {
    found[verdict.end.status] += (await ports.close(paymentHash, verdict.end, actor)) ? 1 : 0;
    return;
  }
  found.waiting += 1;
  if (verdict.lost && found.missing.length < MAX_LISTED) found.missing.push(toHex(paymentHash));
}
