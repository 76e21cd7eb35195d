/**
 * Probes of one node through the truth, and what is left of them: evidence as the oracle stores it, and the same outcomes
 * as LND's mission control would. Nobody else's knowledge enters.
 */
import type { Evidence } from "../evidence/observation.ts";
import { arcHead, type ChannelGraph, nodeKeyHex } from "../graph/channel-graph.ts";
import { independentPeers } from "../graph/liveness.ts";
import { sampleWorlds, WORLD_SEED } from "../graph/worlds.ts";
import { type Belief, believe } from "../probe/believe.ts";
import { chooseProbes, type OwnChannel } from "../probe/choose.ts";
import { type ProbeFailure, readOutcome } from "../probe/read-outcome.ts";
import { layRoute } from "../probe/route.ts";
import { SIMULATED_POLICY } from "../spend/policy.ts";
import { msat, unixSeconds } from "../units.ts";
import { attempt, type Ending } from "./attempt.ts";
import { aprioriEstimate } from "./estimates.ts";
import { type LndMemory, rememberFailure, rememberSuccess } from "./lnd-memory.ts";
import { nodeDrawer, PAYMENT_AMOUNTS_MSAT } from "./payments.ts";
import type { Random } from "./random.ts";
import { pairOfArc, type Router } from "./search.ts";
import { send } from "./sender.ts";
import type { Truth } from "./truth.ts";

/** What a campaign of probes proved. */
export type ProbeLog = { readonly evidence: Evidence[]; readonly results: ProbeResult[]; sent: number };

/** One HTLC: what crossed each arc, and where it ended. */
type ProbeResult = {
  readonly arcs: readonly number[];
  readonly crossingMsat: readonly number[];
  readonly ending: Ending;
};

/**
 * The graph is read, and all probes are sent, in one second: what they prove is as fresh as anybody wants it to be. It is the
 * last one of an hour, and beliefs are those of the next second: the prior has just been fitted.
 */
const PROBED_AT = unixSeconds(1_770_001_199);
const LEAST_MSAT = 1e6;
const MOST_MSAT = 1e9;
const TRIES_PER_TARGET = 4;
/** At least so many states of belief that probes are chosen from; choosing each alone would take hours. */
const ROUNDS = 24;
/** Questions that stand for everybody's, drawn anew for each round. */
const QUESTIONS = 1024;
const FINAL_EXPIRY = 800_080;

/** `count` targets drawn like those of payments, at log-uniform amounts from 1k to 1M sat, up to four routes each. */
export function drawnProbes(router: Router, truth: Truth, vantage: number, count: number, random: Random): ProbeLog {
  const log: ProbeLog = { evidence: [], results: [], sent: 0 };
  const estimate = aprioriEstimate(router, new Map());
  const draw = nodeDrawer(router.graph);
  for (let i = 0; i < count; i++) {
    const target = draw(random);
    const amountMsat = Math.round(LEAST_MSAT * (MOST_MSAT / LEAST_MSAT) ** random());
    if (target === vantage) continue;
    for (const { route, ending } of send(
      router,
      truth,
      { caller: vantage, target, amountMsat },
      estimate,
      TRIES_PER_TARGET,
    ))
      keep(log, router.graph, vantage, { ...route, ending }, amountMsat);
  }
  return log;
}

/**
 * `count` HTLCs by what they are expected to tell about payments drawn like those that are judged, but not these
 * themselves. A tenth is drawn by chance, as the product does.
 */
export function chosenProbes(
  router: Router,
  truth: Truth,
  vantage: number,
  count: number,
  random: Random,
  progress: (done: number) => void,
): ProbeLog {
  const log: ProbeLog = { evidence: [], results: [], sent: 0 };
  const { graph } = router;
  const { outStart, outArc } = graph.rows;
  const own: OwnChannel[] = [...outArc.subarray(outStart[vantage]!, outStart[vantage + 1]!)]
    .filter((arc) => truth.online[arcHead(graph, arc)] === 1)
    .map((arc) => ({ arc, spendableMsat: truth.balanceMsat[arc]! }));
  const limits = { ...SIMULATED_POLICY.probes, maxAmountMsat: msat(BigInt(MOST_MSAT)), exploreRatio: 0.1 };
  const draw = nodeDrawer(graph);
  const perRound = Math.max(1, Math.ceil(count / ROUNDS));
  while (log.sent < count) {
    const questions = Array.from({ length: QUESTIONS }, (_, i) => {
      const amountMsat = PAYMENT_AMOUNTS_MSAT[i % PAYMENT_AMOUNTS_MSAT.length]!;
      return { caller: draw(random), target: draw(random), amountMsat, weight: 1 };
    }).filter(({ caller, target }) => caller !== target);
    const belief = believeProbes(graph, log, 0);
    const scene = { worlds: sampleWorlds(graph, WORLD_SEED, belief.worlds), source: vantage, own };
    const chosen = chooseProbes(scene, questions, limits, Math.min(perRound, count - log.sent), random);
    if (chosen.length === 0) break;
    for (const { arcs, amountMsat } of chosen) probeAlong(log, router, truth, vantage, arcs, amountMsat);
    progress(log.sent);
  }
  return log;
}

