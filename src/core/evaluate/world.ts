/** One hidden world from beginning to end: the truth, the probes, the payments, and every predictor's scores on them. */
import type { ChannelGraph } from "../graph/channel-graph.ts";
import type { FittedPrior } from "../graph/prior.ts";
import { type Beliefs, NO_BELIEFS } from "../graph/worlds.ts";
import { aprioriEstimate, bimodalEstimate, uniformEstimate } from "./estimates.ts";
import { FAMILIES, type Family } from "./families.ts";
import { APRIORI_OWN_RATIO } from "./lnd-apriori.ts";
import { BIMODAL_OWN_RATIO } from "./lnd-bimodal.ts";
import type { LndMemory } from "./lnd-memory.ts";
import { drawPayments, type Payment } from "./payments.ts";
import { knowTruth, type Labelled, predictDegree, predictReach, predictRoute, recalibrate } from "./predictors.ts";
import { believeProbes, channelsTouched, chosenProbes, drawnProbes, lndMemoryOf, type ProbeLog } from "./probing.ts";
import { randomStream } from "./random.ts";
import { prepareRouter, type Router } from "./search.ts";
import { arrived, send } from "./sender.ts";
import { drawTruth, driftTruth, pickVantage, type Truth } from "./truth.ts";

/** `drift` is `ldk` in which most balances and some online states changed after the probes. */
export const WORLD_NAMES = [...FAMILIES, "drift"] as const;
export type WorldName = (typeof WORLD_NAMES)[number];

/** What is averaged: families that may be the truth. The others are stress. */
export const STANDARD_WORLDS: ReadonlySet<WorldName> = new Set(["ldk", "softu", "bimodal", "uniform"]);

/** How much is simulated. */
export type WorldPlan = {
  readonly seed: number;
  /** Payments at each of the four amounts. */
  readonly pairs: number;
  /** Other callers' payments with known outcomes, used to recalibrate only. */
  readonly reports: number;
  /** Probes of each kind: targets that are drawn, HTLCs that are chosen. */
  readonly probes: number;
  readonly kinds: readonly ProbeKind[];
};

export const PROBE_KINDS = ["drawn", "chosen"] as const;
export type ProbeKind = (typeof PROBE_KINDS)[number];

/** A predictor's name and its probability for each payment. */
export type Prediction = { readonly name: string; readonly probability: Float64Array };

/** Probes of one kind: HTLCs sent, those that arrived, channels they told about, and what they made of the prior. */
export type ProbeSummary = {
  readonly sent: number;
  readonly arrived: number;
  readonly channels: number;
  readonly prior: FittedPrior;
};

/** What a world has shown. `payments`, `happened` and every prediction are in one order. */
export type WorldOutcome = Labelled & {
  readonly world: WorldName;
  readonly seed: number;
  readonly predictions: readonly Prediction[];
  readonly probes: Readonly<Record<string, ProbeSummary>>;
  readonly firstTries: number;
};

/** Names that comparisons refer to. */
export const OURS = {
  prior: "SatRank, no probes",
  drawn: "SatRank + drawn probes",
  chosen: "SatRank + chosen probes",
} as const;
/** Ours, told what the caller's own channels hold: what LND knows of its own node, too. */
export const TOLD = {
  prior: `${OURS.prior}, own balances known`,
  drawn: `${OURS.drawn}, own balances known`,
  chosen: `${OURS.chosen}, own balances known`,
} as const;
/** LND's estimate for a caller whose own balances nobody tells: what the oracle knows of it, too. */
export const BLIND_LND = "LND a-priori, own balances unknown";
export const BLIND_LND_FED = {
  drawn: "LND a-priori + drawn probes, own balances unknown",
  chosen: "LND a-priori + chosen probes, own balances unknown",
} as const;
export const LND_FED = { drawn: "LND a-priori + drawn probes", chosen: "LND a-priori + chosen probes" } as const;
export const RECALIBRATED = ", recalibrated";

const MOST_TRIES = 12;
const DRIFT = { balances: 0.6, online: 0.18 };
const DRIFT_AGE_SEC = 43_200;

/** Simulates one world. Same arguments, same numbers. */
export function evaluateWorld(
  graph: ChannelGraph,
  world: WorldName,
  plan: WorldPlan,
  progress: (text: string) => void,
): WorldOutcome {
  const router = prepareRouter(graph);
  const family: Family = world === "drift" ? "ldk" : world;
  const vantage = pickVantage(graph);
  const before = drawTruth(graph, family, plan.seed);
  before.online[vantage] = 1;
  const logs = new Map<ProbeKind, ProbeLog>();
  for (const kind of plan.kinds) logs.set(kind, probe(kind, router, before, vantage, plan, progress));
  const truth = world === "drift" ? driftTruth(before, DRIFT, plan.seed) : before;
  const ageSec = world === "drift" ? DRIFT_AGE_SEC : 0;

  const draw = (purpose: string, count: number) => drawPayments(truth, count, randomStream(plan.seed, purpose));
  progress("payments");
  const test = label(router, truth, draw("payments", plan.pairs));
  progress("reports");
  const train = label(router, truth, draw("reports", Math.ceil(plan.reports / 4)));
  const beliefs = new Map([...logs].map(([kind, log]) => [kind, believeProbes(graph, log, ageSec).worlds]));
  const predictions = predictAll({ router, truth, train, test, logs, beliefs, ageSec, progress });
  return {
    world,
    seed: plan.seed,
    payments: test.payments,
    happened: test.happened,
    predictions,
    probes: Object.fromEntries([...logs].map(([kind, log]) => [kind, summary(log, beliefs.get(kind)!)])),
    firstTries: test.firstTries,
  };
}

