/** Trees against the definition of RFC 9162, written out by recursion, and the published roots of Certificate Transparency's test data. */
import { sha256 } from "@noble/hashes/sha2.js";
import { expect, test } from "vitest";
import { fromHex, toHex, utf8 } from "../bytes.ts";
import { holdsEntry, leafHash, nodeHash, pathOf, peaksOf, rootOf, rootOfPeaks, type Subtree } from "./tree.ts";

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
