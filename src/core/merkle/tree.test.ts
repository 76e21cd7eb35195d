/** Trees against the definition of RFC 9162, written out by recursion, and the published roots of Certificate Transparency's test data. */
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, toHex, utf8 } from "../bytes.ts";
import {
  growthOf,
  holdsEntry,
  holdsGrowth,
  leafHash,
  nodeHash,
  pathOf,
  peaksOf,
  rootOf,
  rootOfPeaks,
  type Subtree,
} from "./tree.ts";

/** The eight entries of certificate-transparency's reference tests, and the roots of the first n of them. */
const ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** Section 2.1.1, word by word. */
function defined(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array());
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  return nodeHash(defined(leaves.slice(0, k)), defined(leaves.slice(k)));
}

const list = (size: number) => Array.from({ length: size }, (_, i) => leafHash(utf8(`entry ${i}`)));
const hashOf = (leaves: Uint8Array[], { level, index }: Subtree) =>
  defined(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
const proofOf = (leaves: Uint8Array[], index: number) =>
  pathOf(index, leaves.length).map((part) => rootOfPeaks(part.map((subtree) => hashOf(leaves, subtree))));

test("roots are those of the reference tests", () => {
  const leaves = ENTRIES.map((hex) => leafHash(fromHex(hex)!));
  expect(ROOTS.map((_, size) => toHex(rootOf(leaves.slice(0, size))))).toEqual(ROOTS);
});

test("a root is the one of the definition, whole and from complete subtrees, at every size up to 70", () => {
  for (let size = 0; size <= 70; size++) {
    const leaves = list(size);
    const root = toHex(defined(leaves));
    expect(toHex(rootOf(leaves))).toBe(root);
    expect(toHex(rootOfPeaks(peaksOf(size).map((peak) => hashOf(leaves, peak))))).toBe(root);
  }
});

test("each entry has a proof, which holds for it and for nothing else, at every size up to 40", () => {
  for (let size = 1; size <= 40; size++) {
    const leaves = list(size);
    const root = rootOf(leaves);
    for (let index = 0; index < size; index++) {
      const proof = proofOf(leaves, index);
      expect(holdsEntry(leaves[index]!, { index, size }, proof, root)).toBe(true);
      expect(holdsEntry(leafHash(utf8("other")), { index, size }, proof, root)).toBe(false);
      expect(holdsEntry(leaves[index]!, { index: (index + 1) % size, size }, proof, root)).toBe(size === 1);
      expect(holdsEntry(leaves[index]!, { index, size }, [...proof, root], root)).toBe(false);
      expect(holdsEntry(leaves[index]!, { index, size }, proof.slice(1), root)).toBe(proof.length === 0);
    }
  }
});

test("places that are in no list hold nothing", () => {
  const [leaf] = list(1);
  for (const place of [
    { index: -1, size: 1 },
    { index: 1, size: 1 },
    { index: 0, size: 0 },
    { index: 0.5, size: 1 },
    { index: 0, size: Number.NaN },
  ])
    expect(holdsEntry(leaf!, place, [], leaf!)).toBe(false);
});

/** Section 2.1.4.1, word by word: SUBPROOF(m, D_n, b). */
function definedGrowth(m: number, leaves: Uint8Array[], isOldRoot = true): Uint8Array[] {
  const n = leaves.length;
  if (m === n) return isOldRoot ? [] : [defined(leaves)];
  let k = 1;
  while (2 * k < n) k *= 2;
  return m <= k
    ? [...definedGrowth(m, leaves.slice(0, k), isOldRoot), defined(leaves.slice(k))]
    : [...definedGrowth(m - k, leaves.slice(k), false), defined(leaves.slice(0, k))];
}
const growthProof = (leaves: Uint8Array[], from: number) =>
  growthOf(from, leaves.length).map((part) => rootOfPeaks(part.map((subtree) => hashOf(leaves, subtree))));

test("a proof of growth is the one of the definition and holds, for all sizes up to 33", () => {
  for (let to = 1; to <= 33; to++) {
    const leaves = list(to);
    const newRoot = rootOf(leaves);
    for (let from = 1; from <= to; from++) {
      const proof = growthProof(leaves, from);
      expect(proof.map(toHex)).toEqual(definedGrowth(from, leaves).map(toHex));
      expect(holdsGrowth({ from, to }, proof, rootOf(leaves.slice(0, from)), newRoot)).toBe(true);
    }
    expect(holdsGrowth({ from: 0, to }, growthProof(leaves, 0), rootOf([]), newRoot)).toBe(true);
  }
});

test("a list that was rewritten, cut or given other sizes has not grown", () => {
  const sizes = fc
    .integer({ min: 2, max: 60 })
    .chain((to) => fc.tuple(fc.integer({ min: 1, max: to - 1 }), fc.constant(to)));
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), ([from, to], pick, place) => {
      const leaves = list(to);
      const [oldRoot, newRoot] = [rootOf(leaves.slice(0, from)), rootOf(leaves)];
      const proof = growthProof(leaves, from);
      const other = leafHash(utf8("other"));
      const rewritten = rootOf(leaves.with(pick % from, other));
      const refused = (sizes: { from: number; to: number }, hashes: Uint8Array[], before = oldRoot, after = newRoot) =>
        expect(holdsGrowth(sizes, hashes, before, after)).toBe(false);
      refused({ from, to }, proof, oldRoot, rewritten);
      refused({ from, to }, growthProof(leaves.with(pick % from, other), from), oldRoot, rewritten);
      refused({ from, to }, proof, rootOf(leaves.slice(0, from).with(pick % from, other)));
      refused({ from, to }, [...proof, newRoot]);
      refused({ from, to }, proof.slice(1));
      refused({ from, to }, proof.with(place % proof.length, other));
      refused({ from: to, to: from }, proof);
      refused({ from: from + 0.5, to }, proof);
      refused({ from: to, to }, proof);
    }),
  );
});
