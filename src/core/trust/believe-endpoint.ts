/** What is believed of one endpoint: each stage, the whole call, and what a caller may count on. */
import { STAGES, type Stage } from "../endpoint/call.ts";
import { decide } from "../intent/decide.ts";
import type { Verdict } from "../intent/decision.ts";
import type { Chance, Interval } from "../score/interval.ts";
import { type Beta, betaQuantile, meanOf } from "./beta.ts";
import { addTallies, asOneOf, NO_TALLIES, priorOf, type TrustModel } from "./model.ts";
import { boundProducts } from "./product.ts";
import type { StageTallies, Tally } from "./weigh-calls.ts";

/** `belief` is `prior` and `seen` together. Measured: calls that came so far weigh at least one of ours made now. */
export type StageBelief = Chance & {
  readonly prior: Beta;
  readonly seen: Tally;
  readonly measured: boolean;
};

export type EndpointBelief = {
  readonly stages: Readonly<Record<Stage, StageBelief>>;
  /** That a call goes well in all five stages, from a typical caller. */
  readonly chance: Chance;
  readonly verdict: Verdict;
  /** Bounds of what holds of a caller that has paid: delivery and quality. */
  readonly paid: Interval;
  /** Bounds of all stages but the payment, which is another one for each caller. */
  readonly unpaid: Interval;
};

export type EndpointGrounds = {
  readonly category: string | undefined;
  /** What the endpoint's own calls say. */
  readonly own: StageTallies;
  /** What its operator's other endpoints say, each of them as one. */
  readonly siblings: StageTallies;
  /** How likely a typical caller reaches the payee, by the node oracle; undefined for one that is in no graph. */
  readonly reach: Chance | undefined;
};

/** Calls of ours that have to have come to a stage before it counts as measured: one, until it has faded to half. */
const MEASURED_FROM = 0.5;

/** Shortest first, as they are needed: what a caller has paid for, all but the payment, all. */
const ORDER: readonly Stage[] = ["quality", "delivery", "invoice", "challenge", "payment"];

export type StagePriors = Readonly<Record<Stage, Beta>>;

export function believeEndpoint(model: TrustModel, grounds: EndpointGrounds): EndpointBelief {
  return believeCalls(priorsOf(model, grounds), grounds.own);
}

/** What is believed of each stage before the endpoint's own calls are looked at. */
export function priorsOf(model: TrustModel, { category, siblings, reach }: Omit<EndpointGrounds, "own">): StagePriors {
  return mapStages((stage) =>
    stage === "payment" && reach ? priorOfReach(reach) : priorOf(model, stage, category, siblings[stage]),
  );
}

/** What its own calls make of that. */
export function believeCalls(priors: StagePriors, own: StageTallies): EndpointBelief {
  const stages = mapStages((stage) => believeStage(priors[stage], own[stage]));
  const bounds = boundProducts(ORDER.map((stage) => addTallies(stages[stage].prior, stages[stage].seen)));
  const probability = STAGES.reduce((product, stage) => product * stages[stage].probability, 1);
  const chance = { probability, interval: around(probability, bounds[4]!) };
  const verdict = STAGES.some((stage) => stages[stage].measured) ? decide(chance) : "insufficient";
  return { stages, chance, verdict, paid: bounds[1]!, unpaid: bounds[3]! };
}

function believeStage(prior: Beta, seen: Tally): StageBelief {
  const belief = addTallies(prior, seen);
  const probability = meanOf(belief);
  const interval = around(probability, { low: betaQuantile(belief, 0.05), high: betaQuantile(belief, 0.95) });
  return { probability, interval, prior, seen, measured: seen.good + seen.bad >= MEASURED_FROM };
}

/** Of a distribution that leans far to one side the mean can lie outside of the middle 90 %. */
function around(probability: number, { low, high }: Interval): Interval {
  return { low: Math.min(low, probability), high: Math.max(high, probability) };
}

/** Standard deviations on either side that hold 90 % of a normal distribution. */
const Z = 1.645;
/** The node oracle says nothing of invoices that cannot be paid although their payee is reached: so sure is it never. */
const REACH = { least: 0.5, most: 20, edge: 0.02 };

/** A chance with its interval as the Beta distribution of about the same mean and width. */
export function priorOfReach({ probability, interval }: Chance): Beta {
  const mean = Math.min(1 - REACH.edge, Math.max(REACH.edge, probability));
  const deviation = (interval.high - interval.low) / (2 * Z);
  const worth = deviation > 0 ? (mean * (1 - mean)) / deviation ** 2 - 1 : REACH.most;
  const held = Math.min(REACH.most, Math.max(REACH.least, worth));
  return { good: mean * held, bad: (1 - mean) * held };
}

/** However many endpoints an operator has, a new one may be unlike them: together they say no more than so many calls do. */
const MOST_OF_SIBLINGS = 20;

/** By endpoint, what all the others of its operator say, each as one. */
export function siblingsOf(model: TrustModel, tallies: readonly StageTallies[]): StageTallies[] {
  const shares = tallies.map((each) => mapStages((stage) => asOneOf(each[stage], model.stages[stage].endpoint)));
  const sums = mapStages((stage) => shares.reduce((sum, each) => addTallies(sum, each[stage]), NO_TALLIES[stage]));
  return shares.map((share) =>
    mapStages((stage) => {
      const good = Math.max(0, sums[stage].good - share[stage].good);
      const bad = Math.max(0, sums[stage].bad - share[stage].bad);
      const part = Math.min(1, MOST_OF_SIBLINGS / Math.max(good + bad, 1));
      return { good: good * part, bad: bad * part };
    }),
  );
}

function mapStages<Value>(of: (stage: Stage) => Value): Record<Stage, Value> {
  return Object.fromEntries(STAGES.map((stage) => [stage, of(stage)])) as Record<Stage, Value>;
}
