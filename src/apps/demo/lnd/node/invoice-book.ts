/** The invoices of one node, their states, and who wants to hear of them. */
import { createDueQueue } from "./due-queue.ts";
import type { CancelEntry, InvoiceEntry } from "./entries.ts";

/** OPEN → ACCEPTED (money is in, not yet durable) → SETTLED; OPEN → CANCELED. LND's names. */
type InvoiceState = "OPEN" | "ACCEPTED" | "SETTLED" | "CANCELED";

export type InvoiceRecord = Omit<InvoiceEntry, "type" | "node" | "valueMsat"> & {
  valueMsat: number;
  state: InvoiceState;
  amountPaidMsat: number;
  settledAt: number;
  settleIndex: number;
  htlc?: { channelId: bigint; amountMsat: number; height: number; expiry: number };
};

/** An HTLC that has arrived, as the payee sees it. */
export type ArrivedHtlc = {
  channelId: bigint;
  amountMsat: number;
  /** The whole payment this HTLC says it belongs to. */
  totalMsat: number;
  secret: string | undefined;
  expiry: number;
  height: number;
};

export type InvoiceBook = ReturnType<typeof createInvoiceBook>;

/** How long an invoice that nobody paid is remembered after it has expired or was canceled. */
const FORGET_AFTER_SEC = 3_600;
/** And how many such are remembered at most. */
const MAX_CANCELED = 10_000;

/**
 * Indexes count from 1, as LND's do. An invoice is canceled when it expires; one that was never paid is forgotten some
 * time later, as LND's gc-canceled-invoices options forget it, so that a flood of them fills neither the memory nor
 * the journal.
 */
