/** The invoices of one node, their states, and who wants to hear of them. */
import type { FailureCode } from "../network/failure.ts";
import { createDueQueue } from "./due-queue.ts";
import type { CancelEntry, InvoiceEntry } from "./entries.ts";
import { type ArrivedHtlc, accepted, type InvoiceHtlc, refusalOf, resolveHtlc, sumOf } from "./invoice-htlc.ts";
import { createInvoiceMemory } from "./invoice-memory.ts";

/**
 * OPEN → ACCEPTED (all the money is in) → SETTLED; OPEN or ACCEPTED → CANCELED. LND's names. Only a hold invoice shows
 * that it is ACCEPTED: any other is on its way to the disk.
 */
type InvoiceState = "OPEN" | "ACCEPTED" | "SETTLED" | "CANCELED";

export type InvoiceRecord = Omit<InvoiceEntry, "type" | "node" | "valueMsat"> & {
  valueMsat: number;
  state: InvoiceState;
  /** All the money is in and the preimage is known: nothing can come between. */
  isSettling: boolean;
  amountPaidMsat: number;
  settledAt: number;
  settleIndex: number;
  htlcs: InvoiceHtlc[];
};

export type InvoiceBook = ReturnType<typeof createInvoiceBook>;

/**
 * Indexes count from 1, as LND's do. An invoice is canceled when it expires, and what was paid of it by then goes back;
 * one that was never paid is forgotten some time later ({@link createInvoiceMemory}).
 */
export function createInvoiceBook(now: () => number) {
  const byHash = new Map<string, InvoiceRecord>();
  const expiring = createDueQueue<InvoiceRecord>(expiresAt);
  const memory = createInvoiceMemory(byHash, now);
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
    for (const htlc of accepted(invoice.htlcs)) resolveHtlc(htlc, { code: UNKNOWN_DETAILS }, now());
    memory.push(invoice, Math.min(now(), expiresAt(invoice)));
    tell(invoice);
  };
  const expire = () => {
    for (let due = expiring.takeDue(now()); due; due = expiring.takeDue(now())) if (due.state === "OPEN") close(due);
  };
  const forgetOld = () => {
    expire();
    memory.forget();
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
      const untouched = { state: "OPEN" as const, isSettling: false, amountPaidMsat: 0, settledAt: 0, settleIndex: 0 };
      const invoice: InvoiceRecord = { ...entry, valueMsat: Number(valueMsat), ...untouched, htlcs: [] };
      byHash.set(invoice.hash, invoice);
      expiring.push(invoice);
      lastAddIndex = Math.max(lastAddIndex, invoice.addIndex);
      nextAddIndex = Math.max(nextAddIndex, lastAddIndex + 1);
      tell(invoice);
      return invoice;
    },
    forgetOld,

    /**
     * Takes an HTLC, or says how LND refuses it; more than was asked for is welcome, as it is to LND. With the last
     * part the invoice is ACCEPTED, and whoever brought it goes on to {@link settle} or waits for who may.
     */
    accept(hash: string, arrived: ArrivedHtlc): { invoice: InvoiceRecord; htlc: InvoiceHtlc } | FailureCode {
      const invoice = find(hash);
      if (invoice?.state !== "OPEN") return UNKNOWN_DETAILS;
      const refusal = refusalOf(invoice, arrived);
      if (refusal) return refusal;
      const htlc: InvoiceHtlc = { ...arrived, state: "ACCEPTED", acceptedAt: now(), resolvedAt: 0 };
      invoice.htlcs.push(htlc);
      if (sumOf(accepted(invoice.htlcs)) >= arrived.totalMsat) {
        invoice.state = "ACCEPTED";
        if (invoice.isHold) tell(invoice);
        else invoice.isSettling = true;
      }
      return { invoice, htlc };
    },

    /** Gives back a part whose payment did not become whole in time. */
    giveUp(invoice: InvoiceRecord, htlc: InvoiceHtlc): void {
      if (invoice.state === "OPEN" && htlc.state === "ACCEPTED") resolveHtlc(htlc, { code: "MPP_TIMEOUT" }, now());
    },

    /** Takes in a payment that is durable, and lets its parts go home with the preimage. */
    settle(hash: string, paid: { preimage: string; amountMsat: number; settledAt: number; settleIndex: number }): void {
      const invoice = byHash.get(hash);
      if (!invoice || invoice.state === "SETTLED") return;
      const { preimage, amountMsat, settledAt, settleIndex } = paid;
      Object.assign(invoice, { preimage, amountPaidMsat: amountMsat, settledAt, settleIndex });
      invoice.state = "SETTLED";
      invoice.isSettling = false;
      nextSettleIndex = Math.max(nextSettleIndex, settleIndex + 1);
      settled.push(invoice);
      tell(invoice);
      for (const htlc of accepted(invoice.htlcs)) resolveHtlc(htlc, { preimage }, settledAt);
    },

    /** Resolves when no payment of this invoice is on its way to the disk. */
    async decided(hash: string): Promise<void> {
      const invoice = find(hash);
      if (!invoice?.isSettling) return;
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
      if (invoice?.state === "OPEN" || (invoice?.state === "ACCEPTED" && !invoice.isSettling)) close(invoice);
    },
    /** Resolves when a cancellation that is being written down is durable. `written` begins one. */
    canceling(hash: string, written = cancelings.get(hash)): Promise<void> {
      if (!written) return Promise.resolve();
      cancelings.set(hash, written);
      return written.then(() => void cancelings.delete(hash));
    },

    /** Calls back at every change of an invoice from here on, until the returned function is called. */
    subscribe(listener: (invoice: InvoiceRecord) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const UNKNOWN_DETAILS = "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS";

function expiresAt(invoice: InvoiceRecord): number {
  return invoice.createdAt + invoice.expirySec;
}
