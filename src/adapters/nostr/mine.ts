/** A proof of work: a nonce that gives an event's id so many leading zero bits. In short slices, so that other work runs between. Source: NIP-13. */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { UnsignedEvent } from "../../core/nip85/event.ts";

/** About five milliseconds. */
const SLICE = 1_024;
/** Eight times what twenty bits take on average; one in three thousand tries of that size is given up. */
const MAX_MS = 30_000;

/** The event with a `nonce` tag that commits to `bits`; undefined when aborted, or when the time is up. */
export async function mine(
  event: UnsignedEvent,
  bits: number,
  signal: AbortSignal,
  maxMs = MAX_MS,
): Promise<UnsignedEvent | undefined> {
  const { pubkey, created_at, kind, content } = event;
  const tags = event.tags.filter(([name]) => name !== "nonce");
  const before = tags.map((tag) => `${JSON.stringify(tag)},`).join("");
  // The text that is hashed, on both sides of the nonce.
  const head = `${JSON.stringify([0, pubkey, created_at, kind]).slice(0, -1)},[${before}["nonce","`;
  const tail = `","${bits}"]],${JSON.stringify(content)}]`;
  const begun = createHash("sha256").update(head);
  const endMs = performance.now() + maxMs;
  for (let nonce = 0; !signal.aborted && performance.now() < endMs; await setImmediate()) {
    for (const end = nonce + SLICE; nonce < end; nonce++) {
      const digest = begun.copy().update(`${nonce}${tail}`).digest();
      if (zeroBits(digest) >= bits) return { ...event, tags: [...tags, ["nonce", String(nonce), String(bits)]] };
    }
  }
  return undefined;
}

function zeroBits(digest: Buffer): number {
  for (const [index, byte] of digest.entries()) if (byte !== 0) return 8 * index + Math.clz32(byte) - 24;
  return 8 * digest.length;
}
