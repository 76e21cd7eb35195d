/** Answers a question from one sample of worlds. Pure: the same question and worlds give the same answer. */
import { type ChannelGraph, findNodeHex, nodeKeyHex } from "../graph/channel-graph.ts";
import type { Path } from "../graph/cheapest-path.ts";
import { createReachEngine, type ReachEngine } from "../graph/engine.ts";
import { defaultLimits, type RouteLimits } from "../graph/limits.ts";
import type { OwnChannel } from "../graph/own-channels.ts";
import { type Memory, remember } from "../graph/remember.ts";
import type { Masks, Worlds } from "../graph/worlds.ts";
import { drawReferences, type ReferenceCaller } from "../score/references.ts";
import { msat, type UnixSeconds } from "../units.ts";
import { findAlternatives } from "./alternatives.ts";
import { type IntentCase, openCase, ratioOf } from "./case.ts";
import { decide } from "./decide.ts";
import type { Decision, DecisionRequest, Reason, Route, StatedBelief } from "./decision.ts";
import { type Grounds, gatherEvidence, NO_GROUNDS } from "./evidence.ts";
import { sendersOf, worksOver } from "./judge.ts";
import { isKnown } from "./payer.ts";
import { explain, policiesUnknown } from "./reasons.ts";
import { tryPartsInSteps } from "./split.ts";
import { type GraphAges, listUnknowns } from "./unknowns.ts";

type Answer = { readonly asked: IntentCase } & Pick<
  Decision,
  "verdict" | "probability" | "interval" | "firstTryProbability" | "route" | "reasons" | "alternatives"
>;

/** Answers that are kept, some kilobytes each. */
const ANSWERS_KEPT = 1_000;
/** Fees that are kept, up to a quarter of a megabyte each. */
const FEES_KEPT = 16;

/** What decisions are computed from: worlds with their memory, who stands for an unknown caller, and the graph's dates. */
export type IntentWorld = {
  readonly engine: ReachEngine;
  readonly references: readonly ReferenceCaller[];
  readonly grounds: Grounds;
  readonly graphDigest: string;
  /** When the graph was read from a node. */
  readonly takenAt: UnixSeconds;
  /** Newest channel update in the graph, unix seconds; 0 when none is known. */
  readonly newestUpdateAt: number;
  /** Of these worlds and policies. */
  readonly answers: Memory<Answer>;
  /** By caller and amount, the least fees to all nodes. */
  readonly fees: Memory<Float64Array>;
};

/** Gathers what decisions need around a sample of worlds, drawn from the evidence `grounds` names; `masks` are those of these worlds that are drawn already. */
export function createIntentWorld(
  worlds: Worlds,
  graphDigest: string,
  takenAt: UnixSeconds,
  grounds: Grounds = NO_GROUNDS,
  masks: Iterable<Masks> = [],
): IntentWorld {
  const { graph, seed } = worlds;
  return {
    grounds,
    engine: createReachEngine(worlds, masks),
    references: drawReferences(graph, seed),
    graphDigest,
    takenAt,
    newestUpdateAt: newestUpdate(graph),
    answers: remember(ANSWERS_KEPT),
    fees: remember(FEES_KEPT),
  };
}

/** The same world after policies of these channels changed in place, but not whether they are enabled. */
export function refreshIntentWorld(
  world: IntentWorld,
  channels: Iterable<number>,
  graphDigest: string,
  takenAt: UnixSeconds,
): IntentWorld {
  world.engine.refresh(channels);
  const newestUpdateAt = newestUpdate(world.engine.graph);
  return { ...world, graphDigest, takenAt, newestUpdateAt, answers: remember(ANSWERS_KEPT), fees: remember(FEES_KEPT) };
}

function newestUpdate(graph: ChannelGraph): number {
  let newest = 0;
  for (const at of graph.policies.updatedAt) if (at > newest) newest = at;
  return newest;
}

/** What the worlds were drawn from, besides the graph and the seed. */
export function stateBelief({ grounds, engine }: IntentWorld): StatedBelief {
  return { ...grounds.version, prior: engine.worlds.beliefs.prior };
}

