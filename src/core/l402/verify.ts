/**
 * Decides whether a token was minted here and was paid for. What it may do is asked of terms.ts at each call.
 *
 * The signature is checked before anything the macaroon says is believed, and by the HMAC chain alone: clients
 * re-serialize and append caveats, so the text of a token proves nothing.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { equalBytes } from "../bytes.ts";
import { chainSignatures, type Hmac } from "../macaroon/chain.ts";
import type { Caveat } from "../macaroon/macaroon.ts";
import type { Budget } from "./account.ts";
import type { Credential } from "./authorization.ts";
import { budgetsOf } from "./budget.ts";
import { type Condition, PREIMAGE, parseCaveat, parsePreimage } from "./caveat.ts";
import { decodeIdentifier } from "./identifier.ts";
import { deriveRootKey, findMasterKey, type KeyRing } from "./root-key.ts";
import { readTerms, type Terms } from "./terms.ts";

/** A token that was minted here and paid for: for ever, so it may be kept for as long as its key is in the ring. */
export type AuthenticToken = {
  /** The account. */
  readonly tokenId: Uint8Array;
  /** The payment it was opened or topped up with. */
  readonly paymentHash: Uint8Array;
  /** The rate tier it was bought at. */
  readonly tier: number;
  /** Limits of its spending besides the balance, outermost first. */
  readonly budgets: readonly Budget[];
  readonly terms: Terms;
  readonly caveats: readonly Caveat[];
};

/** The token, or why it opens nothing. */
export type Authentication =
  | { ok: true; token: AuthenticToken }
  | { ok: false; reason: "malformed" | "unknown-key" | "forged" };

/**
 * Pure. Costs three HMACs, one more for each caveat, and one hash; a further hash for each budget. Comparisons take
 * the same time whatever differs.
 */
export function authenticateToken(hmac: Hmac, keyRing: KeyRing, credential: Credential): Authentication {
  const { macaroon, preimage } = credential;
  const identifier = decodeIdentifier(macaroon.identifier);
  if (!identifier) return { ok: false, reason: "malformed" };
  const { tokenId, paymentHash } = identifier;

  const masterKey = findMasterKey(keyRing, tokenId);
  if (!masterKey) return { ok: false, reason: "unknown-key" };
  const signatures = chainSignatures(hmac, macaroon, deriveRootKey(hmac, masterKey, tokenId));
  if (!signatures) return { ok: false, reason: "forged" };
  if (!equalBytes(sha256(preimage), paymentHash)) return { ok: false, reason: "forged" };

  const { caveats } = macaroon;
  const conditions = caveats.map(parseCaveat);
  if (!preimagesAgree(conditions, preimage)) return { ok: false, reason: "forged" };
  const terms = readTerms(conditions);
  const budgets = budgetsOf(tokenId, terms, signatures);
  return { ok: true, token: { tokenId, paymentHash, tier: terms.tier, budgets, terms, caveats } };
}

/** Each preimage written into the macaroon must be the one presented: a restriction its holder may add. */
function preimagesAgree(conditions: readonly Condition[], preimage: Uint8Array): boolean {
  return conditions.every(
    ({ condition, value }) => condition !== PREIMAGE || equalBytes(parsePreimage(value) ?? new Uint8Array(), preimage),
  );
}
