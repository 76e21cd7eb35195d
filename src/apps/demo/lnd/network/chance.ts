/**
 * Chance that is the same on every machine: one number per (seed, thing), never a running generator, so that
 * adding a channel to the world redraws no other.
 *
 * Shares of a channel follow the density 128·(1/256 + 9·(x−½)^8) on [0, 1]: half uniform, half at the two ends.
 */

/** 32 bits of a text (FNV-1a), finished so that neighbouring texts do not give neighbouring numbers. */
export function hashText(seed: number, text: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return finish(hash ^ seed);
}

/** Uniform in [0, 1), from a seed and what is drawn for. */
export function uniform(seed: number, text: string): number {
  const high = hashText(seed, text);
  const low = finish(high ^ 0x9e3779b9 ^ Math.imul(seed, 0x85ebca6b));
  return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53;
}

/** The murmur3 finaliser: every bit of the input moves every bit of the output. */
function finish(bits: number): number {
  let hash = bits;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Probability that a share is at most `x`: 0 at 0, ½ at ½, 1 at 1. */
export function shareCdf(x: number): number {
  const y = x - 0.5;
  return 128 * (y / 256 + y ** 9) + 0.5;
}

const STEPS = 4096;
const SHARES = Float64Array.from({ length: STEPS + 1 }, (_, step) => bisect(step / STEPS));

/** The share below which a part `u` of all channels lies: the inverse of {@link shareCdf}. */
export function shareAt(u: number): number {
  const at = Math.min(Math.max(u, 0), 1) * STEPS;
  const step = Math.min(Math.floor(at), STEPS - 1);
  return SHARES[step]! + (SHARES[step + 1]! - SHARES[step]!) * (at - step);
}

function bisect(u: number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 52; i++) {
    const middle = (low + high) / 2;
    if (shareCdf(middle) < u) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
