/**
 * The random numbers of a belief world: for each thing with an identity, one uniform number per world.
 *
 * A number depends on (seed, identity, world) and nothing else, so that a channel opened elsewhere changes no other draw
 * and anyone can reproduce one. Within a group of 32 worlds the numbers of one identity fall one into each thirty-second
 * of [0, 1): a bottleneck of one channel is then estimated almost without sampling noise.
 *
 * Numbers have 16 bits and are stored as bit planes, most significant first: plane b of a group holds bit 15−b of all its
 * 32 numbers. Comparing 32 of them with a threshold takes a few word operations.
 */
import { GROUP, WORDS } from "./bits.ts";

/** Bit planes of a group. */
export const PLANES = 16;
/** Words that hold the numbers of one identity. */
export const DRAW_WORDS = WORDS * PLANES;
/** Numbers are u/65536 with u a whole number below this. */
export const DRAW_RANGE = 0x1_0000;

const STRATUM_BITS = 5;
const order = new Uint8Array(GROUP);

/** Writes the numbers of the identity (`high`, `low`) at `offset`. */
export function drawUniform(planes: Int32Array, offset: number, seed: number, high: number, low: number): void {
  const identity = mix(mix(mix(seed) ^ high) ^ low);
  for (let group = 0; group < WORDS; group++) {
    const at = offset + group * PLANES;
    let state = drawStrata(planes, at, mix(identity ^ Math.imul(group + 1, 0x9e3779b9)));
    for (let bit = STRATUM_BITS; bit < PLANES; bit++) {
      state = (state + 0x9e3779b9) | 0;
      planes[at + bit] = mix(state);
    }
  }
}

/** Gives the 32 worlds the 32 strata in random order (Fisher-Yates), as planes; returns the generator's next state. */
function drawStrata(planes: Int32Array, at: number, start: number): number {
  let state = start;
  let [p0, p1, p2, p3, p4] = [0, 0, 0, 0, 0];
  for (let i = 0; i < GROUP; i++) order[i] = i;
  for (let world = GROUP - 1; world >= 0; world--) {
    state = (state + 0x9e3779b9) | 0;
    const j = ((mix(state) >>> 16) * (world + 1)) >>> 16;
    const stratum = order[j]!;
    order[j] = order[world]!;
    p0 |= (stratum >>> 4) << world;
    p1 |= ((stratum >>> 3) & 1) << world;
    p2 |= ((stratum >>> 2) & 1) << world;
    p3 |= ((stratum >>> 1) & 1) << world;
    p4 |= (stratum & 1) << world;
  }
  planes[at] = p0;
  planes[at + 1] = p1;
  planes[at + 2] = p2;
  planes[at + 3] = p3;
  planes[at + 4] = p4;
  return state;
}

/** The worlds of one group, at `at`, whose number u is at least `threshold` (0 … 65536). */
export function drawnAtLeast(planes: Int32Array, at: number, threshold: number): number {
  if (threshold <= 0) return -1;
  if (threshold >= DRAW_RANGE) return 0;
  // Bit by bit from the top: a world is decided at the first bit in which it differs from the threshold. The first eight
  // bits are written out, since this runs half a million times per amount; they leave an eighth of a world undecided.
  let plane = planes[at]!;
  let wanted = -((threshold >>> 15) & 1);
  let below = wanted & ~plane;
  let equal = ~(plane ^ wanted);
  plane = planes[at + 1]!;
  wanted = -((threshold >>> 14) & 1);
  below |= equal & wanted & ~plane;
  equal &= ~(plane ^ wanted);
  plane = planes[at + 2]!;
  wanted = -((threshold >>> 13) & 1);
  below |= equal & wanted & ~plane;
  equal &= ~(plane ^ wanted);
  plane = planes[at + 3]!;
  wanted = -((threshold >>> 12) & 1);
  below |= equal & wanted & ~plane;
  equal &= ~(plane ^ wanted);
  plane = planes[at + 4]!;
  wanted = -((threshold >>> 11) & 1);
  below |= equal & wanted & ~plane;
  equal &= ~(plane ^ wanted);
  plane = planes[at + 5]!;
  wanted = -((threshold >>> 10) & 1);
  below |= equal & wanted & ~plane;
  equal &= ~(plane ^ wanted);
  plane = planes[at + 6]!;
  wanted = -((threshold >>> 9) & 1);
  below |= equal & wanted & ~plane;
  equal &= ~(plane ^ wanted);
  plane = planes[at + 7]!;
  wanted = -((threshold >>> 8) & 1);
  below |= equal & wanted & ~plane;
  equal &= ~(plane ^ wanted);
  for (let bit = 8; equal !== 0 && bit < PLANES; bit++) {
    plane = planes[at + bit]!;
    wanted = -((threshold >>> (PLANES - 1 - bit)) & 1);
    below |= equal & wanted & ~plane;
    equal &= ~(plane ^ wanted);
  }
  return ~below;
}

/** The number of one world, as a whole number below 65536. */
export function drawnValue(planes: Int32Array, offset: number, world: number): number {
  const at = offset + (world >>> 5) * PLANES;
  let value = 0;
  for (let bit = 0; bit < PLANES; bit++) value = 2 * value + ((planes[at + bit]! >>> (world & 31)) & 1);
  return value;
}

/** The finaliser of MurmurHash3: every input bit moves every output bit. */
export function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
