/**
 * The records of the journal: what must survive when the process is killed. Amounts are decimal msat, bytes are hex.
 */

/** A signed invoice, from before its issuer is told of it. */
export type InvoiceEntry = {
  type: "invoice";
  node: string;
  hash: string;
  preimage: string;
  secret: string;
  valueMsat: string;
  memo: string;
  descriptionHash?: string;
  createdAt: number;
  expirySec: number;
  cltvExpiry: number;
  isPrivate: boolean;
  paymentRequest: string;
  addIndex: number;
};

export type CancelEntry = { type: "canceled"; node: string; hash: string };

/** A hop as JSON holds it. */
export type HopEntry = { channelId: string; node: string; forwardMsat: number; feeMsat: number; expiry: number };

/** One payment, for both its ends at once: the payee's invoice and the payer's proof are one line. */
export type SettledEntry = {
  type: "settled";
  payer: string;
  payee: string;
  hash: string;
  preimage: string;
  paymentRequest: string;
  valueMsat: number;
  startedAt: number;
  settledAt: number;
  settleIndex: number;
  hops: HopEntry[];
  totalMsat: number;
  totalTimeLock: number;
  /** Channels used, by the key of the node that sends over each, with the amount that crossed. */
  legs: { channelId: string; from: string; amountMsat: number }[];
};

/** A payment that was made and is not to be shown any more. */
export type ForgottenEntry = { type: "forgotten"; node: string; hash: string };

export type JournalEntry = InvoiceEntry | CancelEntry | SettledEntry | ForgottenEntry;
