/** Names of onion services: a public key with a checksum, so that a mistyped one is known without asking. Source: Tor rend-spec-v3, 6. */
import { createHash } from "node:crypto";

const FORM = /^(?:[a-z0-9-]{1,63}\.)*([a-z2-7]{56})\.onion$/;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const VERSION = 3;

/** Whether a service of version 3 can have this name; labels before the key are its own affair. */
export function isOnionName(host: string): boolean {
  const [, text] = FORM.exec(host) ?? [];
  if (text === undefined) return false;
  const bytes = fromBase32(text);
  return bytes[34] === VERSION && checksum(bytes.subarray(0, 32)).equals(bytes.subarray(32, 34));
}

/** Two bytes. @param publicKey 32 bytes, Ed25519 */
function checksum(publicKey: Uint8Array): Buffer {
  const hash = createHash("sha3-256").update(".onion checksum").update(publicKey);
  return hash.update(Uint8Array.of(VERSION)).digest().subarray(0, 2);
}

/** 56 characters of 5 bits are 35 bytes, without a remainder. Source: RFC 4648, in small letters. */
function fromBase32(text: string): Buffer {
  let bits = 0n;
  for (const character of text) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(character));
  return Buffer.from(bits.toString(16).padStart(70, "0"), "hex");
}
