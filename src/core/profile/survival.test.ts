import fc from "fast-check";
import { expect, test } from "vitest";
import { forecastSurvival, recordSurvival, type SurvivalFacts, type WatchedNode } from "./survival.ts";

const NOTHING = recordSurvival([]);
const node = (facts: Partial<SurvivalFacts> = {}): SurvivalFacts => ({
  enabledInbound: 1,
  inboundSat: 1_000_000,
  ageDays: 1_000,
  closed: 0,
  channelDays: 0,
  ...facts,
});
const after = (facts: Partial<SurvivalFacts>, record = NOTHING, days = 30) =>
  forecastSurvival(node(facts), record, [days])[0]!;
const watched = (count: number, each: Partial<WatchedNode>): WatchedNode[] =>
  Array.from({ length: count }, () => ({
    channels: 1,
    capacitySat: 1_000_000,
    ageDays: 1_000,
    isLost: false,
    days: 30,
    ...each,
  }));

test("without a history it is the published figure, at the published time", () => {
  expect(after({}, NOTHING, 499).probability).toBeCloseTo(0.058, 10);
  expect(after({ enabledInbound: 2, inboundSat: 2_000_000 }, NOTHING, 499).probability).toBeCloseTo(0.122, 10);
  expect(after({}, NOTHING, 30).probability).toBeCloseTo(0.058 ** (30 / 499), 10);
});

test("a node that cannot be paid now has no forecast", () => {
  expect(forecastSurvival(node({ enabledInbound: 0, inboundSat: 0 }), NOTHING, [1, 7])).toEqual([]);
});

test("more channels, and larger ones, last longer; later is never likelier; bounds hold the value", () => {
  const size = fc.integer({ min: 1, max: 2_000 });
  const sat = fc.integer({ min: 1_000, max: 1e10 });
  fc.assert(
    fc.property(size, sat, fc.integer({ min: 1, max: 300 }), (enabledInbound, inboundSat, days) => {
      const { probability, low, high } = after({ enabledInbound, inboundSat }, NOTHING, days);
      expect(low).toBeLessThanOrEqual(probability);
      expect(high).toBeGreaterThanOrEqual(probability);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeLessThanOrEqual(1);
      expect(
        after({ enabledInbound: enabledInbound + 1, inboundSat }, NOTHING, days).probability,
      ).toBeGreaterThanOrEqual(probability);
      expect(after({ enabledInbound, inboundSat: 2 * inboundSat }, NOTHING, days).probability).toBeGreaterThanOrEqual(
        probability,
      );
      expect(after({ enabledInbound, inboundSat }, NOTHING, days + 1).probability).toBeLessThanOrEqual(probability);
    }),
  );
});

test("what we saw ourselves takes the place of the prior, as far as we saw enough", () => {
  const loss = { isLost: true, days: 15 };
  const few = recordSurvival([...watched(3, {}), ...watched(1, loss)]);
  const many = recordSurvival([...watched(3_000, {}), ...watched(1_000, loss)]);
  // 1,000 losses in 105,000 node-days.
  const seen = Math.exp((-1_000 / 105_000) * 30);
  expect(after({}, many).probability).toBeCloseTo(seen, 2);
  expect(Math.abs(after({}, few).probability - seen)).toBeGreaterThan(0.02);
  const width = ({ low, high }: { low: number; high: number }) => high - low;
  expect(width(after({}, many))).toBeLessThan(width(after({}, few)) / 3);
  // Another class of size is not moved by it.
  const large = { enabledInbound: 200, inboundSat: 2e9 };
  expect(after(large, many)).toEqual(after(large));
});

test("a class of age that lasts longer than others of its size is told apart", () => {
  const record = recordSurvival([
    ...watched(1_000, { ageDays: 2_000 }),
    ...watched(500, { ageDays: 20 }),
    ...watched(500, { ageDays: 20, isLost: true, days: 15 }),
  ]);
  expect(after({ ageDays: 2_000 }, record).probability).toBeGreaterThan(
    after({ ageDays: 20 }, record).probability + 0.2,
  );
});

test("a node that loses its channels faster than others is given less time", () => {
  const steady = after({ closed: 0, channelDays: 10_000 });
  const losing = after({ closed: 100, channelDays: 10_000 });
  expect(losing.probability).toBeLessThan(after({}).probability);
  expect(steady.probability).toBeGreaterThan(after({}).probability);
});
