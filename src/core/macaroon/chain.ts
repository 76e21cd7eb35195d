/**
 * The HMAC chain that makes a macaroon narrowable by anyone and widenable by nobody (libmacaroons).
 *
 * signature 0 = H(H("macaroons-key-generator", root key), identifier); each caveat's is H(the one before, caveat).
 * H is an argument: a server and a browser compute it in different ways.
 */
import { equalBytes, utf8 } from "../bytes.ts";
import { MAX_CAVEATS, type Macaroon, malformed } from "./macaroon.ts";

/** HMAC-SHA-256: 32 fresh bytes. */
export type Hmac = (key: Uint8Array, message: Uint8Array) => Uint8Array;

const KEY_GENERATOR = utf8("macaroons-key-generator");

/** Signs a new macaroon, with its first caveats. @throws MACAROON_MALFORMED with too many of them */
export function mintMacaroon(
  hmac: Hmac,
  rootKey: Uint8Array,
  parts: { location: string; identifier: Uint8Array; caveats: readonly string[] },
): Macaroon {
  const { location, identifier } = parts;
  const signature = hmac(hmac(KEY_GENERATOR, rootKey), identifier);
  return parts.caveats.reduce<Macaroon>((macaroon, caveat) => attenuate(hmac, macaroon, caveat), {
    location,
    identifier,
    caveats: [],
    signature,
  });
}

/** The same macaroon, good under one more condition. Needs no key. @throws MACAROON_MALFORMED when it is full */
export function attenuate(hmac: Hmac, macaroon: Macaroon, caveat: string): Macaroon {
  if (macaroon.caveats.length >= MAX_CAVEATS) throw malformed(`more than ${MAX_CAVEATS} caveats`);
  const id = utf8(caveat);
  return { ...macaroon, caveats: [...macaroon.caveats, { id }], signature: hmac(macaroon.signature, id) };
}

/**
 * The signature after each caveat, when this macaroon grew from one that was minted under `rootKey`; undefined when it
 * did not. Compared in constant time.
 */
export function chainSignatures(hmac: Hmac, macaroon: Macaroon, rootKey: Uint8Array): Uint8Array[] | undefined {
  const signatures: Uint8Array[] = [];
  let signature = hmac(hmac(KEY_GENERATOR, rootKey), macaroon.identifier);
  for (const { id } of macaroon.caveats) {
    signature = hmac(signature, id);
    signatures.push(signature);
  }
  return equalBytes(signature, macaroon.signature) ? signatures : undefined;
}

/** Whether this macaroon grew from one that was minted under `rootKey`. */
export function signatureHolds(hmac: Hmac, macaroon: Macaroon, rootKey: Uint8Array): boolean {
  return chainSignatures(hmac, macaroon, rootKey) !== undefined;
}
