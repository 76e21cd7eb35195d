/** A prepaid account, as verbs and tables speak of it: what was paid in, what one call holds, and what became of it. */
import type { Msat, UnixSeconds } from "../units.ts";

/** A settled invoice, to be credited once to the account its macaroon names. */
export type Deposit = {
  tokenId: Uint8Array;
  paymentHash: Uint8Array;
  /** What LND received, which may be more than was asked for. */
  amount: Msat;
  settledAt: UnixSeconds;
  at: UnixSeconds;
};

/** The price of one call, about to be held. `chargeId` is a fresh UUID. */
export type Charge = { chargeId: string; tokenId: Uint8Array; operation: string; amount: Msat; at: UnixSeconds };

/**
 * Held, and what is left; or why not. `unknown` is an account that no credited payment has opened; `busy` one whose other
 * calls hold what this one needs, and may yet give it back.
 */
export type Reservation =
  | { held: true; left: Msat }
  | { held: false; reason: "unknown" | "revoked" | "exhausted" | "busy" };