/** The decision on one payment. */
export function resolveIntent(world: IntentWorld, request: DecisionRequest): Decision {
  const steps = resolveIntentInSteps(world, request);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in steps, where several parts are asked for: between them a caller may do other work, which must not change the world. */
export function* resolveIntentInSteps(world: IntentWorld, request: DecisionRequest): Generator<void, Decision> {
  const { engine, references, graphDigest, grounds, takenAt: asOf } = world;
  const { graph } = engine;
  const target = findNodeHex(graph, request.target);
  const caller = request.caller === undefined ? -1 : findNodeHex(graph, request.caller);
  const limitsAt = limitsOf(request);
  const { maxFeeMsat, ...others } = limitsAt(Number(request.amount));
  const limits = { maxFeeMsat: msat(BigInt(maxFeeMsat)), ...others };
  const origin = { limits, belief: stateBelief(world), seed: engine.worlds.seed, graphDigest, asOf };
  // Of channels that the caller told us of, probes have nothing to add.
  const sender = request.callerChannels ? -1 : caller;
  const evidenceOf = (path: Path | undefined) =>
    gatherEvidence(graph, grounds, { target, caller: sender, path }, { now: request.now, graphReadAt: asOf });
  const silence = refuse(graph, request, target);
  if (silence) return { ...NOTHING_SAID, reasons: [silence], evidence: evidenceOf(undefined), ...origin };

  const told = findOwnChannels(graph, request.callerChannels);
  const payer = { caller, own: told?.channels, references };
  const compute = () => computeAnswer(openCase(engine, payer, target, Number(request.amount), limitsAt));
  // Of another amount, LND's fee limit is another one and the caller's is the same.
  const feeLimit = request.limits?.maxFee === undefined ? "usual" : "asked";
  const name = `${target} ${caller} ${request.amount} ${feeLimit} ${Object.values(limits).join(" ")}`;
  // What the caller tells of its own channels outlives no answer.
  const { asked, ...answer } = told ? compute() : world.answers.get(name, compute);
  const evidence = evidenceOf(asked.path);
  const { maxParts = 1 } = request;
  const parts = maxParts > 1 ? yield* tryPartsInSteps(asked, maxParts) : null;
  return {
    ...answer,
    parts,
    unknowns: listUnknowns(asked, evidence.probed, agesOf(world, request.now), {
      strangers: told?.strangers ?? 0,
      inParts: parts !== null,
    }),
    evidence,
    ...origin,
  };
}

/** What does not depend on when it is asked. */
function computeAnswer(asked: IntentCase): Answer {
  const { path, chance, graph } = asked;
  return {
    asked,
    verdict: decide(chance),
    ...chance,
    // Of a route that works in a world that is in doubt, no more is said than of all routes.
    firstTryProbability: Math.min(chance.probability, firstTry(asked)),
    route: path ? describeRoute(graph, path) : null,
    reasons: explain(asked),
    alternatives: findAlternatives(asked),
  };
}

/** What the caller allows a route of an amount: what it said, and else LND's defaults. */
function limitsOf({ limits }: DecisionRequest): (amountMsat: number) => RouteLimits {
  return (amountMsat) => {
    const { maxFeeMsat, maxCltvDelta, maxHops } = defaultLimits(amountMsat);
    return {
      maxFeeMsat: limits?.maxFee === undefined ? maxFeeMsat : Number(limits.maxFee),
      maxCltvDelta: limits?.maxCltvDelta ?? maxCltvDelta,
      maxHops: limits?.maxHops ?? maxHops,
    };
  };
}

/** The caller's channels to nodes of the graph, and how many lead to others. */
function findOwnChannels(graph: ChannelGraph, told: DecisionRequest["callerChannels"]) {
  if (!told) return undefined;
  const all = told.map(({ peer, spendable }) => ({ peer: findNodeHex(graph, peer), spendableMsat: Number(spendable) }));
  const channels: OwnChannel[] = all.filter(({ peer }) => peer >= 0);
  return { channels, strangers: all.length - channels.length };
}

const NOTHING_SAID = {
  verdict: "insufficient",
  probability: 0,
  interval: { low: 0, high: 1 },
  firstTryProbability: 0,
  route: null,
  parts: null,
  alternatives: [],
  unknowns: [],
} as const;

/** Why nothing can be said, if so. */
function refuse(graph: ChannelGraph, request: DecisionRequest, target: number): Reason | undefined {
  if (request.caller?.toLowerCase() === request.target.toLowerCase()) {
    return {
      code: "caller-is-target",
      text: "Caller and target are the same node: a payment to oneself says nothing about others.",
      wouldChange: null,
    };
  }
  if (target < 0) {
    return { code: "target-unknown", text: "The target is not in the public channel graph.", wouldChange: null };
  }
  if (policiesUnknown({ graph, target })) {
    return {
      code: "target-policies-unknown",
      text: "The target has channels, but no policy towards it has been announced.",
      wouldChange: null,
    };
  }
  return undefined;
}

function agesOf(world: IntentWorld, now: UnixSeconds): GraphAges {
  const { takenAt, newestUpdateAt } = world;
  return { readSec: now - takenAt, silentSec: newestUpdateAt === 0 ? undefined : now - newestUpdateAt };
}

/** The route tried first carries the amount and all its nodes are online: joint, in the same worlds as the probability. */
function firstTry(asked: IntentCase): number {
  const { engine, path } = asked;
  if (isKnown(asked)) return path ? ratioOf(worksOver(engine, asked, asked, path)) : 0;
  let [sum, total] = [0, 0];
  for (const { weight, route } of sendersOf(engine, asked, asked)) {
    const tried = route();
    sum += tried ? weight * ratioOf(worksOver(engine, asked, asked, tried)) : 0;
    total += weight;
  }
  return total === 0 ? 0 : sum / total;
}

function describeRoute(graph: ChannelGraph, path: Path): Route {
  return {
    feeMsat: msat(BigInt(path.feeMsat)),
    cltvDelta: path.cltvDelta,
    hops: path.hops,
    path: path.nodes.map((node) => nodeKeyHex(graph, node)),
  };
}
