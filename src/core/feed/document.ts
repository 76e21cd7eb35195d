/** Bytes of a stranger as JSON, or nothing. Everything after this reads a value that has an end and a depth. */

import { sha256 } from "@noble/hashes/sha2.js";

/** No document of the forms read here is nested deeper; what is, was made to be. */
const MAX_DEPTH = 64;

/** The value of a JSON text in UTF-8; undefined when it is none, or nested too deeply. */
export function readDocument(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return isShallow(text) ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** Counts brackets outside of strings: what reads a value by recursion must not run out of stack. */
function isShallow(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > MAX_DEPTH) return false;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return true;
}

/** What tells one document from another, whatever is in it. */
export function documentDigest(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}
