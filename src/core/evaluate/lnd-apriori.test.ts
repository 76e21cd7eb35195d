/** Vectors computed from `routing/probability_apriori.go` with LND's default settings. */
import { expect, test } from "vitest";
import { capacityFactor } from "../prediction/lnd-apriori.ts";
import { aprioriNode, aprioriPair } from "./lnd-apriori.ts";
import type { PairResult } from "./lnd-memory.ts";

const result = (successMsat: number, failMsat = Number.POSITIVE_INFINITY, failAgeSec = 0): PairResult => ({
  successMsat,
  successAgeSec: 0,
  failMsat,
  failAgeSec,
});

test.each([
  [0.9, 0.991],
  [0.95, 0.94],
  [0.99, 0.799],
  [0.5, 1],
  [0.01, 1],
  [1.01, 0],
])("at %f of the capacity the factor is %f", (share, want) => {
  expect(capacityFactor(share * 1e6, 1e6)).toBeCloseTo(want, 3);
});

test("without results a hop is .6, whatever the amount below .9 of the capacity", () => {
  expect(aprioriNode([], 1e6, 1e9)).toBeCloseTo(0.6, 12);
  expect(aprioriNode([], 0.75e9, 1e9)).toBeCloseTo(0.6, 3);
});

test("a success and a fresh failure, and a further failure an hour old", () => {
  const fresh = [result(2e6), result(0, 5e5)];
  expect(aprioriNode(fresh, 1e6, 1e12)).toBeCloseTo(0.5167, 4);
  expect(aprioriNode([...fresh, result(0, 1e6, 3_600)], 1e6, 1e12)).toBeCloseTo(0.4429, 4);
});

test("a result of the pair itself", () => {
  expect(aprioriPair(undefined, 0.6, 1e6)).toBe(0.6);
  expect(aprioriPair(result(1e6), 0.6, 1e6)).toBe(0.95);
  expect(aprioriPair(result(0, 2e6), 0.6, 1e6)).toBe(0.6);
  expect(aprioriPair(result(0, 1e6), 0.6, 1e6)).toBe(0);
  expect(aprioriPair(result(0, 1e6, 3_600), 0.6, 1e6)).toBeCloseTo(0.3, 12);
});
