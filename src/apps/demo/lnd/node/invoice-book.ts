/** The invoices of one node, their states, and who wants to hear of them. */
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

/** How long an invoice that nobody paid is remembered after it has expired. */
const FORGET_AFTER_SEC = 3_600;

/**
 * Indexes count from 1, as LND's do. An invoice is canceled when it expires; one that was never paid is forgotten an
 * hour later, so that a flood of them fills neither the memory nor the journal.
 */
export function createInvoiceBook(now: () => number) {
  const byHash = new Map<string, InvoiceRecord>();
  const unpaid: InvoiceRecord[] = [];
  let unpaidFrom = 0;
  const settled: InvoiceRecord[] = [];
  const claimed = new Set<string>();
  const listeners = new Set<(invoice: InvoiceRecord) => void>();
  let nextAddIndex = 1;
  let nextSettleIndex = 1;
  const tell = (invoice: InvoiceRecord) => {
    for (const listener of [...listeners]) listener(invoice);
  };

  const find = (hash: string) => {
    const invoice = byHash.get(hash);
    if (invoice?.state === "OPEN" && now() >= invoice.createdAt + invoice.expirySec) invoice.state = "CANCELED";
    return invoice;
  };
  const forgetOld = () => {
    for (let oldest = unpaid[unpaidFrom]; oldest; oldest = unpaid[++unpaidFrom]) {
      if (now() < oldest.createdAt + oldest.expirySec + FORGET_AFTER_SEC) break;
      if (oldest.state === "OPEN" || oldest.state === "CANCELED") byHash.delete(oldest.hash);
    }
    if (unpaidFrom > 10_000) {
      unpaid.splice(0, unpaidFrom);
      unpaidFrom = 0;
    }
  };

  return {
    find,
    /** In the order they were added. */
    all: (): InvoiceRecord[] => [...byHash.keys()].map((hash) => find(hash)!),
    isEmpty: () => byHash.size === 0,
    /** Whether this entry of the journal still says something, once all of it is read. */
    isKept: ({ hash, addIndex }: Pick<InvoiceEntry, "hash" | "addIndex">) =>
      byHash.has(hash) || addIndex === nextAddIndex - 1,
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
      unpaid.push(invoice);
      nextAddIndex = Math.max(nextAddIndex, invoice.addIndex + 1);
      tell(invoice);
      return invoice;
    },
    forgetOld,

    /** Takes the money, or says how LND refuses it. Whoever gets `true` must go on to {@link settle}. */
    accept(hash: string, htlc: ArrivedHtlc): true | "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS" | "MPP_TIMEOUT" {
      const invoice = find(hash);
      const isMeant =
        invoice?.state === "OPEN" && htlc.secret === invoice.secret && htlc.totalMsat >= invoice.valueMsat;
      const isInTime = isMeant && htlc.expiry >= htlc.height + invoice.cltvExpiry;
      if (!isInTime) return "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS";
      // Parts that never come: this world pays in one part, and does not wait two minutes to say so.
      if (htlc.amountMsat < htlc.totalMsat) return "MPP_TIMEOUT";
      invoice.state = "ACCEPTED";
      invoice.amountPaidMsat = htlc.amountMsat;
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

    /** Takes in a cancellation that is durable. */
    cancel({ hash }: Pick<CancelEntry, "hash">): void {
      const invoice = byHash.get(hash);
      if (invoice && invoice.state !== "SETTLED") invoice.state = "CANCELED";
    },

    /** Calls back for every invoice added or settled from here on, until the returned function is called. */
    subscribe(listener: (invoice: InvoiceRecord) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
