/**
 * The chain that holds the evidence log together: each entry's hash covers the one before it.
 *
 *   hash(0) = 32 zero bytes,   hash(n) = SHA-256(hash(n − 1) ‖ UTF-8 of entry n)
 *
 * Who knows the newest hash can tell that nothing before it was changed, left out, inserted or put in another order.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, equalBytes, utf8 } from "../bytes.ts";

/** An entry as it is stored; positions count from 1. */
export type Link = { readonly position: bigint; readonly text: string; readonly hash: Uint8Array };

/** A place in the chain, and the hash that covers all up to it. */
export type ChainHead = { readonly position: bigint; readonly hash: Uint8Array };

export type ChainVerdict =
  | { readonly ok: true; readonly head: ChainHead }
  /** `position` is the first entry that does not follow from those before it. */
  | { readonly ok: false; readonly position: bigint; readonly reason: "gap" | "hash" };

/** Before the first entry. */
export const CHAIN_START: ChainHead = { position: 0n, hash: new Uint8Array(32) };

/** The hash of an entry that follows `previous`. */
export function linkHash(previous: Uint8Array, text: string): Uint8Array {
  return sha256(concatBytes(previous, utf8(text)));
}

/** Whether these entries, in order, follow from `from`. Pages of a long chain are verified one after the other. */
export function verifyChain(links: Iterable<Link>, from: ChainHead = CHAIN_START): ChainVerdict {
  let head = from;
  for (const { position, text, hash } of links) {
    const expected = head.position + 1n;
    if (position !== expected) return { ok: false, position: expected, reason: "gap" };
    if (!equalBytes(linkHash(head.hash, text), hash)) return { ok: false, position, reason: "hash" };
    head = { position, hash };
  }
  return { ok: true, head };
}
