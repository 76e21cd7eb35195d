/**
 * HMAC-SHA-256 for the server (RFC 2104), from two one-shot hashes.
 *
 * `createHmac` builds a context on each call, which costs several times the hashing itself on some Node versions, and
 * each paid call makes five or so. What does not fit the scratch buffers goes to `createHmac`.
 */
import { createHmac, hash } from "node:crypto";
import type { Hmac } from "../core/macaroon/chain.ts";

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** The longest message hashed here: caveats and identifiers are far below it. */
const MAX_MESSAGE_BYTES = 1_024;

// Shared by every call, which is safe because no call can begin inside another.
const inner = Buffer.alloc(BLOCK_BYTES + MAX_MESSAGE_BYTES);
const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);

/** HMAC-SHA-256 of any key and message. */
export const serverHmac: Hmac = (key, message) => {
  if (key.length > BLOCK_BYTES || message.length > MAX_MESSAGE_BYTES) {
    return createHmac("sha256", key).update(message).digest();
  }
  inner.fill(0x36, 0, BLOCK_BYTES);
  outer.fill(0x5c, 0, BLOCK_BYTES);
  for (let i = 0; i < key.length; i++) {
    inner[i] = key[i]! ^ 0x36;
    outer[i] = key[i]! ^ 0x5c;
  }
  inner.set(message, BLOCK_BYTES);
  // A digest as Latin-1 text, one character a byte, costs half of one as a Buffer, which is allocated off the heap.
  outer.write(hash("sha256", inner.subarray(0, BLOCK_BYTES + message.length), "binary"), BLOCK_BYTES, "binary");
  const digest = new Uint8Array(DIGEST_BYTES);
  const text = hash("sha256", outer, "binary");
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i] = text.charCodeAt(i);
  return digest;
};
