/**
 * Whether a macaroon was minted here, for a caller that has not paid for it yet, or whose wallet gave no preimage.
 *
 * It opens nothing: only a preimage makes a credential (verify.ts). What it says of its payment and account is true.
 */
import { chainSignatures, type Hmac } from "../macaroon/chain.ts";
import type { Macaroon } from "../macaroon/macaroon.ts";
import { decodeIdentifier, type Identifier } from "./identifier.ts";
import { deriveRootKey, findMasterKey, type KeyRing } from "./root-key.ts";

/** What a macaroon of ours is about; undefined for any other, and for one whose key has left the ring. Pure. */
export function readMinted(hmac: Hmac, keyRing: KeyRing, macaroon: Macaroon): Identifier | undefined {
  const identifier = decodeIdentifier(macaroon.identifier);
  const masterKey = identifier && findMasterKey(keyRing, identifier.tokenId);
  if (!identifier || !masterKey) return undefined;
  const rootKey = deriveRootKey(hmac, masterKey, identifier.tokenId);
  return chainSignatures(hmac, macaroon, rootKey) ? identifier : undefined;
}
