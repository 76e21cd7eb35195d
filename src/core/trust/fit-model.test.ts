import { expect, test } from "vitest";
import { someCall } from "../../testing/some-call.ts";
import { seededRandom } from "../../testing/synthetic-graph.ts";
import { STAGES } from "../endpoint/call.ts";
import type { CallEvidence } from "../evidence/call.ts";
import { unixSeconds } from "../units.ts";
import { betaQuantile, meanOf } from "./beta.ts";
import { fitModel, type SampledEndpoint } from "./fit-model.ts";
import { NO_TALLIES, priorOf, STARTING_MODEL } from "./model.ts";

const HOUR = 3_600;
const NOW = unixSeconds(1_770_000_000 - (1_770_000_000 % HOUR));

test("without calls the model is the starting one", () => {
  const none = { ...STARTING_MODEL, fittedAt: NOW };
  expect(fitModel([], NOW)).toEqual(none);
  expect(fitModel([{ operator: "a", category: undefined, calls: [] }], NOW)).toEqual(none);
  const later = [{ operator: "a", category: "data", calls: [someCall({ at: NOW })] }];
  expect(fitModel(later, NOW).stages).toEqual(none.stages);
});

/** Endpoints whose challenges answer with probabilities drawn level by level. */
function world(spread: { category: number; operator: number; endpoint: number }, seed: number): SampledEndpoint[] {
  const random = seededRandom(seed);
  const draw = (mean: number, strength: number) =>
    betaQuantile(
      { good: mean * strength + 1e-3, bad: (1 - mean) * strength + 1e-3 },
      Math.min(0.999, Math.max(0.001, random())),
    );
  return Array.from({ length: 6 }, () => draw(0.7, spread.category)).flatMap((category, c) =>
    Array.from({ length: 12 }, () => draw(category, spread.operator)).flatMap((operator, o) =>
      Array.from({ length: 4 }, () => draw(operator, spread.endpoint)).map((mean, e) => ({
        operator: `${c}-${o}`,
        category: `c${c}`,
        calls: Array.from(
          { length: 25 },
          (_, i): CallEvidence =>
            someCall({
              at: NOW - 1 - i * HOUR,
              stage: "challenge",
              good: random() < mean,
              attempt: ((c * 99 + o) * 99 + e) * 99 + i,
            }),
        ),
      })),
    ),
  );
}

test("how alike endpoints and operators are is found again, and the mean", () => {
  const alike = fitModel(world({ category: 100, operator: 3, endpoint: 60 }, 1), NOW).stages.challenge;
  const unlike = fitModel(world({ category: 100, operator: 40, endpoint: 1.5 }, 2), NOW).stages.challenge;
  expect(meanOf(alike.all)).toBeCloseTo(0.7, 0);
  expect(alike.endpoint).toBeGreaterThan(12);
  expect(unlike.endpoint).toBeLessThan(4);
  expect(unlike.operator).toBeGreaterThan(2 * alike.operator);
  // Nothing was seen of later stages.
  for (const stage of STAGES.slice(1))
    expect(fitModel(world({ category: 9, operator: 3, endpoint: 6 }, 3), NOW).stages[stage]).toEqual(
      STARTING_MODEL.stages[stage],
    );
});

test("what was fitted foretells an endpoint of a known operator better than what one starts with", () => {
  const samples = world({ category: 30, operator: 2, endpoint: 30 }, 4);
  const model = fitModel(samples.slice(0, -4), NOW);
  const [first] = samples;
  const sibling = { good: 20, bad: 0.5 };
  const known = priorOf(model, "challenge", first!.category, sibling);
  expect(meanOf(known)).toBeGreaterThan(meanOf(priorOf(model, "challenge", first!.category, NO_TALLIES.challenge)));
  expect(known.good + known.bad).toBeGreaterThan(4);
});

test("what changes fast is forgotten fast, what stays is remembered", () => {
  const random = seededRandom(9);
  const days = (flips: boolean): SampledEndpoint[] =>
    Array.from({ length: 60 }, (_, e) => {
      let up = random() < 0.5;
      const calls = Array.from({ length: 60 }, (_, i) => {
        if (flips && random() < 0.2) up = random() < 0.5;
        return someCall({ at: NOW - 1 - (60 - i) * 86_400, stage: "challenge", good: up, attempt: e * 100 + i });
      });
      return { operator: `o${e}`, category: undefined, calls };
    });
  const [restless, steady] = [fitModel(days(true), NOW), fitModel(days(false), NOW)];
  expect(restless.stages.challenge.halfLifeSec).toBeLessThan(15 * 86_400);
  expect(steady.stages.challenge.halfLifeSec).toBeGreaterThan(restless.stages.challenge.halfLifeSec);
});

test("one operator's ten thousand endpoints do not make a category's mean", () => {
  const honest = world({ category: 30, operator: 5, endpoint: 6 }, 5).filter(({ category }) => category === "c0");
  const crowd = Array.from({ length: 600 }, (_, e) => ({
    operator: "crowd",
    category: "c0",
    calls: [someCall({ at: NOW - 60, stage: "challenge", good: true, attempt: e })],
  }));
  const mean = (samples: SampledEndpoint[]) =>
    meanOf(priorOf(fitModel(samples, NOW), "challenge", "c0", NO_TALLIES.challenge));
  expect(Math.abs(mean([...honest, ...crowd]) - mean(honest))).toBeLessThan(0.1);
});
