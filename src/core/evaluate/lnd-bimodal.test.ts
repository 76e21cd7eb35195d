/** Vectors computed from `routing/probability_bimodal.go` with LND's default settings; amounts in satoshis. */
import { expect, test } from "vitest";
import { bimodalDirect, bimodalNode, bimodalPair, NO_WEIGHTS } from "./lnd-bimodal.ts";
import type { PairResult } from "./lnd-memory.ts";

const WEEK_SEC = 7 * 86_400;
const result = (successSat: number, failSat: number, ageSec = 0): PairResult => ({
  successMsat: successSat * 1000,
  successAgeSec: ageSec,
  failMsat: failSat * 1000,
  failAgeSec: ageSec,
});

test.each([
  [1e6, 0, 1e6, 1e5, 0.8457],
  [1e6, 0, 1e6, 5e5, 0.5],
  [1e7, 0, 1e7, 1e6, 0.5178],
  [1e7, 0, 5e6, 1e6, 0.0357],
  [1e7, 5e5, 1e7, 1e6, 0.8711],
  [1e6, 0, 5e5, 1e5, 0.6914],
])("capacity %f, success %f, failure %f, amount %f: %f", (capacity, success, fail, amount, want) => {
  expect(bimodalDirect(result(success, fail), amount * 1000, capacity * 1000)).toBeCloseTo(want, 4);
});

test("the guards: nothing above the capacity, bounds that contradict each other are forgotten", () => {
  expect(bimodalDirect(undefined, 2e9, 1e9)).toBe(0);
  expect(bimodalDirect(undefined, 1, 0)).toBe(0);
  expect(bimodalDirect(result(6e5, 5e5), 1e8, 1e9)).toBe(bimodalDirect(undefined, 1e8, 1e9));
  expect(bimodalDirect(result(2e6, 3e6), 0.9e9, 1e9)).toBeCloseTo(bimodalDirect(undefined, 0.9e9, 1e9), 12);
});

test("other results of the tail count a fifth each, unless the pair's own are fresh", () => {
  const direct = bimodalDirect(undefined, 5e8, 1e9);
  const others = [result(1, Number.POSITIVE_INFINITY), result(0, 1)];
  expect(bimodalPair(undefined, NO_WEIGHTS, 5e8, 1e9)).toBe(direct);
  expect(bimodalPair(undefined, bimodalNode(others), 5e8, 1e9)).toBeCloseTo((direct + 0.2) / 1.4, 12);
  const fresh = result(1e5, Number.POSITIVE_INFINITY);
  expect(bimodalPair(fresh, bimodalNode([fresh, ...others]), 5e8, 1e9)).toBe(bimodalDirect(fresh, 5e8, 1e9));
  const old = result(1e5, Number.POSITIVE_INFINITY, WEEK_SEC);
  expect(bimodalPair(old, bimodalNode([old, ...others]), 5e8, 1e9)).toBeCloseTo(
    (bimodalDirect(old, 5e8, 1e9) + 0.2) / 1.4,
    12,
  );
});
