/**
 * The records of the journal: what must survive when the process is killed. Amounts are decimal msat, bytes are hex.
 */

/** A signed invoice, from before its issuer is told of it. A hold invoice has no preimage until it is settled. */
export type InvoiceEntry = {
  type: "invoice";
  node: string;
  hash: string;
  preimage: string;
  isHold?: boolean;
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

/** What one HTLC was and where it went. */
export type PartEntry = {
  payer: string;
  paymentRequest: string;
  valueMsat: number;
  startedAt: number;
  hops: HopEntry[];
  totalMsat: number;
  totalTimeLock: number;
  /** Channels used, by the key of the node that sends over each, with the amount that crossed. */
  legs: { channelId: string; from: string; amountMsat: number }[];
};

/**
 * One payment, for all its ends at once: the payee's invoice and the payer's proof are one line. `more` are the parts
 * after the first.
 */
export type SettledEntry = PartEntry & {
  type: "settled";
  payee: string;
  hash: string;
  preimage: string;
  settledAt: number;
  settleIndex: number;
  more?: PartEntry[];
};

/** A payment that was made and is not to be shown any more. */
export type ForgottenEntry = { type: "forgotten"; node: string; hash: string };

export type JournalEntry = InvoiceEntry | CancelEntry | SettledEntry | ForgottenEntry;
