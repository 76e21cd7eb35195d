import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { betaCdf, betaQuantile, logGamma } from "./beta.ts";

type Row = [good: number, bad: number, p: number, quantile: number];
const quantiles = JSON.parse(readFileSync(new URL("beta-quantiles.json", import.meta.url), "utf8")) as Row[];

// Computed with mpmath at forty digits, by halving the log-odds a hundred times.
test("quantiles on a grid of shapes are exact to 1e-9", () => {
  for (const [good, bad, p, want] of quantiles) {
    const got = betaQuantile({ good, bad }, p);
    expect(Math.abs(got - want), `${good} ${bad} ${p}`).toBeLessThan(1e-9 * Math.max(want, 1e-3));
  }
});

const shape = fc.record({
  good: fc.double({ min: 0.05, max: 500, noNaN: true }),
  bad: fc.double({ min: 0.05, max: 500, noNaN: true }),
});
const probability = fc.double({ min: 0.001, max: 0.999, noNaN: true });

test("a quantile is the inverse of the distribution, and rises with it", () => {
  fc.assert(
    fc.property(shape, probability, probability, (beta, p, q) => {
      const x = betaQuantile(beta, p);
      // Where the distribution is steeper than a double resolves, the neighbouring double is the answer.
      if (x > 0 && x < 1 - 1e-6) expect(betaCdf(beta, x)).toBeCloseTo(p, 8);
      const [low, high] = p < q ? [p, q] : [q, p];
      // Two probabilities a few bits apart may round to quantiles in either order.
      expect(betaQuantile(beta, low)).toBeLessThanOrEqual(betaQuantile(beta, high) * (1 + 1e-12));
    }),
  );
});

test("more that went well raises every quantile, more that went badly lowers it", () => {
  fc.assert(
    fc.property(shape, probability, fc.double({ min: 0.01, max: 20, noNaN: true }), ({ good, bad }, p, more) => {
      const x = betaQuantile({ good, bad }, p);
      expect(betaQuantile({ good: good + more, bad }, p)).toBeGreaterThanOrEqual(x - 1e-12);
      expect(betaQuantile({ good, bad: bad + more }, p)).toBeLessThanOrEqual(x + 1e-12);
    }),
  );
});

test("the logarithm of the gamma function, where it is known", () => {
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 14);
  expect(logGamma(11)).toBeCloseTo(Math.log(3_628_800), 13);
  expect(logGamma(1e-3)).toBeCloseTo(6.907178885383853, 12);
});
