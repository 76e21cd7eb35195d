/** Seeded numbers for simulations: one stream per purpose, so that more draws for one leave the others as they are. */
import { mix } from "../graph/draws.ts";

/** Gives numbers in [0, 1), all multiples of 2^-32. */
export type Random = () => number;

/** The stream of a purpose under a seed. Same arguments, same numbers. */
export function randomStream(seed: number, purpose: string): Random {
  let state = mix(seed);
  for (let i = 0; i < purpose.length; i++) state = mix(state ^ Math.imul(purpose.charCodeAt(i) + 1, 0x9e3779b9));
  return () => {
    state = (state + 0x9e3779b9) | 0;
    return (mix(mix(state)) >>> 0) / 0x1_0000_0000;
  };
}

/** A whole number below `count`. */
export function drawIndex(random: Random, count: number): number {
  return Math.floor(random() * count);
}