function probeAlong(
  log: ProbeLog,
  router: Router,
  truth: Truth,
  vantage: number,
  arcs: readonly number[],
  amountMsat: number,
): void {
  const hops = layRoute(router.graph, arcs, { amount: msat(BigInt(amountMsat)), expiryHeight: FINAL_EXPIRY });
  const crossingMsat = hops?.map(({ amount }) => Number(amount));
  // A route that fees carry past a maximum is not sent, but it was a try.
  if (!crossingMsat) log.sent++;
  else
    keep(
      log,
      router.graph,
      vantage,
      { arcs, crossingMsat, ending: attempt(router, truth, { arcs: [...arcs], crossingMsat }) },
      amountMsat,
    );
}

function keep(log: ProbeLog, graph: ChannelGraph, vantage: number, result: ProbeResult, amountMsat: number): void {
  log.sent++;
  log.results.push(result);
  const hops = layRoute(graph, result.arcs, { amount: msat(BigInt(amountMsat)), expiryHeight: FINAL_EXPIRY });
  if (!hops) return;
  const origin = { source: "probe" as const, attempt: "00".repeat(32), vantage: nodeKeyHex(graph, vantage) };
  for (const observation of readOutcome(hops, failureOf(result.ending, hops.length))) {
    log.evidence.push({ ...origin, observedAt: PROBED_AT, observation });
  }
}

/** As the node that reports names it. A refusal is one that no retry mends. */
function failureOf(ending: Ending, hops: number): ProbeFailure {
  if (ending.arrived) return { code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", sourceIndex: hops };
  const codes = {
    offline: "UNKNOWN_NEXT_PEER",
    liquidity: "TEMPORARY_CHANNEL_FAILURE",
    policy: "CHANNEL_DISABLED",
  } as const;
  return { code: codes[ending.reason], sourceIndex: ending.index };
}

/** What the oracle believes of the probes when they are `ageSec` old. */
export function believeProbes(graph: ChannelGraph, { evidence }: ProbeLog, ageSec: number): Belief {
  const peers = independentPeers(graph);
  const times = { now: unixSeconds(PROBED_AT + 1 + ageSec), graphAt: unixSeconds(PROBED_AT - 1) };
  return believe(graph, evidence, times, () => peers);
}

/** What LND would remember of the probes at that age: liquidity as amounts, whatever else fails as the pair, both ways. */
export function lndMemoryOf(router: Router, { results }: ProbeLog, ageSec: number): LndMemory {
  const memory: LndMemory = new Map();
  for (const { arcs, crossingMsat, ending } of results) {
    const passed = ending.arrived ? arcs.length : ending.index;
    for (let i = 0; i < passed; i++) rememberSuccess(memory, pairOfArc(router, arcs[i]!), crossingMsat[i]!, ageSec);
    if (ending.arrived) continue;
    const pair = pairOfArc(router, arcs[passed]!);
    if (ending.reason === "liquidity") rememberFailure(memory, pair, crossingMsat[passed]!, ageSec);
    else {
      const back = router.pairs.back[pair]!;
      rememberFailure(memory, pair, 0, ageSec);
      if (back >= 0) rememberFailure(memory, back, 0, ageSec);
    }
  }
  return memory;
}

/** Channels that some probe crossed or failed at, our own left out. */
export function channelsTouched({ results }: ProbeLog): number {
  const touched = new Set<number>();
  for (const { arcs, ending } of results) {
    const last = ending.arrived ? arcs.length - 1 : ending.index;
    for (let i = 1; i <= last; i++) touched.add(arcs[i]! >>> 1);
  }
  return touched.size;
}
