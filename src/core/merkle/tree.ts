/**
 * Merkle trees over lists: one hash for all of a list, a short proof that it holds an entry, and one that it has only grown.
 * Source: RFC 9162, section 2.1 (the trees of RFC 6962), with SHA-256.
 *
 *   leaf(d) = SHA-256(0x00 ‖ d)     node(l, r) = SHA-256(0x01 ‖ l ‖ r)     root of nothing = SHA-256("")
 *
 * The left half of n entries has the largest power of two below n.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, equalBytes } from "../bytes.ts";

/** A complete subtree: the entries from `index * 2 ** level` on, `2 ** level` of them. */
export type Subtree = { readonly level: number; readonly index: number };

/** 32 bytes. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(0), entry));
}

/** 32 bytes, of two neighbours. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}

/** The root over the leaf hashes of a list. */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array());
  let row = leaves;
  while (row.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < row.length; i += 2) {
      const right = row[i + 1];
      next.push(right ? nodeHash(row[i]!, right) : row[i]!);
    }
    row = next;
  }
  return row[0]!;
}

/** The complete subtrees that together are the tree of `size` entries, largest first: at most 53. */
export function peaksOf(size: number): Subtree[] {
  const peaks: Subtree[] = [];
  let from = 0;
  for (let level = 52; level >= 0; level--) {
    const span = 2 ** level;
    if (from + span > size) continue;
    peaks.push({ level, index: from / span });
    from += span;
  }
  return peaks;
}

/** The root from the hashes of {@link peaksOf}, in that order. */
export function rootOfPeaks(peaks: readonly Uint8Array[]): Uint8Array {
  if (peaks.length === 0) return sha256(new Uint8Array());
  return peaks.reduceRight((right, left) => nodeHash(left, right));
}

/**
 * What has to be hashed beside entry `index` (from 0) on its way to the root of `size`, lowest first. Each element is the complete
 * subtrees whose hashes, put together as {@link rootOfPeaks} does, are one hash of the path.
 */
export function pathOf(index: number, size: number): Subtree[][] {
  const path: Subtree[][] = [];
  let [from, count] = [0, size];
  while (count > 1) {
    const left = largestPowerBelow(count);
    const inLeft = index - from < left;
    path.push(inLeft ? peaksAt(from + left, count - left) : peaksAt(from, left));
    if (inLeft) count = left;
    else [from, count] = [from + left, count - left];
  }
  return path.reverse();
}

/** Whether a path leads from the hash of entry `index` (from 0) to the root of a list of `size`. Source: RFC 9162, 2.1.3.2. */
export function holdsEntry(
  leaf: Uint8Array,
  { index, size }: { index: number; size: number },
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let [place, last, hash] = [index, size - 1, leaf];
  for (const beside of path) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(beside, hash);
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else hash = nodeHash(hash, beside);
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 && equalBytes(hash, root);
}

/**
 * What shows that the tree of `to` entries begins with the tree of `from`, in the form of {@link pathOf}. Nothing has to be
 * shown of no entries, nor of all of them. Source: RFC 9162, 2.1.4.1.
 */
export function growthOf(from: number, to: number): Subtree[][] {
  if (from === 0 || from >= to) return [];
  const proof: Subtree[][] = [];
  let [start, count] = [0, to];
  // While true, the part looked at begins the old tree too, whose root the reader has.
  let isOldRoot = true;
  while (from - start < count) {
    const left = largestPowerBelow(count);
    const inLeft = from - start <= left;
    proof.push(inLeft ? peaksAt(start + left, count - left) : peaksAt(start, left));
    if (inLeft) count = left;
    else [start, count, isOldRoot] = [start + left, count - left, false];
  }
  if (!isOldRoot) proof.push(peaksAt(start, count));
  return proof.reverse();
}

/** Whether a list of `to` entries with root `newRoot` begins with the `from` entries of `oldRoot`. Source: RFC 9162, 2.1.4.2. */
export function holdsGrowth(
  { from, to }: { from: number; to: number },
  proof: readonly Uint8Array[],
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
): boolean {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to) return false;
  if (from === 0) return proof.length === 0 && equalBytes(oldRoot, rootOf([]));
  if (from === to) return proof.length === 0 && equalBytes(oldRoot, newRoot);
  let [place, last] = [from - 1, to - 1];
  while (place % 2 === 1) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  // An old tree that is complete is a part of the new one, and its root is not repeated.
  const [first, ...rest] = place === 0 ? [oldRoot, ...proof] : proof;
  if (!first) return false;
  let [old, grown] = [first, first];
  for (const beside of rest) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      [old, grown] = [nodeHash(beside, old), nodeHash(beside, grown)];
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else grown = nodeHash(grown, beside);
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 && equalBytes(old, oldRoot) && equalBytes(grown, newRoot);
}

/** Complete subtrees of `count` entries from `from` on, which begins where one of their size can. */
function peaksAt(from: number, count: number): Subtree[] {
  return peaksOf(count).map(({ level, index }) => ({ level, index: index + from / 2 ** level }));
}

function largestPowerBelow(count: number): number {
  return 2 ** Math.floor(Math.log2(count - 1));
}
