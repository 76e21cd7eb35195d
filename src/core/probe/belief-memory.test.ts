/** What is remembered is what would be found again, and nothing else is taken for it. */
import { expect, test } from "vitest";
import type { Evidence } from "../evidence/observation.ts";
import { UNFITTED } from "../graph/prior.ts";
import { unixSeconds } from "../units.ts";
import { type FitGround, forgetFit, openBeliefMemory, recallFit } from "./belief-memory.ts";

const entry = () => ({}) as Evidence;
const [first, last] = [entry(), entry()];
const GROUND: FitGround = { now: unixSeconds(300), count: 2, first, last };

function fitted(memory = openBeliefMemory()) {
  let fits = 0;
  const recall = (ground: FitGround) => {
    const steps = recallFit(memory, ground, function* () {
      fits += 1;
      yield;
      return UNFITTED;
    });
    for (let step = steps.next(); ; step = steps.next()) if (step.done) return fits;
  };
  return { recall, memory };
}

test("a fit on the same ground is made once", () => {
  const { recall } = fitted();
  expect([recall(GROUND), recall({ ...GROUND })]).toEqual([1, 1]);
});

test.each<[string, Partial<FitGround>]>([
  ["an older instant", { now: unixSeconds(600) }],
  ["one entry more between the same two", { count: 3 }],
  ["another first entry", { first: entry() }],
  ["another last entry", { last: entry() }],
])("%s is another ground", (_name, other) => {
  const { recall } = fitted();
  recall(GROUND);
  expect(recall({ ...GROUND, ...other })).toBe(2);
});

test("policies that changed in place are another ground", () => {
  const { recall, memory } = fitted();
  recall(GROUND);
  forgetFit(memory);
  expect(recall(GROUND)).toBe(2);
});
