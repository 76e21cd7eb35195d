/**
 * A message signed by a Lightning node, as LND's `SignMessage` and Core Lightning's `signmessage` (its field `zbase`) write it:
 * a compact recoverable ECDSA signature of SHA256(SHA256("Lightning Signed Message:" ‖ message)) in z-base-32.
 */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex, utf8 } from "../bytes.ts";
import { fromZbase32 } from "./zbase32.ts";

const PREFIX = "Lightning Signed Message:";
/** 65 bytes: a header, r and s. */
export const NODE_SIGNATURE_CHARACTERS = 104;
/** The first header of a signature by a compressed key; the recovery id, 0 to 3, is added to it. */
const FIRST_HEADER = 31;

/** SHA-256, twice: what is signed of a message. */
export function nodeDigest(message: string): Uint8Array {
  return sha256(sha256(utf8(PREFIX + message)));
}

/**
 * The key of the node that signed a message, 66 lower-case hex digits; undefined when the text is no signature. Whatever is one
 * has some key: it proves something only once that key is compared. A node need not be in any graph (LND's `VerifyMessage` asks for it).
 */
export function nodeThatSigned(message: string, zbase32: string): string | undefined {
  if (zbase32.length !== NODE_SIGNATURE_CHARACTERS) return undefined;
  const bytes = fromZbase32(zbase32);
  const recovery = (bytes?.[0] ?? 0) - FIRST_HEADER;
  if (!bytes || recovery < 0 || recovery > 3) return undefined;
  const recovered = Uint8Array.of(recovery, ...bytes.subarray(1));
  try {
    return toHex(secp256k1.recoverPublicKey(recovered, nodeDigest(message), { prehash: false }));
  } catch {
    return undefined;
  }
}