export function createInvoiceBook(now: () => number) {
  const byHash = new Map<string, InvoiceRecord>();
  const expiring = createDueQueue<InvoiceRecord>(expiresAt);
  const canceled: { invoice: InvoiceRecord; canceledAt: number }[] = [];
  let canceledFrom = 0;
  const settled: InvoiceRecord[] = [];
  const claimed = new Set<string>();
  const cancelings = new Map<string, Promise<void>>();
  const listeners = new Set<(invoice: InvoiceRecord) => void>();
  let lastAddIndex = 0;
  let nextAddIndex = 1;
  let nextSettleIndex = 1;
  const tell = (invoice: InvoiceRecord) => {
    for (const listener of [...listeners]) listener(invoice);
  };

  const close = (invoice: InvoiceRecord) => {
    invoice.state = "CANCELED";
    canceled.push({ invoice, canceledAt: Math.min(now(), expiresAt(invoice)) });
  };
  const expire = () => {
    for (let due = expiring.takeDue(now()); due; due = expiring.takeDue(now())) if (due.state === "OPEN") close(due);
  };
  const forgetOld = () => {
    expire();
    for (let oldest = canceled[canceledFrom]; oldest; oldest = canceled[++canceledFrom]) {
      const isRoom = canceled.length - canceledFrom <= MAX_CANCELED;
      if (isRoom && now() < oldest.canceledAt + FORGET_AFTER_SEC) break;
      const { hash } = oldest.invoice;
      if (byHash.get(hash) === oldest.invoice) byHash.delete(hash);
    }
    if (canceledFrom > MAX_CANCELED) canceledFrom -= canceled.splice(0, canceledFrom).length;
  };
  const find = (hash: string) => {
    expire();
    return byHash.get(hash);
  };

  return {
    find,
    /** In the order they were added. */
    all(): IterableIterator<InvoiceRecord> {
      expire();
      return byHash.values();
    },
    /** Whether there has never been an invoice. */
    isEmpty: () => lastAddIndex === 0,
    /** Whether this entry of the journal still says something. */
    isKept(entry: Pick<InvoiceEntry, "hash" | "addIndex"> | Pick<CancelEntry, "hash">): boolean {
      if (!("addIndex" in entry)) return byHash.has(entry.hash);
      // The last one is kept for its index, which must not be given out again.
      return byHash.get(entry.hash)?.addIndex === entry.addIndex || entry.addIndex === lastAddIndex;
    },
    /** In the order they were settled. */
    settled: (): readonly InvoiceRecord[] => settled,
    reserveAddIndex: () => nextAddIndex++,
    reserveSettleIndex: () => nextSettleIndex++,

    /** Keeps a hash free while its invoice becomes durable: two calls with one preimage must not both pass. */
    claim(hash: string): boolean {
      if (byHash.has(hash) || claimed.has(hash)) return false;
      claimed.add(hash);
      return true;
    },
    release: (hash: string) => claimed.delete(hash),

    /** Takes in an invoice that is durable. */
    add({ type: _, node: __, valueMsat, ...entry }: InvoiceEntry): InvoiceRecord {
      const untouched = { state: "OPEN" as const, amountPaidMsat: 0, settledAt: 0, settleIndex: 0 };
      const invoice: InvoiceRecord = { ...entry, valueMsat: Number(valueMsat), ...untouched };
      byHash.set(invoice.hash, invoice);
      expiring.push(invoice);
      lastAddIndex = Math.max(lastAddIndex, invoice.addIndex);
      nextAddIndex = Math.max(nextAddIndex, lastAddIndex + 1);
      tell(invoice);
      return invoice;
    },
    forgetOld,

    /**
     * Takes the money, or says how LND refuses it; more than was asked for is welcome, as it is to LND. Whoever gets
     * `true` must go on to {@link settle}.
     */
    accept(hash: string, htlc: ArrivedHtlc): true | "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS" | "MPP_TIMEOUT" {
      const invoice = find(hash);
      const isMeant =
        invoice?.state === "OPEN" && htlc.secret === invoice.secret && htlc.totalMsat >= invoice.valueMsat;
      const isInTime = isMeant && htlc.expiry >= htlc.height + invoice.cltvExpiry;
      if (!isInTime) return "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS";
      // Parts that never come: this world pays in one part, and does not wait two minutes to say so.
      if (htlc.amountMsat < htlc.totalMsat) return "MPP_TIMEOUT";
      invoice.state = "ACCEPTED";
      const { channelId, amountMsat, height, expiry } = htlc;
      invoice.htlc = { channelId, amountMsat, height, expiry };
      return true;
    },

    /** Takes in a payment that is durable. */
    settle(hash: string, paid: { amountMsat: number; settledAt: number; settleIndex: number }): void {
      const invoice = byHash.get(hash);
      if (!invoice || invoice.state === "SETTLED") return;
      invoice.state = "SETTLED";
      invoice.amountPaidMsat = paid.amountMsat;
      invoice.settledAt = paid.settledAt;
      invoice.settleIndex = paid.settleIndex;
      nextSettleIndex = Math.max(nextSettleIndex, paid.settleIndex + 1);
      settled.push(invoice);
      tell(invoice);
    },

    /** Resolves when no payment of this invoice is on its way to the disk. */
    async decided(hash: string): Promise<void> {
      const invoice = find(hash);
      if (invoice?.state !== "ACCEPTED") return;
      await new Promise<void>((resolve) => {
        const listener = (changed: InvoiceRecord) => {
          if (changed !== invoice) return;
          listeners.delete(listener);
          resolve();
        };
        listeners.add(listener);
      });
    },

    /** Closes an invoice; {@link canceling} says when that is durable. */
    cancel({ hash }: Pick<CancelEntry, "hash">): void {
      const invoice = byHash.get(hash);
      if (invoice?.state === "OPEN") close(invoice);
    },
    /** Resolves when a cancellation that is being written down is durable. `written` begins one. */
    canceling(hash: string, written = cancelings.get(hash)): Promise<void> {
      if (!written) return Promise.resolve();
      cancelings.set(hash, written);
      return written.then(() => void cancelings.delete(hash));
    },

    /** Calls back for every invoice added or settled from here on, until the returned function is called. */
    subscribe(listener: (invoice: InvoiceRecord) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function expiresAt(invoice: InvoiceRecord): number {
  return invoice.createdAt + invoice.expirySec;
}
