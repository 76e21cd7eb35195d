import { expect, test } from "vitest";
import { areaUnderCurve } from "../prediction/area-under-curve.ts";
import { fitLogistic, logit } from "./logistic.ts";
import { brierDifference, reliability, score } from "./metrics.ts";
import { randomStream } from "./random.ts";

test("scores of four predictions, by hand", () => {
  const got = score({ probability: Float64Array.of(0.9, 0.8, 0.3, 0), happened: Uint8Array.of(1, 0, 0, 0) });
  expect(got.brier).toBeCloseTo((0.01 + 0.64 + 0.09 + 1e-6) / 4, 12);
  expect(got.logLoss).toBeCloseTo(-(Math.log(0.9) + Math.log(0.2) + Math.log(0.7) + Math.log(0.999)) / 4, 12);
  expect(got.ece).toBeCloseTo((0.1 + 0.8 + 0.3 + 0.001) / 4, 12);
  expect(got.auc).toBe(1);
});

test("ties count half, and a curve needs both outcomes", () => {
  expect(areaUnderCurve([1, 1, 1, 1], [1, 0, 1, 0])).toBe(0.5);
  expect(areaUnderCurve([1, 2, 2, 3], [0, 0, 1, 1])).toBe(0.875);
  expect(areaUnderCurve([3, 2, 1], [0, 1, 1])).toBe(0);
  expect(areaUnderCurve([1, 2], [1, 1])).toBe(0.5);
});

test("what is said of a bin is compared with what happened in it", () => {
  const bins = reliability({ probability: Float64Array.of(0.72, 0.78, 1), happened: Uint8Array.of(1, 0, 1) });
  expect(bins.map(({ count }) => count)).toEqual([0, 0, 0, 0, 0, 0, 0, 2, 0, 1]);
  expect(bins[7]).toMatchObject({ mean: 0.75, happened: 0.5 });
});

test("a difference of paired scores has the error of the pairs, not of the scores", () => {
  const happened = Uint8Array.of(1, 0, 1, 0);
  const better = Float64Array.of(0.9, 0.1, 0.8, 0.2);
  const worse = better.map((p, i) => (happened[i] === 1 ? p - 0.1 : p + 0.1));
  const { mean, error } = brierDifference(better, worse, happened);
  expect(mean).toBeCloseTo(-(2 * 0.03 + 2 * 0.05) / 4, 12);
  expect(error).toBeCloseTo(0.01 / Math.sqrt(3), 12);
  expect(brierDifference(better, better, happened)).toEqual({ mean: 0, error: 0 });
});

test("recalibration finds the curve that outcomes were drawn from", () => {
  const random = randomStream(3, "logistic");
  const rows = Array.from({ length: 4_000 }, () => [6 * random() - 3, random()]);
  const truth = (row: readonly number[]) => 1 / (1 + Math.exp(-(0.5 + 1.5 * row[0]!)));
  const happened = Uint8Array.from(rows, (row) => (random() < truth(row) ? 1 : 0));
  const fitted = fitLogistic(rows, happened);
  for (const x of [-2, -1, 0, 1, 2]) expect(Math.abs(fitted([x, 0.5]) - truth([x]))).toBeLessThan(0.03);
  expect(logit(0.5)).toBe(0);
  expect(logit(0)).toBeCloseTo(Math.log(0.001 / 0.999), 12);
});

test("certain outcomes give finite weights", () => {
  const fitted = fitLogistic([[0], [1], [2], [3]], Uint8Array.of(0, 0, 1, 1));
  expect(fitted([3])).toBeGreaterThan(0.9);
  expect(fitted([0])).toBeLessThan(0.1);
});
