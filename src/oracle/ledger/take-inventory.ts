/** A node's list of invoices beside our receipts: what was paid and not booked is booked. */
import { toHex } from "../../core/bytes.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import { isOurs } from "../invoice-memo.ts";

/** An invoice as the node lists it. `settleIndex` is 0 until it is settled. */
export type ListedInvoice = {
  addIndex: bigint;
  settleIndex: bigint;
  paymentHash: Uint8Array;
  state: "open" | "accepted" | "settled" | "canceled";
  amountPaid: Msat;
  settledAt?: UnixSeconds;
  memo: string;
  createdAt: UnixSeconds;
  expirySec: number;
};

/** A payment to a node, to be booked once. */
export type Settlement = {
  nodePubkey: string;
  paymentHash: Uint8Array;
  amount: Msat;
  settledAt: UnixSeconds;
  settleIndex: bigint;
};

/**
 * How far a node's invoices were taken in: the index and hash of its newest settlement, and the add index up to which
 * nothing of ours can change any more. The hash is absent while nothing was ever paid to the node, and `lostAt`, when it
 * was last seen to have lost payments, while it never was.
 */
export type InvoiceCursor = {
  settleIndex: bigint;
  paymentHash?: Uint8Array;
  finalIndex: bigint;
  sinceAt: UnixSeconds;
  lostAt?: UnixSeconds;
};

export type InventoryPorts = {
  /** The node's invoices above an add index, oldest first. @throws LND_UNAVAILABLE */
  listInvoices(page: { afterAddIndex: bigint; limit: number }): Promise<{
    invoices: readonly ListedInvoice[];
    lastAddIndex: bigint;
  }>;
  /** What was booked for each of these invoices, by the hash in hex. */
  amounts(paymentHashes: readonly Uint8Array[]): Promise<ReadonlyMap<string, Msat>>;
  /** Idempotent by payment hash. @returns how many were news */
  record(receipts: readonly Settlement[], at: UnixSeconds): Promise<number>;
};

export type Inventory = {
  /** Invoices read, and those of them that are ours and paid. */
  listed: number;
  paid: number;
  /** Payments that were not booked, and are now. */
  healed: number;
  healedMsat: bigint;
  /** Payments that were booked with another amount. Receipts are never changed. */
  differences: { paymentHashHex: string; bookedMsat: Msat; paidMsat: Msat }[];
  differenceMsat: bigint;
  finalIndex: bigint;
  /** Where to follow the node's settlements from: everything up to here was read. */
  settled: { settleIndex: bigint; paymentHash?: Uint8Array };
};

export type InventoryRequest = {
  /** The node whose invoices these are. */
  nodePubkey: string;
  /** Exclusive. */
  fromAddIndex: bigint;
  now: UnixSeconds;
  signal: AbortSignal;
  /** Told of every payment of ours that the node has, by its hash in hex. */
  onPaid?: (paymentHashHex: string) => void;
};

const PAGE = 1_000;
const MAX_LISTED = 20;
/** An unpaid invoice this long after its expiry is not paid any more. */
const EXPIRED_FOR_GOOD_SEC = 3_600;
/**
 * An invoice may be paid after its page was read. It then has a higher index than all that were paid before the reading
 * began, so those are the ones to go on from; the margin is for two clocks that differ.
 */
const SETTLED_BEFORE_SEC = 600;

/** Reads every invoice above `fromAddIndex`, a page at a time. Safe to repeat, and to run in several processes at once. */
export async function takeInventory(ports: InventoryPorts, request: InventoryRequest): Promise<Inventory> {
  const { nodePubkey, fromAddIndex, now, signal } = request;
  const inventory: Inventory = {
    listed: 0,
    paid: 0,
    healed: 0,
    healedMsat: 0n,
    differences: [],
    differenceMsat: 0n,
    finalIndex: fromAddIndex,
    settled: { settleIndex: 0n },
  };
  let allFinal = true;
  for (let afterAddIndex = fromAddIndex; ; ) {
    signal.throwIfAborted();
    const page = await ports.listInvoices({ afterAddIndex, limit: PAGE });
    if (page.invoices.length === 0) return inventory;
    afterAddIndex = page.lastAddIndex;
    inventory.listed += page.invoices.length;
    for (const invoice of page.invoices) {
      allFinal &&= isFinal(invoice, now);
      if (allFinal) inventory.finalIndex = invoice.addIndex;
      const isOld = invoice.state === "settled" && (invoice.settledAt ?? now) < now - SETTLED_BEFORE_SEC;
      if (isOld && invoice.settleIndex > inventory.settled.settleIndex) {
        inventory.settled = { settleIndex: invoice.settleIndex, paymentHash: invoice.paymentHash };
      }
    }
    const paid = page.invoices.flatMap((invoice) => settlementOf(nodePubkey, invoice));
    await compare(ports, paid, inventory, request);
  }
}

async function compare(
  ports: InventoryPorts,
  paid: Settlement[],
  inventory: Inventory,
  { now, onPaid }: InventoryRequest,
): Promise<void> {
  if (paid.length === 0) return;
  const booked = await ports.amounts(paid.map(({ paymentHash }) => paymentHash));
  const missing: Settlement[] = [];
  for (const payment of paid) {
    const paymentHashHex = toHex(payment.paymentHash);
    onPaid?.(paymentHashHex);
    const bookedMsat = booked.get(paymentHashHex);
    if (bookedMsat === undefined) missing.push(payment);
    else if (bookedMsat !== payment.amount) {
      const difference = bookedMsat - payment.amount;
      inventory.differenceMsat += difference < 0n ? -difference : difference;
      if (inventory.differences.length < MAX_LISTED)
        inventory.differences.push({ paymentHashHex, bookedMsat, paidMsat: payment.amount });
    }
  }
  inventory.paid += paid.length;
  if (missing.length === 0) return;
  inventory.healed += await ports.record(missing, now);
  inventory.healedMsat += missing.reduce((sum, { amount }) => sum + amount, 0n);
}

function settlementOf(nodePubkey: string, invoice: ListedInvoice): Settlement[] {
  const { state, amountPaid: amount, paymentHash, settleIndex, settledAt } = invoice;
  if (state !== "settled" || settledAt === undefined || amount === 0n || !isOurs(invoice)) return [];
  return [{ nodePubkey, paymentHash, amount, settledAt, settleIndex }];
}

/** Whether nothing of ours can come of it any more. */
function isFinal(invoice: ListedInvoice, now: UnixSeconds): boolean {
  const { state, createdAt, expirySec } = invoice;
  if (state === "settled" || state === "canceled" || !isOurs(invoice)) return true;
  return createdAt + expirySec + EXPIRED_FOR_GOOD_SEC < now;
}
