/**
 * Which probes come next: those that are expected to lower the Brier score of the questions people ask the most, for what
 * they cost others; and, for a share of them, whatever chance draws.
 */
import { everyWorld, type WorldSet } from "../graph/bits.ts";
import { arcHead, arcTail, type ChannelGraph, inboundCount } from "../graph/channel-graph.ts";
import { AMOUNT_GRID_MSAT } from "../graph/engine.ts";
import { findHub } from "../graph/hub.ts";
import { lookBack, reachedAt } from "../graph/reached.ts";
import { drawMasks, type Masks, policyAdmits, type Worlds } from "../graph/worlds.ts";
import type { ProbeLimits } from "../spend/policy.ts";
import { type Arrival, arrivalOf } from "./arrival.ts";
import { type LikeliestPaths, likeliestPaths } from "./likeliest-paths.ts";
import { type AskedQuestion, brierOf, brierReduction, outcomesOf } from "./value.ts";

/** Will `amountMsat` arrive at `target` from `caller`? Both by index in the graph. */
export type ProbeQuestion = {
  readonly target: number;
  readonly caller: number;
  readonly amountMsat: number;
  readonly weight: number;
};

/** One of our channels, and what it can send now. */
export type OwnChannel = { readonly arc: number; readonly spendableMsat: number };

/** What a choice is made from: worlds as the evidence leaves them, our node, and its channels. */
export type ProbeScene = {
  readonly worlds: Worlds;
  readonly source: number;
  readonly own: readonly OwnChannel[];
};

/** `gain` is the expected reduction of the weighted Brier sum; 0 for one that chance drew. */
export type ChosenProbe = {
  readonly purpose: "asked" | "explore";
  readonly arcs: readonly number[];
  readonly amountMsat: number;
  readonly gain: number;
  readonly arrival: Arrival;
};

type Candidate = Omit<ChosenProbe, "arrival">;

/** Channels of a target and of a caller that are looked at, the largest first. */
const ARCS_LOOKED_AT = 8;
/** A slot is held on every hop, for as long as an answer takes; an amount of this size doubles what that costs. */
const DEAR_AMOUNT_MSAT = 1e9;
/** Of the whole weight: a smaller reduction is not worth anybody's attention. */
const LEAST_GAIN = 1e-4;
const EXPLORE_TRIES = 50;
/** Questions that routes are looked for. Fewer would spend many probes on few of them, and leave the rest unknown. */
const QUESTIONS_LOOKED_AT = 512;
/** Routes in all that are weighed on every question, and the fewest of one question: those that are worth most to itself. */
const ROUTES_WEIGHED = 1024;
const LEAST_WEIGHED = 2;

/** At most `count` probes, none of which ends like another. `random` gives numbers in [0, 1). */
export function chooseProbes(
  scene: ProbeScene,
  questions: readonly ProbeQuestion[],
  limits: ProbeLimits,
  count: number,
  random: () => number,
): ChosenProbe[] {
  const view = viewOf(scene, limits);
  const drawn = Array.from({ length: count }, () => random() < limits.exploreRatio).filter(Boolean).length;
  const explored = Array.from({ length: drawn }, () => explore(scene, view, limits, random)).filter(isChosen);
  const asked = pickBest(scene, rank(scene, view, questions, limits), count - explored.length);
  return [...asked, ...explored].map((probe) => ({
    ...probe,
    arrival: arrivalOf(scene.worlds, view.masks(probe.amountMsat), probe.arcs),
  }));
}

/** Where a question's answer is yes, by question. For whoever wants the probability as it is believed. */
export function answerQuestions(scene: ProbeScene, questions: readonly ProbeQuestion[]): AskedQuestion[] {
  const masks = remember((amountMsat) => drawMasks(scene.worlds, amountMsat));
  return answer(scene, masks, questions);
}

/** An amount of the grid near this one, so that many questions share masks. */
export function nearGrid(amountMsat: number): number {
  const distance = (each: number) => Math.abs(Math.log(each / Math.max(1, amountMsat)));
  return AMOUNT_GRID_MSAT.reduce<number>((best, each) => (distance(each) < distance(best) ? each : best), 1e6);
}

