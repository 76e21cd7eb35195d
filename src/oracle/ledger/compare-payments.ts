/** A node's book of payments beside ours: every sat that left it for us is in our ledger, at the same amount and fee. */
import { toHex } from "../../core/bytes.ts";
import type { PaymentState } from "../../core/spend/payment.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";

/** A payment as the node lists it. `fee` is 0 until it has succeeded. */
export type ListedPayment = {
  index: bigint;
  paymentHash: Uint8Array;
  status: "in-flight" | "succeeded" | "failed";
  amount: Msat;
  fee: Msat;
};

/** The same payment in our books. */
export type BookedPayment = {
  paymentHash: Uint8Array;
  state: PaymentState;
  nodePubkey: string;
  amount: Msat;
  fee?: Msat;
  wasSent: boolean;
  lndIndex?: bigint;
  failure?: string;
};

export type ComparePorts = {
  nodePubkey(): Promise<string>;
  /** Above an index, oldest first. @throws LND_UNAVAILABLE */
  listPayments(page: { afterIndex: bigint; limit: number }): Promise<{
    payments: readonly ListedPayment[];
    lastIndex: bigint;
  }>;
  track(paymentHash: Uint8Array): Promise<{ status: string } | undefined>;
  readFinal(nodePubkey: string): Promise<bigint>;
  advanceFinal(nodePubkey: string, finalIndex: bigint): Promise<void>;
  /** By the hash in hex. */
  booked(paymentHashes: readonly Uint8Array[]): Promise<ReadonlyMap<string, BookedPayment>>;
  succeededSince(nodePubkey: string, at: UnixSeconds, limit: number): Promise<BookedPayment[]>;
};

/** A payment the two books differ about. A difference in one alone is the other's 0. */
export type PaymentDifference = { paymentHashHex: string; state: PaymentState; bookedMsat: bigint; paidMsat: bigint };

export type PaymentComparison = {
  nodePubkey: string;
  /** Payments read, and those of them that are ours. */
  listed: number;
  ours: number;
  /** What others had this node pay. No business of ours, but named. */
  others: number;
  othersMsat: bigint;
  /** Succeeded at the node and open in our books: resolving them is another job's. */
  behind: number;
  differences: PaymentDifference[];
  differenceMsat: bigint;
  /** Payments of ours that succeeded, and that the node does not have as paid. */
  unknown: { paymentHashHex: string; costMsat: bigint }[];
};

const PAGE = 500;
/** Payments are asked about one by one where the list does not reach them, so at most so many. */
const MAX_LOOKUPS = 1_000;
const MAX_LISTED = 20;

/**
 * Reads every payment of the node that was not decided at the last comparison. What has succeeded with us since `since` is looked up
 * where the list does not have it. Changes nothing in the books. @throws LND_UNAVAILABLE, DATABASE_UNAVAILABLE
 */
export async function comparePayments(
  ports: ComparePorts,
  request: { since: UnixSeconds; signal: AbortSignal },
): Promise<PaymentComparison> {
  const nodePubkey = await ports.nodePubkey();
  const recent = new Map(
    (await ports.succeededSince(nodePubkey, request.since, MAX_LOOKUPS)).map((each) => [toHex(each.paymentHash), each]),
  );
  const found: PaymentComparison = {
    nodePubkey,
    listed: 0,
    ours: 0,
    others: 0,
    othersMsat: 0n,
    behind: 0,
    differences: [],
    differenceMsat: 0n,
    unknown: [],
  };
  const finalIndex = await readList(ports, found, recent, request.signal);
  for (const [paymentHashHex, payment] of recent) {
    request.signal.throwIfAborted();
    const seen = await ports.track(payment.paymentHash);
    if (seen?.status === "succeeded") continue;
    found.unknown.push({ paymentHashHex, costMsat: costOf(payment) });
    found.differenceMsat += costOf(payment);
  }
  await ports.advanceFinal(nodePubkey, finalIndex);
  return found;
}

/** @returns the index up to which nothing can change any more. What it has seen succeed is taken out of `recent`. */
async function readList(
  ports: ComparePorts,
  found: PaymentComparison,
  recent: Map<string, BookedPayment>,
  signal: AbortSignal,
): Promise<bigint> {
  let finalIndex = await ports.readFinal(found.nodePubkey);
  let allFinal = true;
  for (let afterIndex = finalIndex; ; ) {
    signal.throwIfAborted();
    const page = await ports.listPayments({ afterIndex, limit: PAGE });
    if (page.payments.length === 0) return finalIndex;
    afterIndex = page.lastIndex;
    const booked = await ports.booked(page.payments.map(({ paymentHash }) => paymentHash));
    for (const listed of page.payments) {
      const paymentHashHex = toHex(listed.paymentHash);
      const known = booked.get(paymentHashHex);
      const ours = known?.nodePubkey === found.nodePubkey ? known : undefined;
      compare(found, paymentHashHex, listed, ours);
      if (listed.status === "succeeded") recent.delete(paymentHashHex);
      allFinal &&= listed.status !== "in-flight" && !isOpen(ours);
      if (allFinal) finalIndex = listed.index;
    }
  }
}

function compare(
  found: PaymentComparison,
  paymentHashHex: string,
  listed: ListedPayment,
  booked: BookedPayment | undefined,
): void {
  found.listed += 1;
  const paidMsat = listed.status === "succeeded" ? listed.amount + listed.fee : 0n;
  if (!booked || !isSame(listed, booked)) {
    found.others += paidMsat > 0n ? 1 : 0;
    found.othersMsat += paidMsat;
    return;
  }
  found.ours += 1;
  if (isOpen(booked)) {
    found.behind += listed.status === "succeeded" ? 1 : 0;
    return;
  }
  const bookedMsat = costOf(booked);
  const bothPaid = booked.state === "succeeded" && listed.status === "succeeded";
  // One that we have written off and that may still be paid is a difference before it is paid.
  const mayStillCost = booked.state === "failed" && listed.status === "in-flight";
  const differ = bothPaid ? booked.amount !== listed.amount || booked.fee !== listed.fee : bookedMsat !== paidMsat;
  if (!differ && !mayStillCost) return;
  found.differenceMsat += mayStillCost ? listed.amount : size(bookedMsat - paidMsat);
  if (found.differences.length < MAX_LISTED)
    found.differences.push({ paymentHashHex, state: booked.state, bookedMsat, paidMsat });
}

/** Whether the node's payment is the one we sent: others may have it pay the same invoice, before us or after ours has failed. */
function isSame(listed: ListedPayment, { wasSent, failure, lndIndex }: BookedPayment): boolean {
  return wasSent && failure !== "superseded" && (lndIndex === undefined || lndIndex === listed.index);
}

function size(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function isOpen(booked: BookedPayment | undefined): boolean {
  return booked?.state === "sending" || booked?.state === "unknown";
}

function costOf({ state, amount, fee }: BookedPayment): bigint {
  return state === "succeeded" ? amount + (fee ?? 0n) : 0n;
}
