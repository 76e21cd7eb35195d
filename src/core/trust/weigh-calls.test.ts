import fc from "fast-check";
import { expect, test } from "vitest";
import { callsUpTo, someCall } from "../../testing/some-call.ts";
import { STAGES } from "../endpoint/call.ts";
import { CALL_SOURCES, type CallEvidence } from "../evidence/call.ts";
import { unixSeconds } from "../units.ts";
import { believeEndpoint } from "./believe-endpoint.ts";
import { halfLives, NO_TALLIES, STARTING_MODEL } from "./model.ts";
import { MOST_CALLS, weighCalls } from "./weigh-calls.ts";

const NOW = 1_770_000_000;
const DAY = 86_400;
const at = { now: unixSeconds(NOW), halfLifeSec: halfLives(STARTING_MODEL) };
const weigh = (calls: readonly CallEvidence[]) => weighCalls(calls, at);
const believe = (calls: readonly CallEvidence[]) =>
  believeEndpoint(STARTING_MODEL, { category: undefined, own: weigh(calls), siblings: NO_TALLIES, reach: undefined });

test("a call says that the stages before its last went well, and of later ones nothing", () => {
  const tallies = weigh([someCall({ at: NOW, stage: "delivery", good: false })]);
  const whole = MOST_CALLS * (1 - 2 ** (-1 / 20));
  expect(tallies.challenge).toEqual({ good: whole, bad: 0 });
  expect(tallies.payment).toEqual({ good: whole, bad: 0 });
  expect(tallies.delivery).toEqual({ good: 0, bad: whole });
  expect(tallies.quality).toEqual({ good: 0, bad: 0 });
});

test("a call counts half after the half-life, and half when twenty have come after it", () => {
  const fresh = weigh([someCall({ at: NOW })]).challenge.good;
  const [halfLife] = [at.halfLifeSec.challenge];
  expect(weigh([someCall({ at: NOW - halfLife })]).challenge.good).toBeCloseTo(fresh / 2, 1);
  const before = someCall({ at: NOW - 1, good: false, stage: "challenge" });
  const twenty = callsUpTo(NOW, 20, 0, { stage: "challenge" });
  expect(weigh([before, ...twenty]).challenge.bad).toBeCloseTo(fresh / 2, 2);
});

test("a stranger's word counts for what anybody can see, and little; whoever paid counts half as much as we do", () => {
  const of = (source: (typeof CALL_SOURCES)[number]) => weigh([someCall({ at: NOW, source })]);
  expect(of("signed").delivery).toEqual({ good: 0, bad: 0 });
  const weights = CALL_SOURCES.map((source) => of(source).challenge.good);
  expect(weights[1]! / weights[0]!).toBeCloseTo(0.5, 1);
  expect(weights).toEqual([...weights].sort((a, b) => b - a));
});

const anyCall = fc
  .record({
    ago: fc.integer({ min: -600, max: 200 * DAY }),
    stage: fc.constantFrom(...STAGES),
    good: fc.boolean(),
    source: fc.constantFrom(...CALL_SOURCES),
    witness: fc.nat(5),
    attempt: fc.nat(1e9),
  })
  .map(({ ago, ...said }) => someCall({ ...said, at: NOW - ago }));
const someCalls = fc.array(anyCall, { maxLength: 60 });

test("the order in which calls are logged makes no difference", () => {
  fc.assert(
    fc.property(someCalls, fc.nat(), (calls, by) => {
      const turned = calls.map((_, i) => calls[(i + by) % calls.length]!);
      expect(weigh(turned.reverse())).toEqual(weigh(calls));
    }),
  );
});

test("a success never lowers any stage or the whole, a failure never raises its stage", () => {
  fc.assert(
    fc.property(someCalls, anyCall, fc.nat(20 * DAY), (calls, one, ago) => {
      const better = someCall({ at: NOW - ago, source: one.source, witness: 77 });
      const worse = someCall({ at: NOW - ago, source: one.source, witness: 78, stage: one.call.stage, good: false });
      const [was, good, bad] = [believe(calls), believe([...calls, better]), believe([...calls, worse])];
      for (const stage of STAGES) {
        expect(good.stages[stage].probability).toBeGreaterThanOrEqual(was.stages[stage].probability - 1e-12);
        expect(good.stages[stage].interval.low).toBeGreaterThanOrEqual(was.stages[stage].interval.low - 1e-9);
      }
      expect(good.chance.probability).toBeGreaterThanOrEqual(was.chance.probability - 1e-12);
      const { stage } = one.call;
      expect(bad.stages[stage].probability).toBeLessThanOrEqual(was.stages[stage].probability + 1e-12);
    }),
    { numRuns: 80 },
  );
});

test.each([0, 1, 2 ** 31, 2 ** 53 - 1, NOW + 301, NOW + 10 * 365 * DAY])(
  "a call that claims to be of %s poisons nothing: honest ones before and after it count as without it",
  (poison) => {
    const honest = callsUpTo(NOW, 10, 3_600);
    const odd = { source: "proven", stage: "challenge", good: false } as const;
    const without = weigh(honest);
    for (const calls of [
      [someCall({ ...odd, at: poison }), ...honest],
      [...honest, someCall({ ...odd, at: poison })],
    ]) {
      for (const stage of STAGES) {
        expect(weigh(calls)[stage].good).toBeCloseTo(without[stage].good, 9);
        expect(weigh(calls)[stage].bad).toBeCloseTo(without[stage].bad, 9);
      }
    }
    expect(weigh([someCall({ ...odd, at: poison })]).challenge.bad).toBeLessThan(1e-9);
  },
);

test.each([
  { name: "nobody called", calls: [] },
  { name: "ten calls went well", calls: callsUpTo(NOW - 60, 10, 3_600) },
  {
    name: "half went well",
    calls: [...callsUpTo(NOW - 60, 5, 7_200), ...callsUpTo(NOW, 5, 7_200, { good: false, stage: "delivery" })],
  },
])("ten thousand fresh identities move an endpoint that $name by no more than 0.02", ({ calls }) => {
  const was = believe(calls).chance.probability;
  for (const good of [true, false]) {
    const stage = good ? "quality" : "challenge";
    const flood = callsUpTo(NOW, 10_000, 1, { source: "signed", good, stage });
    expect(Math.abs(believe([...calls, ...flood]).chance.probability - was)).toBeLessThan(0.02);
  }
});

test("a flood of strangers and holders takes nothing from what a later payer proves", () => {
  const calls = callsUpTo(NOW - DAY, 10, 3_600);
  const strangers = callsUpTo(NOW - 60, 10_000, 1, { source: "signed" });
  const holders = callsUpTo(NOW - 60, 10_000, 1, { source: "holder" });
  const proven = callsUpTo(NOW, 6, 1, { source: "proven", good: false, stage: "delivery" });
  const fall = (log: CallEvidence[]) =>
    believe(log).chance.probability - believe([...log, ...proven]).chance.probability;
  expect(fall([...calls, ...strangers, ...holders])).toBeGreaterThan(0.9 * fall(calls));
  // Nor can payers of an own purse drown those who say that it failed: each side has its own bound.
  const selfDealt = callsUpTo(NOW - 60, 1_000, 1, { source: "proven" });
  expect(fall([...calls, ...selfDealt])).toBeGreaterThan(0.5 * fall(calls));
});

test("one reporter says three things of an endpoint, the newest ones", () => {
  const many = callsUpTo(NOW, 50, 60, { source: "proven", witness: 5, good: false, stage: "delivery" });
  expect(weigh(many).delivery.bad).toBeCloseTo(weigh(many.slice(-3)).delivery.bad, 12);
});
