/** How the memo of every invoice of ours begins: the node may serve others too. */
export const INVOICE_MEMO = "SatRank ";

/** Whether an invoice of the node is one of ours. */
export function isOurs(invoice: { memo: string }): boolean {
  return invoice.memo.startsWith(INVOICE_MEMO);
}
