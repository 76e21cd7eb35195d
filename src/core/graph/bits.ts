/** Sets of worlds as bits: world k is bit k mod 32 of word k div 32. Each word is also one group with its own {@link Shape}. */

/** Worlds drawn at once. */
export const WORLDS = 256;
/** 32-bit words of a set of worlds, and groups of worlds. */
export const WORDS = 8;
/** Worlds of a group. */
export const GROUP = 32;

/** One set of worlds. */
export type WorldSet = Int32Array<ArrayBuffer>;

/** All worlds. */
export function everyWorld(): WorldSet {
  return new Int32Array(WORDS).fill(-1);
}

/** Copies the set of entry `index` out of an array of sets. */
export function worldsAt(sets: Int32Array, index: number): WorldSet {
  const worlds = new Int32Array(WORDS);
  for (let g = 0; g < WORDS; g++) worlds[g] = sets[index * WORDS + g]!;
  return worlds;
}

/** Number of worlds in the set at entry `index`. */
export function countWorlds(sets: Int32Array, index = 0): number {
  let count = 0;
  for (let i = index * WORDS; i < (index + 1) * WORDS; i++) count += countBits(sets[i]!);
  return count;
}

/** Worlds in both sets. */
export function both(a: WorldSet, b: WorldSet): WorldSet {
  return a.map((word, g) => word & b[g]!);
}

/** Worlds in either set. */
export function either(a: WorldSet, b: WorldSet): WorldSet {
  return a.map((word, g) => word | b[g]!);
}

/** Set bits of a 32-bit word. */
export function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
