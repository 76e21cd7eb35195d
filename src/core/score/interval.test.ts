import fc from "fast-check";
import { expect, test } from "vitest";
import { everyWorld, WORDS } from "../graph/bits.ts";
import { chanceOf, chanceOfWorlds } from "./interval.ts";

test("the interval holds the probability and stays between 0 and 1", () => {
  const groups = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: WORDS, maxLength: WORDS });
  fc.assert(
    fc.property(groups, (ratios) => {
      const { probability, interval } = chanceOf(ratios);
      expect(interval.low).toBeLessThanOrEqual(probability + 1e-12);
      expect(interval.high).toBeGreaterThanOrEqual(probability - 1e-12);
      expect(interval.low).toBeGreaterThanOrEqual(0);
      expect(interval.high).toBeLessThanOrEqual(1);
    }),
  );
});

test("groups that disagree widen it", () => {
  const width = (spread: number) => {
    const ratios = Array.from({ length: WORDS }, (_, g) => 0.5 + (g % 2 === 0 ? spread : -spread));
    const { interval } = chanceOf(ratios);
    return interval.high - interval.low;
  };
  expect(width(0)).toBeCloseTo(2 * 1.645 * Math.sqrt(0.25 / 256), 2);
  for (const spread of [0.05, 0.1, 0.2, 0.4]) expect(width(spread)).toBeGreaterThan(width(spread / 2) + 0.02);
});

test("not even all worlds are certainty", () => {
  const { probability, interval } = chanceOfWorlds(everyWorld());
  expect(probability).toBe(1);
  expect(interval.high).toBeCloseTo(1, 12);
  expect(interval.low).toBeCloseTo(0.9895, 3);
  expect(chanceOfWorlds(new Int32Array(WORDS)).interval.high).toBeCloseTo(0.0105, 3);
});