type View = { masks: (amountMsat: number) => Masks; paths: (amountMsat: number) => LikeliestPaths; amounts: number[] };

function viewOf({ worlds, source, own }: ProbeScene, limits: ProbeLimits): View {
  const masks = remember((amountMsat) => drawMasks(worlds, amountMsat));
  const paths = remember((amountMsat) => {
    const ownArcs = own.filter(({ spendableMsat }) => spendableMsat >= amountMsat).map(({ arc }) => arc);
    return likeliestPaths(worlds.graph, masks(amountMsat), { source, ownArcs }, limits);
  });
  return { masks, paths, amounts: AMOUNT_GRID_MSAT.filter((amount) => BigInt(amount) <= limits.maxAmountMsat) };
}

function answer({ worlds }: ProbeScene, masks: View["masks"], questions: readonly ProbeQuestion[]): AskedQuestion[] {
  const { graph } = worlds;
  const hubs = remember((amountMsat) => findHub(graph, masks(amountMsat)));
  return questions.map(({ target, caller, amountMsat, weight }) => {
    const starts = [{ node: target, worlds: everyWorld() }];
    return { weight, yes: reachedAt(lookBack(graph, masks(amountMsat), hubs(amountMsat), starts), caller) };
  });
}

function rank(scene: ProbeScene, view: View, questions: readonly ProbeQuestion[], limits: ProbeLimits): Candidate[] {
  const answers = answer(scene, view.masks, questions);
  const least = LEAST_GAIN * questions.reduce((sum, { weight }) => sum + weight, 0);
  const found = new Map<string, Candidate & { worth: number }>();
  const open = openMost(questions, answers);
  const ofEach = Math.max(LEAST_WEIGHED, Math.floor(ROUTES_WEIGHED / open.length));
  for (const { question, answer } of open) {
    for (const { arcs, amountMsat, outcomes } of worthMost(scene, view, question, answer, limits).slice(0, ofEach)) {
      const key = `${arcs.join(" ")} ${amountMsat}`;
      if (found.has(key)) continue;
      const gain = brierReduction(answers, outcomes);
      found.set(key, { purpose: "asked", arcs, amountMsat, gain, worth: gain / costOf(arcs, amountMsat) });
    }
  }
  return [...found.values()].filter(({ gain }) => gain > least).sort((a, b) => b.worth - a.worth);
}

/** The questions whose answer is worth most and known least: what is nearly certain needs no probe. */
function openMost(questions: readonly ProbeQuestion[], answers: readonly AskedQuestion[]) {
  const worth = questions.map((question, i) => ({ question, answer: answers[i]!, open: brierOf(answers[i]!) }));
  return worth
    .filter(({ open }) => open > 0)
    .sort((a, b) => b.open - a.open)
    .slice(0, QUESTIONS_LOOKED_AT);
}

/** Routes by what they tell about this one question for what they cost, the best first. */
function worthMost(
  scene: ProbeScene,
  view: View,
  question: ProbeQuestion,
  answer: AskedQuestion,
  limits: ProbeLimits,
): { arcs: number[]; amountMsat: number; outcomes: WorldSet[] }[] {
  const routes = [...candidates(scene, view, question, limits)].map(({ arcs, amountMsat }) => {
    const outcomes = outcomesOf(scene.worlds, view.masks(amountMsat), arcs);
    return { arcs, amountMsat, outcomes, worth: brierReduction([answer], outcomes) / costOf(arcs, amountMsat) };
  });
  return routes.sort((a, b) => b.worth - a.worth);
}

/** What a probe costs others. */
function costOf(arcs: readonly number[], amountMsat: number): number {
  return arcs.length * (1 + amountMsat / DEAR_AMOUNT_MSAT);
}

/** Best first, without a second one over the same last channel or to the same node: its worth was counted once. */
function pickBest({ worlds }: ProbeScene, ranked: readonly Candidate[], count: number): Candidate[] {
  const taken = new Set<string>();
  const picked: Candidate[] = [];
  for (const probe of ranked) {
    if (picked.length >= count) break;
    const last = probe.arcs.at(-1)!;
    const names = [`channel ${last >>> 1}`, `node ${arcHead(worlds.graph, last)}`];
    if (names.some((name) => taken.has(name))) continue;
    for (const name of names) taken.add(name);
    picked.push(probe);
  }
  return picked;
}

