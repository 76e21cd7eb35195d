/** Answers a question from one sample of worlds. Pure: the same question and worlds give the same answer. */
import { both, everyWorld, worldsAt } from "../graph/bits.ts";
import { type ChannelGraph, findNodeHex, nodeKeyHex } from "../graph/channel-graph.ts";
import { type Path, pathFrom } from "../graph/cheapest-path.ts";
import { createReachEngine, type ReachEngine } from "../graph/engine.ts";
import type { Masks, Worlds } from "../graph/worlds.ts";
import { drawReferences, type ReferenceCaller } from "../score/references.ts";
import { msat, type UnixSeconds } from "../units.ts";
import { findAlternatives } from "./alternatives.ts";
import { type IntentCase, openCase, ratioOf } from "./case.ts";
import { decide } from "./decide.ts";
import type { Decision, DecisionRequest, Reason, Route, StatedBelief } from "./decision.ts";
import { type Grounds, gatherEvidence, NO_GROUNDS } from "./evidence.ts";
import { explain, policiesUnknown } from "./reasons.ts";
import { type GraphAges, listUnknowns } from "./unknowns.ts";

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
  return { ...world, graphDigest, takenAt, newestUpdateAt: newestUpdate(world.engine.graph) };
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
  const { engine, references } = world;
  const { graph } = engine;
  const target = findNodeHex(graph, request.target);
  const caller = request.caller === undefined ? -1 : findNodeHex(graph, request.caller);
  const { graphDigest, grounds, takenAt: asOf } = world;
  const origin = { belief: stateBelief(world), seed: engine.worlds.seed, graphDigest, asOf };
  const evidenceOf = (path: Path | undefined) =>
    gatherEvidence(graph, grounds, { target, caller, path }, { now: request.now, graphReadAt: asOf });
  const silence = refuse(graph, request, target);
  if (silence) return { ...NOTHING_SAID, reasons: [silence], evidence: evidenceOf(undefined), ...origin };

  const asked = openCase(engine, references, caller, target, Number(request.amount));
  const path = caller < 0 ? undefined : pathFrom(engine.net, engine.pathsTo(target, asked.amountMsat), caller);
  const evidence = evidenceOf(path);
  return {
    verdict: decide(asked.chance),
    ...asked.chance,
    firstTryProbability: firstTry(asked, path),
    route: path ? describeRoute(graph, path) : null,
    reasons: explain(asked, path),
    alternatives: findAlternatives(asked),
    unknowns: listUnknowns(asked, evidence.probed, agesOf(world, request.now)),
    evidence,
    ...origin,
  };
}

const NOTHING_SAID = {
  verdict: "insufficient",
  probability: 0,
  interval: { low: 0, high: 1 },
  firstTryProbability: 0,
  route: null,
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

/** All arcs of the path carry the amount and all its nodes are online: joint, in the same worlds as the probability. */
function firstTry(asked: IntentCase, path: Path | undefined): number {
  if (asked.caller < 0) return firstTryOfReferences(asked);
  return path ? pathRatio(asked, path) : 0;
}

function firstTryOfReferences(asked: IntentCase): number {
  const { engine, references, target, amountMsat } = asked;
  const tree = engine.pathsTo(target, amountMsat);
  let [sum, total] = [0, 0];
  for (const { node, weight } of references) {
    if (node === target) continue;
    const path = pathFrom(engine.net, tree, node);
    sum += path ? weight * pathRatio(asked, path) : 0;
    total += weight;
  }
  return total === 0 ? 0 : sum / total;
}

function pathRatio(asked: IntentCase, path: Path): number {
  const { words } = asked.engine.masks(asked.amountMsat);
  const { slotOfArc } = asked.graph.rows;
  return ratioOf(path.arcs.reduce((all, arc) => both(all, worldsAt(words, slotOfArc[arc]!)), everyWorld()));
}

function describeRoute(graph: ChannelGraph, path: Path): Route {
  return {
    feeMsat: msat(BigInt(path.feeMsat)),
    cltvDelta: path.cltvDelta,
    hops: path.arcs.length,
    path: path.nodes.map((node) => nodeKeyHex(graph, node)),
  };
}
