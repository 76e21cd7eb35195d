/** A fingerprint of what an event says, whatever the moment it was said. */
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex, utf8 } from "../bytes.ts";
import type { UnsignedEvent } from "./event.ts";

/** Tags that move with time alone, and the proof of work that a relay asked for (NIP-13). */
const SILENT_TAGS = new Set(["as_of", "expiration", "nonce"]);

/** 64 hex digits over author, kind, content and every tag except `as_of`, `expiration` and `nonce`. */
export function contentHash(event: UnsignedEvent): string {
  const tags = event.tags.filter(([name = ""]) => !SILENT_TAGS.has(name));
  return toHex(sha256(utf8(JSON.stringify([event.pubkey, event.kind, tags, event.content]))));
}
