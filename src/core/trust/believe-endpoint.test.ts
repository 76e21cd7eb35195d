import { expect, test } from "vitest";
import { callsUpTo, someCall } from "../../testing/some-call.ts";
import { STAGES } from "../endpoint/call.ts";
import type { CallEvidence } from "../evidence/call.ts";
import type { Chance } from "../score/interval.ts";
import { unixSeconds } from "../units.ts";
import { believeEndpoint, priorOfReach, siblingsOf } from "./believe-endpoint.ts";
import { halfLives, NO_TALLIES, STARTING_MODEL, type TrustModel } from "./model.ts";
import { weighCalls } from "./weigh-calls.ts";

const NOW = 1_770_000_000;
const HOUR = 3_600;
const DAY = 24 * HOUR;
const REACHED: Chance = { probability: 0.95, interval: { low: 0.88, high: 0.99 } };
const weigh = (calls: readonly CallEvidence[], model = STARTING_MODEL, now = NOW) =>
  weighCalls(calls, { now: unixSeconds(now), halfLifeSec: halfLives(model) });
const believe = (calls: readonly CallEvidence[], over: { reach?: Chance; model?: TrustModel; now?: number } = {}) => {
  const { reach, model = STARTING_MODEL, now } = over;
  return believeEndpoint(model, { category: undefined, own: weigh(calls, model, now), siblings: NO_TALLIES, reach });
};

test("of an endpoint nobody called the starting means are believed, widely, and nothing is said", () => {
  const { stages, chance, verdict } = believe([]);
  expect(chance.probability).toBeCloseTo(0.5 * 0.95 * 0.82 * 0.85 * 0.85, 12);
  expect(chance.interval.low).toBeLessThan(0.01);
  expect(chance.interval.high).toBeGreaterThan(0.8);
  expect(verdict).toBe("insufficient");
  for (const stage of STAGES) expect(stages[stage].measured).toBe(false);
});

test("what nobody measured keeps the prior's width, however well the rest is known", () => {
  const free = believe(callsUpTo(NOW, 500, HOUR, { stage: "invoice" }));
  const prior = believe([]);
  for (const stage of ["payment", "delivery", "quality"] as const) {
    expect(free.stages[stage].measured).toBe(false);
    expect(free.stages[stage].interval).toEqual(prior.stages[stage].interval);
  }
  for (const stage of ["challenge", "invoice"] as const) expect(free.stages[stage].measured).toBe(true);
  expect(free.verdict).not.toBe("pay");
});

// An endpoint that is asked every six hours and paid for once a day.
const schedule = (days: number, failsAt: number | undefined, until = NOW) => [
  ...callsUpTo(until, 4 * days, 6 * HOUR, { stage: "invoice" }),
  ...callsUpTo(until, days, DAY, failsAt === undefined ? {} : { stage: "delivery", good: false }),
];
test.each([
  { word: "pay", calls: schedule(30, undefined), reach: REACHED },
  { word: "caution", calls: schedule(4, undefined), reach: REACHED },
  { word: "avoid", calls: schedule(5, 0), reach: REACHED },
  { word: "insufficient", calls: schedule(0, undefined), reach: REACHED },
])(
  "an endpoint that is asked four times a day and paid once gets to $word within a month",
  ({ word, calls, reach }) => {
    expect(believe(calls, { reach }).verdict).toBe(word);
  },
);

test("after a thousand successes the fifth failure ends pay, and the thirtieth makes it avoid", () => {
  const past = callsUpTo(NOW - DAY, 1_000, HOUR);
  const after = (failures: number) =>
    believe([...past, ...callsUpTo(NOW, failures, HOUR, { stage: "delivery", good: false })], { reach: REACHED })
      .verdict;
  expect([after(0), after(5), after(30)]).toEqual(["pay", "caution", "avoid"]);
});

test("of an endpoint that failed twenty of twenty who paid, pay is never said, whatever its operator's others do", () => {
  const failed = callsUpTo(NOW, 20, HOUR, { stage: "delivery", good: false });
  const good = weigh(callsUpTo(NOW, 500, HOUR));
  const [siblings] = siblingsOf(STARTING_MODEL, [weigh(failed), ...Array.from({ length: 60 }, () => good)]);
  const grounds = { category: undefined, own: weigh(failed), siblings: siblings!, reach: REACHED };
  expect(believeEndpoint(STARTING_MODEL, grounds).verdict).toBe("avoid");
});

