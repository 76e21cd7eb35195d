/** What endpoints are like that nobody has tried: fitted to those that somebody has, level by level. */
import { STAGES, type Stage } from "../endpoint/call.ts";
import { type Beta, meanOf } from "./beta.ts";
import type { StageTallies, Tally } from "./weigh-calls.ts";

/**
 * Of one stage. `all` is what is known of the mean of all endpoints. The three strengths say how alike things are: a child's mean is
 * Beta about its parent's, worth so many calls. They are of categories in all, operators in their category, endpoints of their operator.
 */
export type StageModel = {
  readonly all: Beta;
  readonly category: number;
  readonly operator: number;
  readonly endpoint: number;
  /** A call counts half after so long. */
  readonly halfLifeSec: number;
};

export type TrustModel = {
  /** Names the computation and the whole hour before which everything was used for it; 0 before the first fit. */
  readonly fittedAt: number;
  readonly stages: Readonly<Record<Stage, StageModel>>;
  /** By category, what its operators say of it: each as much as one of its kind can. */
  readonly categories: Readonly<Record<string, StageTallies>>;
};

const DAY_SEC = 86_400;
/** What the starting mean of all is worth, in endpoints. */
const START_STRENGTH = 10;

const start = (mean: number, operator: number): StageModel => ({
  all: { good: mean * START_STRENGTH, bad: (1 - mean) * START_STRENGTH },
  category: 20,
  operator,
  endpoint: 6,
  halfLifeSec: 30 * DAY_SEC,
});

/** Where one starts, without evidence (docs/endpoints.md says from what). */
export const STARTING_MODEL: TrustModel = {
  fittedAt: 0,
  stages: {
    challenge: start(0.5, 2),
    invoice: start(0.95, 2),
    payment: start(0.82, 2),
    delivery: start(0.85, 2),
    quality: start(0.85, 2),
  },
  categories: {},
};

export const NO_TALLIES = Object.fromEntries(STAGES.map((stage) => [stage, { good: 0, bad: 0 }])) as Record<
  Stage,
  Tally
>;

/** The half-life of each stage. */
export function halfLives({ stages }: TrustModel): Record<Stage, number> {
  return Object.fromEntries(STAGES.map((stage) => [stage, stages[stage].halfLifeSec])) as Record<Stage, number>;
}

/**
 * What many calls of one child say of its parent: `n` calls are as good as n·(s + 1)/(s + n) children called once, `s` being how
 * alike the children are; so no child ever says more than s + 1 of them.
 */
export function asOneOf({ good, bad }: Tally, strength: number): Tally {
  const share = (strength + 1) / (strength + good + bad);
  return { good: good * share, bad: bad * share };
}

export function addTallies(one: Tally, other: Tally): Tally {
  return { good: one.good + other.good, bad: one.bad + other.bad };
}

/** What is believed of a child before it is looked at: about the parent's mean, as wide as children differ and the parent is unknown. */
export function childOf(parent: Beta, strength: number): Beta {
  const known = parent.good + parent.bad;
  const spread = 1 / (strength + 1) + strength / ((strength + 1) * (known + 1));
  const worth = 1 / spread - 1;
  const mean = meanOf(parent);
  return { good: mean * worth, bad: (1 - mean) * worth };
}

/** What is believed of a stage of an operator's endpoint nobody has looked at; `siblings` is what its operator's other endpoints say. */
export function priorOf(model: TrustModel, stage: Stage, category: string | undefined, siblings: Tally): Beta {
  const { all, category: categories, operator, endpoint } = model.stages[stage];
  const known = (category !== undefined && model.categories[category]?.[stage]) || NO_TALLIES[stage];
  const ofCategory = addTallies(childOf(all, categories), known);
  const ofOperator = addTallies(childOf(ofCategory, operator), siblings);
  return childOf(ofOperator, endpoint);
}
