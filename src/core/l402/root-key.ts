/**
 * The key of each token, derived so that an unpaid challenge leaves nothing to store.
 *
 * A token id is one byte naming the master key, then 31 random bytes. Tokens of a master key that has left the ring
 * are thereby told apart from forged ones, and their holders are asked to buy again instead of being locked out.
 */
import { concatBytes, utf8 } from "../bytes.ts";
import { OracleError } from "../errors.ts";
import type { Hmac } from "../macaroon/chain.ts";
import { TOKEN_ID_BYTES } from "./identifier.ts";

/** A master key, and the byte that names it in a token id. */
export type MasterKey = { readonly keyId: number; readonly key: Uint8Array };

/** The master keys that verify; new tokens are minted under the current one. */
export type KeyRing = { readonly currentKeyId: number; readonly keys: readonly MasterKey[] };

/** Random bytes of a token id. */
export const TOKEN_RANDOM_BYTES = TOKEN_ID_BYTES - 1;

const KEY_ID_LABEL = utf8("satrank l402 key id");
const ROOT_KEY_LABEL = utf8("satrank l402 root key");

/**
 * A ring of these keys, the current one first. Each key names itself (the first byte of an HMAC under it), so that
 * replacing a key is all there is to a rotation.
 *
 * @throws CONFIG_INVALID without a key, or when two keys have the same name
 */
export function keyRingOf(hmac: Hmac, keys: readonly Uint8Array[]): KeyRing {
  const named = keys.map((key) => ({ keyId: hmac(key, KEY_ID_LABEL)[0]!, key }));
  const current = named[0];
  if (!current) throw new OracleError("CONFIG_INVALID", "minting needs a master key");
  if (new Set(named.map(({ keyId }) => keyId)).size < named.length) {
    throw new OracleError("CONFIG_INVALID", "two master keys have the same key id: generate another current key");
  }
  return { currentKeyId: current.keyId, keys: named };
}

/** A token id under the current key. `random` is 31 bytes nobody can guess. @throws INTERNAL with another length */
export function newTokenId(keyRing: KeyRing, random: Uint8Array): Uint8Array {
  if (random.length !== TOKEN_RANDOM_BYTES) {
    throw new OracleError("INTERNAL", `a token id needs ${TOKEN_RANDOM_BYTES} random bytes`);
  }
  const tokenId = new Uint8Array(TOKEN_ID_BYTES);
  tokenId[0] = keyRing.currentKeyId;
  tokenId.set(random, 1);
  return tokenId;
}

/** The master key a token id names; undefined when it is not, or no longer, in the ring. */
export function findMasterKey(keyRing: KeyRing, tokenId: Uint8Array): Uint8Array | undefined {
  return keyRing.keys.find(({ keyId }) => keyId === tokenId[0])?.key;
}

/** The root key of one token: HMAC(master key, label || token id). */
export function deriveRootKey(hmac: Hmac, masterKey: Uint8Array, tokenId: Uint8Array): Uint8Array {
  return hmac(masterKey, concatBytes(ROOT_KEY_LABEL, tokenId));
}