/** Probes over the channels that bring a payment to the target, and over those by which it leaves the caller. */
function* candidates(
  scene: ProbeScene,
  view: View,
  question: ProbeQuestion,
  limits: ProbeLimits,
): Generator<{ arcs: number[]; amountMsat: number }> {
  const { graph } = scene.worlds;
  const looked = [...arcsInto(graph, question.target), ...arcsOutOf(graph, question.caller)];
  const at = AMOUNT_GRID_MSAT.indexOf(nearGrid(question.amountMsat) as (typeof AMOUNT_GRID_MSAT)[number]);
  for (const amountMsat of AMOUNT_GRID_MSAT.slice(Math.max(0, at - 1), at + 2)) {
    if (!view.amounts.includes(amountMsat)) continue;
    const paths = view.paths(amountMsat);
    const straight = paths.to(question.target);
    if (straight && straight.length > 0) yield { arcs: straight, amountMsat };
    for (const arc of looked) {
      const arcs = extend(scene, paths, arc, limits);
      if (arcs) yield { arcs, amountMsat };
    }
  }
}

/** The likeliest way to an arc, and over it; undefined when it does not admit the amount, or the way is too long. */
function extend(
  { worlds, source }: ProbeScene,
  paths: LikeliestPaths,
  arc: number,
  limits: ProbeLimits,
): number[] | undefined {
  const { graph } = worlds;
  const tail = arcTail(graph, arc);
  // Our own channels are known; what is beyond them is not.
  if (tail === source || arcHead(graph, arc) === source || !policyAdmits(graph, arc, paths.amountMsat))
    return undefined;
  const before = paths.to(tail);
  if (!before || before.some((each) => arcHead(graph, each) === arcHead(graph, arc))) return undefined;
  const arcs = [...before, arc];
  const blocks = arcs.reduce((sum, each, i) => (i === 0 ? sum : sum + graph.policies.cltvDelta[each]!), 0);
  return arcs.length <= limits.maxHops && blocks <= limits.maxCltvBlocks ? arcs : undefined;
}

function arcsInto(graph: ChannelGraph, node: number): number[] {
  const { inStart, inArc } = graph.rows;
  return largest(graph, inArc.subarray(inStart[node]!, inStart[node + 1]!));
}

function arcsOutOf(graph: ChannelGraph, node: number): number[] {
  const { outStart, outArc } = graph.rows;
  return largest(graph, outArc.subarray(outStart[node]!, outStart[node + 1]!));
}

function largest(graph: ChannelGraph, arcs: Uint32Array): number[] {
  const size = (arc: number) => graph.capacitySat[arc >>> 1]!;
  return [...arcs].sort((a, b) => size(b) - size(a)).slice(0, ARCS_LOOKED_AT);
}

/** A node and an amount that chance draws, each as likely as any other; undefined when none of many draws can be tried. */
function explore(
  { worlds, source }: ProbeScene,
  view: View,
  limits: ProbeLimits,
  random: () => number,
): Candidate | undefined {
  const { graph } = worlds;
  if (view.amounts.length === 0) return undefined;
  for (let tries = 0; tries < EXPLORE_TRIES; tries++) {
    const node = Math.floor(random() * graph.nodeCount);
    const amountMsat = view.amounts[Math.floor(random() * view.amounts.length)]!;
    if (node === source || inboundCount(graph, node) === 0) continue;
    const arcs = view.paths(amountMsat).to(node);
    if (arcs && arcs.length > 1 && arcs.length <= limits.maxHops) {
      return { purpose: "explore", arcs, amountMsat, gain: 0 };
    }
  }
  return undefined;
}

function isChosen(probe: Candidate | undefined): probe is Candidate {
  return probe !== undefined;
}

function remember<Value>(make: (amountMsat: number) => Value): (amountMsat: number) => Value {
  const kept = new Map<number, Value>();
  return (amountMsat) => {
    const value = kept.get(amountMsat) ?? make(amountMsat);
    kept.set(amountMsat, value);
    return value;
  };
}
