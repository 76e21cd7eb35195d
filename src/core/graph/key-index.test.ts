import fc from "fast-check";
import { expect, test } from "vitest";
import { KEY_BYTES } from "./channel-graph.ts";
import { indexKeys } from "./key-index.ts";

const anyKeys = fc.array(
  // Few values and lengths of equal beginning: doubles, and keys that differ in one byte.
  fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 2 }), fc.nat({ max: KEY_BYTES - 1 })),
  { maxLength: 200 },
);

function bytesOf(drafts: readonly [number, number, number][]): Uint8Array {
  const bytes = new Uint8Array(drafts.length * KEY_BYTES);
  for (const [key, [fill, other, at]] of drafts.entries()) {
    bytes.fill(fill, key * KEY_BYTES, (key + 1) * KEY_BYTES);
    bytes[key * KEY_BYTES + at] = other;
  }
  return bytes;
}
const textOf = (bytes: Uint8Array, key: number) => bytes.subarray(key * KEY_BYTES, (key + 1) * KEY_BYTES).toString();

test("finds the first of equal keys, and none that is not there", () => {
  fc.assert(
    fc.property(anyKeys, anyKeys, (ours, others) => {
      const [keys, asked] = [bytesOf(ours), bytesOf(others)];
      const find = indexKeys(keys, ours.length);
      const texts = ours.map((_, key) => textOf(keys, key));
      for (const key of ours.keys()) expect(find(keys, key * KEY_BYTES)).toBe(texts.indexOf(texts[key]!));
      for (const key of others.keys()) expect(find(asked, key * KEY_BYTES)).toBe(texts.indexOf(textOf(asked, key)));
    }),
  );
});