function probe(
  kind: ProbeKind,
  router: Router,
  truth: Truth,
  vantage: number,
  { seed, probes }: WorldPlan,
  progress: (text: string) => void,
): ProbeLog {
  progress(`${kind} probes`);
  const random = randomStream(seed, `${kind} probes`);
  if (kind === "drawn") return drawnProbes(router, truth, vantage, probes, random);
  return chosenProbes(router, truth, vantage, probes, random, (done) =>
    progress(`chosen probes, ${done} of ${probes}`),
  );
}

function summary(log: ProbeLog, { prior }: Beliefs): ProbeSummary {
  const reached = log.results.filter(({ ending }) => ending.arrived).length;
  return { sent: log.sent, arrived: reached, channels: channelsTouched(log), prior };
}

type Judged = Labelled & { readonly cold: Float64Array; readonly firstTries: number };

/** Sends the payments as an LND with default settings and no memory would; its first route gives its own prediction. */
function label(router: Router, truth: Truth, payments: Payment[]): Judged {
  const estimate = aprioriEstimate(router, new Map());
  const happened = new Uint8Array(payments.length);
  const cold = new Float64Array(payments.length);
  let firstTries = 0;
  payments.forEach((payment, i) => {
    const tries = send(router, truth, payment, estimate, MOST_TRIES);
    happened[i] = arrived(tries) ? 1 : 0;
    cold[i] = tries[0]?.route.probability ?? 0;
    if (tries[0]?.ending.arrived) firstTries++;
  });
  return { payments, happened, cold, firstTries };
}

type Scene = {
  readonly router: Router;
  readonly truth: Truth;
  readonly train: Judged;
  readonly test: Judged;
  readonly logs: ReadonlyMap<ProbeKind, ProbeLog>;
  readonly beliefs: ReadonlyMap<ProbeKind, Beliefs>;
  readonly ageSec: number;
  readonly progress: (text: string) => void;
};

function predictAll(scene: Scene): Prediction[] {
  const { router, truth, train, test, logs, beliefs, ageSec, progress } = scene;
  const { graph } = router;
  const mean = train.happened.reduce((sum, each) => sum + each, 0) / train.happened.length;
  const predictions: Prediction[] = [
    { name: "base rate", probability: new Float64Array(test.payments.length).fill(mean) },
    { name: "degree and amount", probability: predictDegree(graph, train, test.payments) },
  ];
  const add = (name: string, said: Float64Array, now: Float64Array) => {
    const mended = recalibrate(said, train, now, test.payments);
    predictions.push({ name, probability: now }, { name: name + RECALIBRATED, probability: mended });
  };
  const addBoth = (name: string, predict: (payments: readonly Payment[]) => Float64Array) => {
    progress(name);
    add(name, predict(train.payments), predict(test.payments));
  };
  const none: LndMemory = new Map();
  add("LND a-priori", train.cold, test.cold);
  const apriori = (memory: LndMemory) => (payments: readonly Payment[]) =>
    predictRoute(router, payments, aprioriEstimate(router, memory), { ratio: APRIORI_OWN_RATIO, truth }, "usual");
  const bimodal = (memory: LndMemory) => (payments: readonly Payment[]) =>
    predictRoute(router, payments, bimodalEstimate(router, memory), { ratio: BIMODAL_OWN_RATIO, truth }, "usual");
  const blindApriori = (memory: LndMemory) => (payments: readonly Payment[]) =>
    predictRoute(router, payments, aprioriEstimate(router, memory), undefined, "usual");
  addBoth(BLIND_LND, blindApriori(none));
  addBoth("LND bimodal", bimodal(none));
  for (const [kind, log] of logs) {
    const memory = lndMemoryOf(router, log, ageSec);
    addBoth(LND_FED[kind], apriori(memory));
    addBoth(BLIND_LND_FED[kind], blindApriori(memory));
    addBoth(`LND bimodal + ${kind} probes`, bimodal(memory));
  }
  addBoth("likeliest path, uniform balances", (payments) =>
    predictRoute(router, payments, uniformEstimate(router), undefined, "probable"),
  );
  addBoth(OURS.prior, (payments) => predictReach(graph, payments, NO_BELIEFS));
  addBoth(TOLD.prior, (payments) => predictReach(graph, payments, NO_BELIEFS, truth));
  for (const [kind, believed] of beliefs) {
    addBoth(OURS[kind], (payments) => predictReach(graph, payments, believed));
    addBoth(TOLD[kind], (payments) => predictReach(graph, payments, believed, truth));
  }
  predictions.push({ name: "reach in the truth", probability: knowTruth(truth, test.payments) });
  return predictions;
}
