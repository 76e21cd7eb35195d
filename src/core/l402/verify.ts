/**
 * Decides whether a token was minted here, was paid for, and allows this request.
 *
 * The signature is checked before anything the macaroon says is believed, and by the HMAC chain alone: clients
 * re-serialize and append caveats, so the text of a token proves nothing.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { equalBytes } from "../bytes.ts";
import { type Hmac, signatureHolds } from "../macaroon/chain.ts";
import type { Credential } from "./authorization.ts";
import { checkCaveats, type TokenRequest } from "./caveat.ts";
import { decodeIdentifier } from "./identifier.ts";
import { deriveRootKey, findMasterKey, type KeyRing } from "./root-key.ts";

/** The account a token opens and the payment it was opened with, or why it opens nothing. */
export type VerifyResult =
  | { ok: true; tokenId: Uint8Array; paymentHash: Uint8Array }
  | { ok: false; reason: "malformed" | "unknown-key" | "forged" | "expired" | "out-of-scope" };

/** Pure. Costs three HMACs, one more for each caveat, and one hash. Comparisons take the same time whatever differs. */
export function verifyToken(hmac: Hmac, keyRing: KeyRing, credential: Credential, request: TokenRequest): VerifyResult {
  const { macaroon, preimage } = credential;
  const identifier = decodeIdentifier(macaroon.identifier);
  if (!identifier) return { ok: false, reason: "malformed" };
  const { tokenId, paymentHash } = identifier;

  const masterKey = findMasterKey(keyRing, tokenId);
  if (!masterKey) return { ok: false, reason: "unknown-key" };
  if (!signatureHolds(hmac, macaroon, deriveRootKey(hmac, masterKey, tokenId))) return { ok: false, reason: "forged" };
  if (!equalBytes(sha256(preimage), paymentHash)) return { ok: false, reason: "forged" };

  const verdict = checkCaveats(macaroon.caveats, request, preimage);
  return verdict.ok ? { ok: true, tokenId, paymentHash } : verdict;
}
