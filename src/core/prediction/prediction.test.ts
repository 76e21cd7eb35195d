import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bucketAmount } from "../bucket-amount.ts";
import { msat, unixSeconds } from "../units.ts";
import { calibrate, type Judged } from "./calibrate.ts";
import { lndApriori } from "./lnd-apriori.ts";
import { encodePrediction } from "./prediction.ts";

const judged = (probability: number, happened: boolean, said: number | null = null): Judged => ({
  probability,
  happened,
  lndApriori: said,
});

test("a prediction has one text", () => {
  const text = encodePrediction({
    predictionId: "p",
    kind: "probe-asked",
    at: unixSeconds(9),
    target: "02",
    amount: msat(30n),
    probability: 0.5,
    interval: { low: 0.25, high: 0.75 },
    model: "m",
    graphDigest: "aa",
    evidence: { position: 7n, head: "bb", at: unixSeconds(6) },
    seed: 1,
  });
  expect(text).toBe('[1,9,"probe-asked","p","02","30",0.5,0.25,0.75,null,"m","aa","7","bb",6,1]');
});

test.each([
  [0n, 1n],
  [1n, 1n],
  [2_999n, 1_000n],
  [3_000n, 3_000n],
  [99_999_999n, 30_000_000n],
  [1_000_000_000_000n, 1_000_000_000_000n],
])("%s msat is told as %s", (amount, told) => {
  expect(bucketAmount(msat(amount))).toBe(told);
});

test("LND says .6 per hop, less near the capacity, and nothing above it", () => {
  expect(lndApriori([])).toBe(1);
  const hop = (ratio: number) => lndApriori([{ amountMsat: ratio * 1e9, capacityMsat: 1e9 }]);
  expect(hop(0.1)).toBeCloseTo(0.6, 6);
  expect(hop(0.9) / 0.6).toBeCloseTo(0.991, 3);
  expect(hop(0.99) / 0.6).toBeCloseTo(0.799, 3);
  expect(hop(1.01)).toBe(0);
  expect(lndApriori([1, 2, 3].map(() => ({ amountMsat: 1, capacityMsat: 1e9 })))).toBeCloseTo(0.216, 6);
});

describe("calibration", () => {
  test("of nothing is nothing", () => expect(calibrate([])).toBeNull());

  test("has the textbook's scores", () => {
    const got = calibrate([judged(0.9, true, 0.6), judged(0.8, false, 0.36), judged(0.2, false), judged(0.3, true)])!;
    expect(got.brier).toBeCloseTo((0.01 + 0.64 + 0.04 + 0.49) / 4, 12);
    expect(got.logLoss).toBeCloseTo(-(Math.log(0.9) + Math.log(0.2) + Math.log(0.8) + Math.log(0.3)) / 4, 12);
    expect(got.ece).toBeCloseTo((0.1 + 0.8 + 0.2 + 0.7) / 4, 12);
    expect(got.auc).toBe(0.75);
    expect(got.skillOverBaseRate).toBeCloseTo(1 - 0.295 / 0.25, 12);
    expect(got.skillOverLnd).toBeCloseTo(1 - 0.65 / (0.16 + 0.1296), 12);
    expect([got.count, got.lndCount, got.frequency]).toEqual([4, 2, 0.5]);
    expect(got.bins.map(({ from, count }) => [from, count])).toEqual([
      [0.2, 1],
      [0.3, 1],
      [0.8, 1],
      [0.9, 1],
    ]);
  });

  test("a certainty that was wrong costs much, and not everything", () => {
    const got = calibrate([judged(1, false)])!;
    expect(got).toMatchObject({ auc: null, skillOverBaseRate: null, skillOverLnd: null, brier: 1 });
    expect(got.logLoss).toBeCloseTo(Math.log(514), 9);
  });

  test("AUC is how often the one that happened was said to be likelier", () => {
    const some = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.boolean()), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(some, (told) => {
        const [yes, no] = [true, false].map((each) => told.filter(([, happened]) => happened === each).map(([p]) => p));
        const wins = yes!.flatMap((a) => no!.map((b): number => (a > b ? 1 : a === b ? 0.5 : 0)));
        const got = calibrate(told.map(([p, happened]) => judged(p / 4, happened)))!.auc;
        if (wins.length === 0) expect(got).toBeNull();
        else expect(got).toBeCloseTo(wins.reduce((sum, win) => sum + win, 0) / wins.length, 9);
      }),
    );
  });
});