test("what the operator's other endpoints did changes what is believed of a new one, and no number of them settles it", () => {
  const fresh = (count: number, good: boolean) => {
    const other = weigh(callsUpTo(NOW, 100, HOUR, good ? {} : { stage: "challenge", good }));
    const [siblings] = siblingsOf(STARTING_MODEL, [weigh([]), ...Array.from({ length: count }, () => other)]);
    const grounds = { category: undefined, own: weigh([]), siblings: siblings!, reach: undefined };
    return believeEndpoint(STARTING_MODEL, grounds).chance;
  };
  const none = fresh(0, true).probability;
  expect(fresh(3, true).probability).toBeGreaterThan(none + 0.2);
  expect(fresh(3, false).probability).toBeLessThan(none - 0.15);
  const settled = fresh(10_000, true).interval;
  expect(settled.high - settled.low).toBeGreaterThan(0.2);
});

test("who hides what it does gains nothing: an endpoint never paid for is behind one that delivered, and before one that did not", () => {
  const hidden = believe(callsUpTo(NOW, 20, HOUR, { stage: "invoice" }));
  const shown = believe([...callsUpTo(NOW, 20, HOUR, { stage: "invoice" }), someCall({ at: NOW })]);
  const failing = believe([
    ...callsUpTo(NOW, 20, HOUR, { stage: "invoice" }),
    someCall({ at: NOW, stage: "delivery", good: false }),
  ]);
  expect(shown.paid.low).toBeGreaterThan(hidden.paid.low);
  expect(shown.chance.interval.low).toBeGreaterThan(hidden.chance.interval.low);
  expect(failing.paid.low).toBeLessThan(hidden.paid.low);
});

test("how likely the payee is reached is the payment's prior, and payments move it", () => {
  const prior = priorOfReach(REACHED);
  expect(prior.good / (prior.good + prior.bad)).toBeCloseTo(0.95, 12);
  expect(believe([], { reach: REACHED }).stages.payment.probability).toBeCloseTo(0.95, 12);
  const doubtful = { probability: 0.6, interval: { low: 0.1, high: 0.95 } };
  const width = ({ interval }: Chance) => interval.high - interval.low;
  expect(width(believe([], { reach: doubtful }).stages.payment)).toBeGreaterThan(
    width(believe([], { reach: REACHED }).stages.payment) + 0.3,
  );
  const paid = believe(callsUpTo(NOW, 5, HOUR), { reach: doubtful });
  expect(paid.stages.payment.probability).toBeGreaterThan(0.8);
  for (const odd of [0, 1]) {
    const { good, bad } = priorOfReach({ probability: odd, interval: { low: odd, high: odd } });
    expect(Math.min(good, bad)).toBeGreaterThan(0);
  }
});

test("without news what is believed goes back to the prior", () => {
  const calls = callsUpTo(NOW, 20, HOUR);
  const [now, later] = [believe(calls), believe(calls, { now: NOW + 400 * DAY })];
  expect(later.chance.probability).toBeLessThan(now.chance.probability);
  expect(later.chance.probability).toBeCloseTo(believe([]).chance.probability, 1);
});

// Each constant of the starting model, halved and doubled: what a measured endpoint is worth must not hang on a guess.
const altered = (
  change: (stage: TrustModel["stages"]["challenge"], factor: number) => object,
  factor: number,
): TrustModel => ({
  ...STARTING_MODEL,
  stages: Object.fromEntries(
    STAGES.map((stage) => [
      stage,
      { ...STARTING_MODEL.stages[stage], ...change(STARTING_MODEL.stages[stage], factor) },
    ]),
  ) as TrustModel["stages"],
});
test.each([
  {
    name: "the strength of categories",
    most: 0.02,
    change: (s: { category: number }, f: number) => ({ category: s.category * f }),
  },
  {
    name: "the strength of operators",
    most: 0.05,
    change: (s: { operator: number }, f: number) => ({ operator: s.operator * f }),
  },
  {
    name: "the strength of endpoints",
    most: 0.08,
    change: (s: { endpoint: number }, f: number) => ({ endpoint: s.endpoint * f }),
  },
  {
    name: "the half-life",
    most: 0.08,
    change: (s: { halfLifeSec: number }, f: number) => ({ halfLifeSec: s.halfLifeSec * f }),
  },
  {
    name: "how sure the starting means are",
    most: 0.05,
    change: ({ all }: { all: { good: number; bad: number } }, f: number) => ({
      all: { good: all.good * f, bad: all.bad * f },
    }),
  },
  {
    name: "the starting odds of success",
    most: 0.1,
    change: ({ all }: { all: { good: number; bad: number } }, f: number) => ({
      all: { good: all.good * f, bad: all.bad },
    }),
  },
])(
  "half and twice $name move what is believed of an endpoint that was measured by at most $most",
  ({ change, most }) => {
    const months = { good: schedule(30, undefined), bad: schedule(30, 0), week: schedule(7, undefined) };
    for (const calls of Object.values(months)) {
      const was = believe(calls, { reach: REACHED }).chance.probability;
      for (const factor of [0.5, 2]) {
        const model = altered(change as never, factor);
        expect(Math.abs(believe(calls, { reach: REACHED, model }).chance.probability - was)).toBeLessThan(most);
      }
    }
  },
);
