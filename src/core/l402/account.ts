/** A prepaid account, as verbs and tables speak of it: what was paid in, what one call holds, and what became of it. */
import type { Msat, UnixSeconds } from "../units.ts";

/** A settled invoice, to be credited once to the account its macaroon names. */
export type Deposit = {
  tokenId: Uint8Array;
  paymentHash: Uint8Array;
  /** What LND received, which may be more than was asked for. */
  amount: Msat;
  settledAt: UnixSeconds;
  /** The node that was paid, when that is known. */
  nodePubkey?: string;
  at: UnixSeconds;
};

/** What a narrowed token may take from its account, over all its calls. The id is public, and 32 bytes. */
export type Budget = { readonly budgetId: Uint8Array; readonly limit: Msat };

/** A caller's promise that two requests are the same one: its key, and a digest (32 bytes) of what is asked under it. */
export type RetryKey = { readonly key: string; readonly fingerprint: Uint8Array };

/** The price of one call, about to be held. */
export type Charge = {
  tokenId: Uint8Array;
  operation: string;
  amount: Msat;
  at: UnixSeconds;
  /** Empty for a token that nobody narrowed. */
  budgets: readonly Budget[];
  retryKey?: RetryKey;
};

/** Why nothing is held. */
export type Withheld =
  /** No credited payment has opened this account. */
  | "unknown"
  | "revoked"
  | "exhausted"
  /** Other calls hold what this one needs, and may yet give it back. */
  | "busy"
  /** A narrower limit than the balance is reached. */
  | "over-budget"
  /** The same request is being answered. */
  | "in-progress"
  /** The key was used for another request. */
  | "key-reused";

/** What a retry key was used for: the same request, answered before, and what is left; or why there is no answer. */
export type KeptAnswer =
  | { held: false; reason: "answered"; body: string; left: Msat }
  | { held: false; reason: "in-progress" | "key-reused" };

/** Held, and what is left; answered before, under the same key; or why not. */
export type Reservation =
  | { held: true; chargeId: bigint; left: Msat }
  | KeptAnswer
  | { held: false; reason: Exclude<Withheld, "in-progress" | "key-reused"> };
