/** The Beta distribution: its distribution function and quantiles, to about thirteen digits. */

/** Shape of a Beta distribution, both above 0: what was seen to go well and badly, with the prior's share. */
export type Beta = { readonly good: number; readonly bad: number };

/** Γ by Lanczos' series with g = 607/128 and fifteen terms (Godfrey 2001), good to the last digits of a double. */
const LANCZOS = [
  0.9999999999999971, 57.15623566586292, -59.59796035547549, 14.136097974741746, -0.4919138160976202,
  3.399464998481189e-5, 4.652362892704858e-5, -9.837447530487956e-5, 0.0001580887032249125, -0.00021026444172410488,
  0.00021743961811521265, -0.0001643181065367639, 8.441822398385275e-5, -2.6190838401581408e-5, 3.6899182659531625e-6,
];
const HALF_LOG_TWO_PI = 0.9189385332046728;

/** ln Γ(x) of x > 0. */
export function logGamma(x: number): number {
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (x + i);
  const t = x + 671 / 128;
  return (x + 0.5) * Math.log(t) - t + HALF_LOG_TWO_PI + Math.log(sum / x);
}

/** ln B(good, bad). */
export function logBeta({ good, bad }: Beta): number {
  return logGamma(good) + logGamma(bad) - logGamma(good + bad);
}

/** The probability of at most `x`, which lies in [0, 1]. `rest` is 1 − x, for those who know it better than subtraction does. */
export function betaCdf(beta: Beta, x: number, rest = 1 - x, logB = logBeta(beta)): number {
  if (x <= 0) return 0;
  if (rest <= 0) return 1;
  const { good, bad } = beta;
  const front = Math.exp(good * Math.log(x) + bad * Math.log(rest) - logB);
  // Either side's fraction converges fast below the mean; above it the other side's does.
  return x < (good + 1) / (good + bad + 2)
    ? (front / good) * fraction(good, bad, x)
    : 1 - (front / bad) * fraction(bad, good, rest);
}

const TINY = 1e-300;
const PRECISE = 1e-16;
const MOST_TERMS = 20_000;

/** The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method as Thompson and Barnett changed it. */
function fraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let product = d;
  for (let m = 1; m < MOST_TERMS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonZero(1 + even * d);
    c = nonZero(1 + even / c);
    product *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonZero(1 + odd * d);
    c = nonZero(1 + odd / c);
    const step = d * c;
    product *= step;
    if (Math.abs(step - 1) <= PRECISE) break;
  }
  return product;
}

function nonZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}

/** Log-odds beyond which a double cannot tell a probability from 0 or from 1. */
const FARTHEST = 740;
const MOST_STEPS = 200;

/** The value that is not exceeded with probability `p`, 0 < p < 1: Newton's steps in log-odds, halved where they leave the bracket. */
export function betaQuantile(beta: Beta, p: number): number {
  const { good, bad } = beta;
  const logB = logBeta(beta);
  let [low, high] = [-FARTHEST, FARTHEST];
  let y = Math.log(good / bad);
  for (let i = 0; i < MOST_STEPS; i++) {
    const [x, rest] = sidesOf(y);
    const off = betaCdf(beta, x, rest, logB) - p;
    if (off === 0) return x;
    if (off < 0) low = y;
    else high = y;
    const slope = Math.exp(good * Math.log(x) + bad * Math.log(rest) - logB);
    const next = y - off / slope;
    const step = next > low && next < high ? next : (low + high) / 2;
    if (Math.abs(step - y) <= 1e-15 * Math.max(1, Math.abs(y))) break;
    y = step;
  }
  return sidesOf(y)[0];
}

/** The probability with these log-odds, and 1 less it. */
function sidesOf(y: number): [number, number] {
  const [more, less] = [1 / (1 + Math.exp(-Math.abs(y))), 1 / (1 + Math.exp(Math.abs(y)))];
  return y < 0 ? [less, more] : [more, less];
}

export function meanOf({ good, bad }: Beta): number {
  return good / (good + bad);
}
