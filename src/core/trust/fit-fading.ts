/** How long a call is worth remembering: the half-life under which earlier calls foretell later ones best. */
import type { Stage } from "../endpoint/call.ts";
import type { CallEvidence } from "../evidence/call.ts";
import { meanOf } from "./beta.ts";
import { childOf, type StageModel } from "./model.ts";
import { MOST_CALLS, newestFirst, wentWell } from "./weigh-calls.ts";

/** An eighth of the starting half-life to four times it; its binary logarithm is normal about the start with deviation 1. */
const FACTORS = [1, 0.5, 2, 0.25, 4, 0.125];

/** The half-life in seconds. Only calls of our own count: others choose what they tell. */
export function fitHalfLife(
  samples: readonly { readonly calls: readonly CallEvidence[] }[],
  stage: Stage,
  start: StageModel,
): number {
  const probed = samples.map(({ calls }) => outcomesOf(calls, stage)).filter(({ length }) => length > 1);
  let [best, most] = [start.halfLifeSec, Number.NEGATIVE_INFINITY];
  for (const factor of FACTORS) {
    const halfLifeSec = start.halfLifeSec * factor;
    const foretold = probed.reduce((sum, outcomes) => sum + foretell(outcomes, start, halfLifeSec), 0);
    const likelihood = foretold - 0.5 * Math.log2(factor) ** 2;
    if (likelihood > most) [best, most] = [halfLifeSec, likelihood];
  }
  return best;
}

type Outcome = { readonly at: number; readonly good: boolean };

/** Oldest first. */
function outcomesOf(calls: readonly CallEvidence[], stage: Stage): Outcome[] {
  const probed = newestFirst(calls.filter(({ source }) => source === "probe")).reverse();
  return probed.flatMap(({ observedAt, call }) => {
    const good = wentWell(call, stage);
    return good === undefined ? [] : [{ at: observedAt, good }];
  });
}

/** The logarithm of the likelihood of each outcome after those before it. */
function foretell(outcomes: readonly Outcome[], model: StageModel, halfLifeSec: number): number {
  const prior = childOf(childOf(childOf(model.all, model.category), model.operator), model.endpoint);
  const kept = 1 - 1 / MOST_CALLS;
  let [good, bad, sum] = [0, 0, 0];
  let before = outcomes[0]!.at;
  for (const { at, good: went } of outcomes) {
    const faded = 2 ** (-(at - before) / halfLifeSec);
    [good, bad, before] = [good * faded, bad * faded, at];
    const chance = meanOf({ good: prior.good + good, bad: prior.bad + bad });
    sum += Math.log(went ? chance : 1 - chance);
    [good, bad] = [good * kept + (went ? 1 : 0), bad * kept + (went ? 0 : 1)];
  }
  return sum;
}
