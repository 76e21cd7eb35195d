import fc from "fast-check";
import { expect, test } from "vitest";
import { choose } from "./choose.ts";
import { expectedCost, hopedCost, leastCost, type Offer, paymentLowOf, UNKNOWN_LATENCY_MS } from "./cost.ts";

const candidate = fc
  .record({ floor: fc.nat(50), more: fc.nat(30), operator: fc.nat(6), payee: fc.nat(4) })
  .map(({ floor, more, operator, payee }) => ({
    floorMsat: floor,
    costMsat: floor + more,
    groups: [`operator ${operator}`, `payee ${payee}`],
  }));

test("whatever is read, in the order of floors and without groups that are full, a settled choice is that among all", () => {
  fc.assert(
    fc.property(
      fc.array(candidate, { maxLength: 60 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 9 }),
      (drawn, limit, size) => {
        const all = drawn.map((each, i) => ({ ...each, id: BigInt(i) })).sort((a, b) => a.floorMsat - b.floorMsat);
        const want = choose(all, limit, Number.POSITIVE_INFINITY).chosen;
        const read: typeof all = [];
        let full: readonly string[] = [];
        let left = all;
        for (;;) {
          const page = left.filter(({ groups }) => !groups.some((group) => full.includes(group))).slice(0, size);
          left = left.slice(left.indexOf(page.at(-1)!) + 1);
          read.push(...page);
          const choice = choose(read, limit, page.length < size ? Number.POSITIVE_INFINITY : page.at(-1)!.floorMsat);
          full = choice.full;
          if (!choice.isSettled) continue;
          expect(choice.chosen).toEqual(want);
          return;
        }
      },
    ),
  );
});

const offer: Offer = {
  priceMsat: 10_000,
  latencyMs: 400,
  paid: { low: 0.8, high: 0.95 },
  unpaid: { low: 0.5, high: 0.9 },
};
const typical = { paymentLow: 0.8, feeMsat: 100 };

test("the cost of a good answer: what is paid until one is, and what is waited for", () => {
  expect(expectedCost(offer, typical)).toBeCloseTo(10_100 / 0.8 + 400 / (0.5 * 0.8), 9);
});

test("dearer, slower, less likely, harder to reach or less known is never cheaper; no caller gets it below the least", () => {
  const unit = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.nat(1e6), fc.nat(20_000), unit, unit, unit, unit, (price, latency, paid, unpaid, payment, worse) => {
      const of = (over: Partial<Offer>, by: Partial<typeof typical> = {}) =>
        expectedCost(
          {
            priceMsat: price,
            latencyMs: latency,
            paid: { low: paid, high: 1 },
            unpaid: { low: unpaid, high: 1 },
            ...over,
          },
          { paymentLow: payment, feeMsat: 10, ...by },
        )!;
      const cost = of({});
      expect(of({ priceMsat: price + 1 })).toBeGreaterThanOrEqual(cost);
      expect(of({ latencyMs: latency + 1 })).toBeGreaterThanOrEqual(cost);
      expect(of({ paid: { low: paid * worse, high: 1 } })).toBeGreaterThanOrEqual(cost);
      expect(of({ unpaid: { low: unpaid * worse, high: 1 } })).toBeGreaterThanOrEqual(cost);
      expect(of({}, { paymentLow: payment * worse })).toBeGreaterThanOrEqual(cost);
      expect(of({}, { feeMsat: 11 })).toBeGreaterThanOrEqual(cost);
      expect(of({ latencyMs: undefined })).toBeGreaterThanOrEqual(of({ latencyMs: UNKNOWN_LATENCY_MS }));
      expect(
        leastCost({
          priceMsat: price,
          latencyMs: latency,
          paid: { low: paid, high: 1 },
          unpaid: { low: unpaid, high: 1 },
        })!,
      ).toBeLessThanOrEqual(cost);
    }),
  );
});

test("what is hoped for is no more than what is expected, and of an unknown price nothing is said", () => {
  expect(hopedCost(offer)!).toBeLessThan(leastCost(offer)!);
  const unpriced = { ...offer, priceMsat: undefined };
  expect([expectedCost(unpriced, typical), leastCost(unpriced), hopedCost(unpriced)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("payments that arrived make the next one likelier, for every caller", () => {
  const reach = { probability: 0.7, interval: { low: 0.5, high: 0.85 } };
  const nobody = paymentLowOf(reach, { good: 0, bad: 0 });
  expect(paymentLowOf(reach, { good: 5, bad: 0 })).toBeGreaterThan(nobody);
  expect(paymentLowOf(reach, { good: 0, bad: 5 })).toBeLessThan(nobody);
});
