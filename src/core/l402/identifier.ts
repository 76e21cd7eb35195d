/**
 * What an L402 macaroon is about: which payment opens it, and whose account it is.
 *
 * 66 bytes: version 0 (big-endian uint16), payment hash, token id. Deployed clients refuse any other version.
 */
import { OracleError } from "../errors.ts";

/** Two values of 32 bytes. The account outlives the payment: a top-up brings a new hash for the same token id. */
export type Identifier = {
  /** SHA-256 of the preimage that paying reveals. */
  readonly paymentHash: Uint8Array;
  /** The account, and the key it is signed under: see root-key.ts. */
  readonly tokenId: Uint8Array;
};

/** Bytes of a payment hash. */
const PAYMENT_HASH_BYTES = 32;
/** Bytes of a token id. */
export const TOKEN_ID_BYTES = 32;

const VERSION_BYTES = 2;
const TOKEN_ID_AT = VERSION_BYTES + PAYMENT_HASH_BYTES;
const IDENTIFIER_BYTES = TOKEN_ID_AT + TOKEN_ID_BYTES;

/** @throws INTERNAL unless both values have 32 bytes */
export function encodeIdentifier(identifier: Identifier): Uint8Array {
  const { paymentHash, tokenId } = identifier;
  if (paymentHash.length !== PAYMENT_HASH_BYTES || tokenId.length !== TOKEN_ID_BYTES) {
    throw new OracleError("INTERNAL", "an identifier needs a payment hash and a token id of 32 bytes each");
  }
  const bytes = new Uint8Array(IDENTIFIER_BYTES);
  bytes.set(paymentHash, VERSION_BYTES);
  bytes.set(tokenId, TOKEN_ID_AT);
  return bytes;
}

/** Views on `bytes`; undefined for any other length or version. */
export function decodeIdentifier(bytes: Uint8Array): Identifier | undefined {
  if (bytes.length !== IDENTIFIER_BYTES || bytes[0] !== 0 || bytes[1] !== 0) return undefined;
  return { paymentHash: bytes.subarray(VERSION_BYTES, TOKEN_ID_AT), tokenId: bytes.subarray(TOKEN_ID_AT) };
}
