/** Which of many keys one is, in constant time: a graph has millions of channel ends to look up. */
import { KEY_BYTES } from "./channel-graph.ts";

/** The place of the key at `at` in `bytes`, counted in keys; -1 when it is none of them. */
export type FindKey = (bytes: Uint8Array, at: number) => number;

/** An index of the first `count` keys of `keys`; of equal ones the first. Open addressing, at most half full. */
export function indexKeys(keys: Uint8Array, count: number): FindKey {
  const size = 2 ** Math.ceil(Math.log2(2 * count + 1));
  const places = new Int32Array(size).fill(-1);
  const placeOf = (bytes: Uint8Array, at: number): number => {
    let slot = hashKey(bytes, at) & (size - 1);
    while (places[slot]! >= 0 && !isSame(keys, places[slot]! * KEY_BYTES, bytes, at)) slot = (slot + 1) & (size - 1);
    return slot;
  };
  for (let key = 0; key < count; key++) {
    const slot = placeOf(keys, key * KEY_BYTES);
    if (places[slot]! < 0) places[slot] = key;
  }
  return (bytes, at) => places[placeOf(bytes, at)]!;
}

/** FNV-1a over all bytes, and the finaliser of MurmurHash3. */
function hashKey(bytes: Uint8Array, at: number): number {
  let hash = 0x811c9dc5;
  for (let i = at; i < at + KEY_BYTES; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function isSame(a: Uint8Array, atA: number, b: Uint8Array, atB: number): boolean {
  for (let i = 0; i < KEY_BYTES; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}
