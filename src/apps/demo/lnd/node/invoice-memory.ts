/**
 * Forgets canceled invoices, as LND's gc-canceled-invoices options do, so that a flood of them fills neither the
 * memory nor the journal.
 */

/** How long an invoice that nobody paid is remembered after it has expired or was canceled. */
const FORGET_AFTER_SEC = 3_600;
/** And how many such are remembered at most. */
const MAX_CANCELED = 10_000;

export function createInvoiceMemory<Invoice extends { hash: string }>(byHash: Map<string, Invoice>, now: () => number) {
  const canceled: { invoice: Invoice; canceledAt: number }[] = [];
  let from = 0;
  return {
    push: (invoice: Invoice, canceledAt: number) => canceled.push({ invoice, canceledAt }),

    /** Takes out of `byHash` what is old, or more than there is room for. */
    forget(): void {
      for (let oldest = canceled[from]; oldest; oldest = canceled[++from]) {
        const isRoom = canceled.length - from <= MAX_CANCELED;
        if (isRoom && now() < oldest.canceledAt + FORGET_AFTER_SEC) break;
        const { hash } = oldest.invoice;
        if (byHash.get(hash) === oldest.invoice) byHash.delete(hash);
      }
      if (from > MAX_CANCELED) from -= canceled.splice(0, from).length;
    },
  };
}
