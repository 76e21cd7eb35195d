/** Mints the macaroon that a paid invoice turns into a token. Pure: nothing is kept, the key is derived again to verify. */
import { OracleError } from "../errors.ts";
import { encodeMacaroon } from "../macaroon/binary.ts";
import { type Hmac, mintMacaroon } from "../macaroon/chain.ts";
import { encodeIdentifier, type Identifier } from "./identifier.ts";
import { deriveRootKey, findMasterKey, type KeyRing } from "./root-key.ts";

/** The location every L402 server writes; clients show it and check nothing. */
const LOCATION = "lsat";

/**
 * Version 2 bytes of a token for this payment and account, good under these caveats.
 *
 * @throws INTERNAL when the token id names a key that is not in the ring, MACAROON_MALFORMED with too many caveats
 */
export function mintToken(
  hmac: Hmac,
  keyRing: KeyRing,
  token: Identifier & { readonly caveats: readonly string[] },
): Uint8Array {
  const masterKey = findMasterKey(keyRing, token.tokenId);
  if (!masterKey) throw new OracleError("INTERNAL", "a token cannot be minted under a key that is not in the ring");
  const rootKey = deriveRootKey(hmac, masterKey, token.tokenId);
  const identifier = encodeIdentifier(token);
  return encodeMacaroon(mintMacaroon(hmac, rootKey, { location: LOCATION, identifier, caveats: token.caveats }));
}
