import fc from "fast-check";
import { expect, test } from "vitest";
import { shareAt, shareCdf, uniform } from "./chance.ts";

test.each([
  { share: 0.001, above: 0.995 },
  { share: 0.05, above: 0.8219 },
  { share: 0.25, above: 0.6255 },
  { share: 0.5, above: 0.5 },
  { share: 0.95, above: 0.1781 },
  { share: 0.99, above: 0.0466 },
])("a balance is at least $share of the channel with probability $above", ({ share, above }) => {
  expect(1 - shareCdf(share)).toBeCloseTo(above, 4);
});

test("the inverse undoes the distribution and stays within the channel", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (u) => {
      const share = shareAt(u);
      expect(share >= 0 && share <= 1).toBe(true);
      expect(shareCdf(share)).toBeCloseTo(u, 3);
    }),
  );
});

test("one number per seed and thing, spread evenly, however alike the things are", () => {
  const draws = Array.from({ length: 20_000 }, (_, i) => uniform(7, `channel ${i}`));
  expect(draws[5]).toBe(uniform(7, "channel 5"));
  expect(draws[5]).not.toBe(uniform(8, "channel 5"));
  const buckets = new Array<number>(20).fill(0);
  for (const draw of draws) buckets[Math.floor(draw * 20)]!++;
  // Each holds 1,000 ± 5 standard deviations.
  for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(160);
});
