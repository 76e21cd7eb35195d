/** Nostr keys as people write them: 64 hex digits, or bech32 `npub` and `nsec`. Source: NIP-19. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { bech32 } from "@scure/base";
import { fromHex, toHex } from "../bytes.ts";
import { OracleError } from "../errors.ts";

/** `npub1...` of a public key in hex. @throws EVENT_MALFORMED */
export function npub(pubkey: string): string {
  const bytes = fromHex(pubkey);
  if (bytes?.length !== 32) throw new OracleError("EVENT_MALFORMED", "a Nostr public key has 64 hex digits");
  return bech32.encodeFromBytes("npub", bytes);
}

/** 32 bytes from `nsec1...` or 64 hex digits. @throws CONFIG_INVALID, never with the text: it is a secret */
export function parseSecretKey(text: string): Uint8Array {
  const bytes = text.startsWith("nsec1") ? decode("nsec", text) : fromHex(text);
  if (bytes?.length === 32 && secp256k1.utils.isValidSecretKey(bytes)) return bytes;
  throw new OracleError("CONFIG_INVALID", "a Nostr secret key is 64 hex digits or nsec1...");
}

/** 64 lower-case hex digits from `npub1...` or hex in either case; undefined for anything else. */
export function parsePublicKey(text: string): string | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
  const bytes = text.startsWith("npub1") ? decode("npub", text) : undefined;
  return bytes && toHex(bytes);
}

function decode(prefix: "npub" | "nsec", text: string): Uint8Array | undefined {
  try {
    const decoded = bech32.decodeToBytes(text);
    return decoded.prefix === prefix && decoded.bytes.length === 32 ? decoded.bytes : undefined;
  } catch {
    return undefined;
  }
}
