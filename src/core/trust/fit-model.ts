/**
 * The model of endpoints nobody has tried, fitted to those that somebody has: empirical Bayes. Means are pooled level by level;
 * how alike children are is what makes the calls likeliest, on a grid about the starting value; so is what calls fade by.
 */
import { STAGES, type Stage } from "../endpoint/call.ts";
import type { CallEvidence } from "../evidence/call.ts";
import type { UnixSeconds } from "../units.ts";
import { type Beta, logBeta, meanOf } from "./beta.ts";
import { fitHalfLife } from "./fit-fading.ts";
import {
  addTallies,
  asOneOf,
  childOf,
  halfLives,
  NO_TALLIES,
  STARTING_MODEL,
  type StageModel,
  type TrustModel,
} from "./model.ts";
import { type StageTallies, type Tally, weighCalls } from "./weigh-calls.ts";

/** One endpoint that was called. */
export type SampledEndpoint = {
  /** What groups endpoints of one operator. */
  readonly operator: string;
  readonly category: string | undefined;
  readonly calls: readonly CallEvidence[];
};

/** Strengths are looked for up to 16 times above and below where one starts, half an octave apart. */
const GRID = Array.from({ length: 17 }, (_, i) => 2 ** ((i - 8) / 2));
/** Their natural logarithm is normal about the start with deviation 1. */
const DEVIATION = 1;
/** The pools and the strengths follow from each other; after so many rounds they stay as they are. */
const ROUNDS = 4;

/** A child's calls, and where its mean is expected without them. */
type Child = { readonly seen: Tally; readonly mean: number };

/** The model of what was seen before `at`, a whole hour. Without calls it is the starting one. */
export function fitModel(samples: readonly SampledEndpoint[], at: UnixSeconds): TrustModel {
  const past = samples.map((each) => ({ ...each, calls: each.calls.filter(({ observedAt }) => observedAt < at) }));
  const started = STARTING_MODEL.stages;
  const faded = mapStages((stage) => ({ ...started[stage], halfLifeSec: fitHalfLife(past, stage, started[stage]) }));
  const halfLifeSec = halfLives({ ...STARTING_MODEL, stages: faded });
  const seen = past.map(({ calls, ...of }) => ({ ...of, tallies: weighCalls(calls, { now: at, halfLifeSec }) }));
  const fits = mapStages((stage) => fitStage(seen, stage, faded[stage]));
  const names = new Set(seen.flatMap(({ category }) => category ?? []));
  const categories = [...names]
    .sort()
    .map((name): [string, StageTallies] => [
      name,
      mapStages((stage) => fits[stage].categories.get(name) ?? NO_TALLIES[stage]),
    ]);
  return {
    fittedAt: at,
    stages: mapStages((stage) => fits[stage].model),
    categories: Object.fromEntries(categories),
  };
}

type Seen = { readonly operator: string; readonly category: string | undefined; readonly tallies: StageTallies };

function fitStage(
  seen: readonly Seen[],
  stage: Stage,
  from: StageModel,
): { model: StageModel; categories: Map<string, Tally> } {
  const called = seen.filter(({ tallies }) => tallies[stage].good + tallies[stage].bad > 0);
  let model = from;
  let pools = poolUp(called, stage, model, from.all);
  for (let round = 0; round < ROUNDS; round++) {
    model = {
      ...model,
      endpoint: likeliest(from.endpoint, endpointsIn(pools, called, stage, model)),
      operator: likeliest(from.operator, operatorsIn(pools, model)),
      category: likeliest(from.category, categoriesIn(pools)),
    };
    pools = poolUp(called, stage, model, from.all);
    model = { ...model, all: pools.all };
  }
  return { model, categories: pools.categories };
}

/** What each level says of the one above, by the names of its groups; and what is then known of all. */
type Pools = {
  readonly siblings: ReadonlyMap<string, Tally>;
  readonly operators: ReadonlyMap<string, { readonly category: string; readonly sum: Tally; readonly share: Tally }>;
  readonly categories: Map<string, Tally>;
  readonly shares: ReadonlyMap<string, Tally>;
  readonly all: Beta;
};

const NONE: Tally = { good: 0, bad: 0 };
/** Endpoints without a category are one of their own. */
const UNNAMED = "";

function poolUp(called: readonly Seen[], stage: Stage, model: StageModel, start: Beta): Pools {
  const siblings = new Map<string, Tally>();
  const sums = new Map<string, { category: string; sum: Tally }>();
  for (const { operator, category = UNNAMED, tallies } of called) {
    const share = asOneOf(tallies[stage], model.endpoint);
    addTo(siblings, operator, share);
    const name = `${category} ${operator}`;
    sums.set(name, { category, sum: addTallies(sums.get(name)?.sum ?? NONE, share) });
  }
  const categories = new Map<string, Tally>();
  const operators = new Map<string, { category: string; sum: Tally; share: Tally }>();
  for (const [name, { category, sum }] of sums) {
    const share = asOneOf(sum, model.operator);
    operators.set(name, { category, sum, share });
    addTo(categories, category, share);
  }
  const shares = new Map([...categories].map(([name, sum]) => [name, asOneOf(sum, model.category)]));
  const all = [...shares.values()].reduce<Beta>(addTallies, start);
  return { siblings, operators, categories, shares, all };
}

function endpointsIn(pools: Pools, called: readonly Seen[], stage: Stage, model: StageModel): Child[] {
  return called.map(({ operator, category = UNNAMED, tallies }) => {
    const above = addTallies(childOf(pools.all, model.category), pools.categories.get(category)!);
    const others = less(pools.siblings.get(operator)!, asOneOf(tallies[stage], model.endpoint));
    return { seen: tallies[stage], mean: meanOf(addTallies(childOf(above, model.operator), others)) };
  });
}

function operatorsIn(pools: Pools, model: StageModel): Child[] {
  return [...pools.operators.values()].map(({ category, sum, share }) => {
    const others = less(pools.categories.get(category)!, share);
    return { seen: sum, mean: meanOf(addTallies(childOf(pools.all, model.category), others)) };
  });
}

function categoriesIn(pools: Pools): Child[] {
  return [...pools.categories].map(([name, sum]) => ({
    seen: sum,
    mean: meanOf(less(pools.all, pools.shares.get(name)!)),
  }));
}

/** The strength under which the children's calls are likeliest, each child's mean being Beta about what is expected of it. */
function likeliest(start: number, children: readonly Child[]): number {
  let [best, most] = [start, Number.NEGATIVE_INFINITY];
  for (const factor of GRID) {
    const strength = start * factor;
    const likelihood = children.reduce(
      (sum, { seen, mean }) => {
        const before = { good: mean * strength, bad: (1 - mean) * strength };
        return sum + logBeta(addTallies(before, seen)) - logBeta(before);
      },
      -0.5 * (Math.log(factor) / DEVIATION) ** 2,
    );
    if (likelihood > most) [best, most] = [strength, likelihood];
  }
  return best;
}

function less(sum: Tally, part: Tally): Tally {
  return { good: Math.max(0, sum.good - part.good), bad: Math.max(0, sum.bad - part.bad) };
}

function addTo(sums: Map<string, Tally>, name: string, tally: Tally): void {
  sums.set(name, addTallies(sums.get(name) ?? NONE, tally));
}

function mapStages<Value>(of: (stage: Stage) => Value): Record<Stage, Value> {
  return Object.fromEntries(STAGES.map((stage) => [stage, of(stage)])) as Record<Stage, Value>;
}
