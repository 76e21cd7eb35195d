import fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../../testing/synthetic-graph.ts";
import { type Beta, betaQuantile, meanOf } from "./beta.ts";
import { boundProducts } from "./product.ts";

const of = (...shapes: [number, number][]): Beta[] => shapes.map(([good, bad]) => ({ good, bad }));

test("of one factor the bounds are its quantiles", () => {
  for (const beta of of([0.5, 0.5], [30, 0.5], [2, 7], [400, 3])) {
    const [bounds] = boundProducts([beta]);
    expect(bounds!.low).toBeCloseTo(betaQuantile(beta, 0.05), 2);
    expect(bounds!.high).toBeCloseTo(betaQuantile(beta, 0.95), 2);
  }
});

test("of uniform factors they are those of the known distribution of their product", () => {
  // −2·ln of the product of n uniform numbers is chi-squared with 2n degrees of freedom: quantiles from its table.
  const bounds = boundProducts(of([1, 1], [1, 1], [1, 1], [1, 1], [1, 1]));
  expect(bounds[4]!.low).toBeCloseTo(Math.exp(-18.307038 / 2), 3);
  expect(bounds[4]!.high).toBeCloseTo(Math.exp(-3.940299 / 2), 3);
  expect(bounds[1]!.low).toBeCloseTo(Math.exp(-9.487729 / 2), 3);
  expect(bounds[1]!.high).toBeCloseTo(Math.exp(-0.710723 / 2), 3);
});

test.each([
  { name: "nothing is known", factors: of([0.5, 0.5], [0.93, 0.05], [0.83, 0.15], [0.83, 0.15], [0.8, 0.18]) },
  { name: "much is known", factors: of([30, 0.5], [30, 0.5], [12, 1], [12, 1], [8, 1]) },
  { name: "half is known", factors: of([29, 0.5], [29, 0.5], [0.83, 0.15], [0.83, 0.15], [9, 1]) },
  { name: "it goes badly", factors: of([3, 0.5], [1, 0.5], [2, 2], [1, 1], [8, 10]) },
])("where $name, 95 % intervals hold between 94 and 96 %, and 90 % ones between 89 and 91 %", ({ factors }) => {
  const random = seededRandom(11);
  const draws = 20_000;
  const tables = factors.map((beta) => Array.from({ length: 2_000 }, (_, i) => betaQuantile(beta, (i + 0.5) / 2_000)));
  const [wide, narrow] = [boundProducts(factors, 0.95).at(-1)!, boundProducts(factors).at(-1)!];
  let [inWide, inNarrow] = [0, 0];
  for (let i = 0; i < draws; i++) {
    const product = tables.reduce((all, table) => all * table[Math.floor(random() * table.length)]!, 1);
    if (product >= wide.low && product <= wide.high) inWide++;
    if (product >= narrow.low && product <= narrow.high) inNarrow++;
  }
  expect(Math.abs(inWide / draws - 0.95)).toBeLessThan(0.01);
  expect(Math.abs(inNarrow / draws - 0.9)).toBeLessThan(0.01);
});

const shape = fc.record({
  good: fc.double({ min: 0.2, max: 40, noNaN: true }),
  bad: fc.double({ min: 0.05, max: 40, noNaN: true }),
});
test("another factor lowers both bounds, and a better one raises them", () => {
  fc.assert(
    fc.property(
      fc.array(shape, { minLength: 2, maxLength: 5 }),
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      (factors, more) => {
        const bounds = boundProducts(factors);
        const slack = 4e-3;
        for (let i = 1; i < bounds.length; i++) {
          expect(bounds[i]!.low).toBeLessThanOrEqual(bounds[i - 1]!.low + slack);
          expect(bounds[i]!.high).toBeLessThanOrEqual(bounds[i - 1]!.high + slack);
        }
        const [first, ...rest] = factors as [Beta, ...Beta[]];
        const better = boundProducts([{ good: first.good + more, bad: first.bad }, ...rest]);
        expect(meanOf({ good: first.good + more, bad: first.bad })).toBeGreaterThan(meanOf(first));
        expect(better.at(-1)!.low).toBeGreaterThanOrEqual(bounds.at(-1)!.low - slack);
        expect(better.at(-1)!.high).toBeGreaterThanOrEqual(bounds.at(-1)!.high - slack);
      },
    ),
    { numRuns: 60 },
  );
});
