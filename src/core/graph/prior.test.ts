import fc from "fast-check";
import { expect, test } from "vitest";
import { offlineRatio, SHAPES, sameShares, shapesOf, shareAtLeast, shareBelow, UNFITTED } from "./prior.ts";

test.each([
  [0.001, 0.995],
  [0.01, 0.9534],
  [0.05, 0.8219],
  [0.1, 0.7336],
  [0.25, 0.6255],
  [0.5, 0.5],
  [0.75, 0.3745],
  [0.9, 0.2664],
  [0.95, 0.1781],
  [0.99, 0.0466],
])("an end holds at least %f of a channel with probability %f", (share, probability) => {
  expect(shareAtLeast(share)).toBeCloseTo(probability, 4);
});

test.each([
  { low: 0, high: 0.5, share: 0.1, probability: 0.4671 },
  { low: 0, high: 0.1, share: 0.05, probability: 0.3314 },
  { low: 0.2, high: 1, share: 0.5, probability: 0.7663 },
  { low: 0.1, high: 0.6, share: 0.3, probability: 0.5292 },
  { low: 0.5, high: 1, share: 0.9, probability: 0.5329 },
])("given $low ≤ x < $high, x ≥ $share has probability $probability", ({ low, high, share, probability }) => {
  expect(shareAtLeast(share, low, high)).toBeCloseTo(probability, 4);
});

test("the prior is a distribution, the same from both ends, for every shape", () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(unit, unit, unit, (a, b, edge) => {
      expect(shareBelow(Math.min(a, b), edge)).toBeLessThanOrEqual(shareBelow(Math.max(a, b), edge));
      expect(shareBelow(a, edge) + shareBelow(1 - a, edge)).toBeCloseTo(1, 10);
    }),
  );
  expect([shareBelow(0), shareBelow(1), shareBelow(-1), shareBelow(2)]).toEqual([0, 1, 0, 1]);
});

test("the density is the published polynomial", () => {
  for (const x of [0.01, 0.2, 0.5, 0.77, 0.99]) {
    const slope = (shareBelow(x + 1e-6) - shareBelow(x - 1e-6)) / 2e-6;
    expect(slope).toBeCloseTo(128 * (1 / 256 + 9 * (x - 0.5) ** 8), 4);
  }
});

test("the eight shapes scatter around the fitted one", () => {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(SHAPES.map((shape) => shape.edge))).toBeCloseTo(0.5, 10);
  expect(mean(SHAPES.map((shape) => shape.offlineFactor))).toBeCloseTo(1, 10);
});

test("every enabled inbound channel makes a node likelier to be online", () => {
  expect(offlineRatio(0)).toBeCloseTo(0.15, 10);
  for (let n = 0; n < 60; n++) expect(offlineRatio(n + 1)).toBeLessThan(offlineRatio(n));
});

test("a lean moves money to one end, and mirrors", () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(unit, unit, unit, (share, edge, lean) => {
      expect(shareBelow(share, edge, lean) + shareBelow(1 - share, edge, 1 - lean)).toBeCloseTo(1, 10);
      expect(shareBelow(share, edge, lean)).toBeGreaterThanOrEqual(shareBelow(share, edge, 1) - 1e-12);
      expect(shareBelow(share, edge, lean)).toBeLessThanOrEqual(shareBelow(share, edge, 0) + 1e-12);
    }),
  );
  expect(shareBelow(0.5, 1, 0.9)).toBeCloseTo(0.1, 10);
  expect(shareBelow(0.5, 0, 1)).toBeCloseTo(0.25, 10);
});

test("shapes gather around what was fitted as the doubt about it goes", () => {
  expect(shapesOf(UNFITTED).map(({ edge }) => edge)).toEqual(SHAPES.map(({ edge }) => expect.closeTo(edge, 12)));
  const sure = shapesOf({ ...UNFITTED, edge: 2, edgeSpread: 0.125, offlineSpread: 0.125 });
  for (const { edge, offlineFactor } of sure) {
    expect(Math.abs(edge - 1 / (1 + Math.exp(-2)))).toBeLessThan(0.03);
    expect(Math.abs(offlineFactor - 1)).toBeLessThan(0.07);
  }
});

test("priors say the same of balances when every number about them is the same", () => {
  expect(sameShares(UNFITTED, { ...UNFITTED, offline: 2, tilt: { ...UNFITTED.tilt } })).toBe(true);
  for (const other of [
    { ...UNFITTED, edge: 0.125 },
    { ...UNFITTED, edgeSpread: 0.5 },
    { ...UNFITTED, tilt: { ...UNFITTED.tilt, size: 0.5 } },
  ])
    expect(sameShares(UNFITTED, other)).toBe(false);
});
