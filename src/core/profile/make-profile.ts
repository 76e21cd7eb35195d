/** All that is known about one node, from one sample of worlds. Pure: the same node, worlds and history give the same profile. */
import { WORDS } from "../graph/bits.ts";
import { aliasOf, channelId, findNodeHex, inboundCount, nodeKeyHex, POLICY_KNOWN } from "../graph/channel-graph.ts";
import type { ReachEngine } from "../graph/engine.ts";
import { chanceOf, groupRatios } from "../score/interval.ts";
import { meanOfCallers } from "../score/mean-of-callers.ts";
import type { ReferenceCaller } from "../score/references.ts";
import type { UnixSeconds } from "../units.ts";
import { costToCore, type Heading } from "./core-fee.ts";
import { findDependence } from "./dependence.ts";
import { raiseFlags } from "./flags.ts";
import { NO_FORWARDING } from "./forwarding.ts";
import { channelsOf, type GossipFacts, gossipFacts } from "./gossip.ts";
import type { ProfileGround } from "./ground.ts";
import { exposureOf, type NodeHistory, tellHistory } from "./history.ts";
import { listChannels } from "./list-channels.ts";
import {
  type CoreDistance,
  type InboundWays,
  type Liveness,
  type NodeProfile,
  PROFILE_MODEL,
  type Receivable,
  type Standing,
} from "./profile.ts";
import { disjointPaths, receiveCapacity } from "./receive-capacity.ts";
import { forecastSurvival, HORIZONS_DAYS, type SurvivalFacts, type SurvivalRecord } from "./survival.ts";

/** Worlds, who stands for everybody, and how much was observed of each node. */
export type ProfileWorld = {
  readonly engine: ReachEngine;
  readonly references: readonly ReferenceCaller[];
  readonly grounds: {
    readonly told: {
      readonly nodes: ReadonlyMap<number, { readonly observations: number; readonly newestAt: UnixSeconds }>;
    };
  };
};

/** The node asked about, and what our history has of it and of all nodes. */
export type ProfileRequest = {
  readonly nodeKey: string;
  readonly now: UnixSeconds;
  readonly history: NodeHistory;
  readonly record: SurvivalRecord;
};

/** Decades from 1k to 10M sat, in msat. */
const DECADES_MSAT = [1e6, 1e7, 1e8, 1e9, 1e10] as const;
/** What paths, fees and dependence are about, in msat. */
const COMMON_MSAT = 1e8;
/** Ten minutes each. */
const BLOCKS_PER_DAY = 144;

/** The profile; undefined when the graph has no such node. */
export function makeProfile(
  world: ProfileWorld,
  ground: ProfileGround,
  request: ProfileRequest,
): NodeProfile | undefined {
  const steps = makeProfileInSteps(world, ground, request);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in steps of some milliseconds, between which a caller may do other work that changes nothing of what is given here. */
export function* makeProfileInSteps(
  world: ProfileWorld,
  ground: ProfileGround,
  request: ProfileRequest,
): Generator<void, NodeProfile | undefined> {
  const { engine } = world;
  const { graph, cuts, ages, rows } = ground;
  const { now, history } = request;
  const node = findNodeHex(graph, request.nodeKey);
  if (node < 0) return undefined;
  const gossip = gossipFacts(graph, rows, node);
  const standing = standingOf(ground, node);
  const receivable = standing === "insufficient" ? [] : yield* reachInSteps(world, node);
  const ways = yield* inboundWays(world, ground, node);
  const dependence = yield* findDependence(world, cuts, node, COMMON_MSAT);
  const core = coreDistance(world, ground, node);
  yield;
  return {
    nodeKey: nodeKeyHex(graph, node),
    alias: aliasOf(graph, node),
    standing,
    receivable,
    ways,
    dependence,
    core,
    survival: forecastSurvival(survivalFacts(ground, node, gossip, request), request.record, HORIZONS_DAYS),
    liveness: livenessOf(world, ground, node, now),
    forwarding: ground.forwarding.get(request.nodeKey) ?? NO_FORWARDING,
    gossip,
    ...raiseFlags({ graph, cuts, ages, node, amountMsat: COMMON_MSAT, fromCore: core?.fromCore, history, now }),
    history: { watchedSince: history.watchedSince ?? null, days: tellHistory(history) },
    channels: { total: gossip.channels, listed: listChannels(graph, rows, node) },
    seed: engine.worlds.seed,
    model: PROFILE_MODEL,
  };
}

function standingOf({ graph, rows }: ProfileGround, node: number): Standing {
  if (inboundCount(graph, node) > 0) return "receivable";
  const isKnown = channelsOf(rows, node).some((channel) => {
    const towards = 2 * channel + (graph.nodeA[channel] === node ? 1 : 0);
    return (graph.policies.flags[towards]! & POLICY_KNOWN) !== 0;
  });
  return isKnown ? "disabled" : "insufficient";
}

function* reachInSteps({ engine, references }: ProfileWorld, node: number): Generator<void, Receivable[]> {
  const receivable: Receivable[] = [];
  for (const amountMsat of DECADES_MSAT) {
    const groups = meanOfCallers(references, node, engine.toTarget(node, amountMsat));
    receivable.push({ amountMsat, ...chanceOf(groups) });
    yield;
  }
  return receivable;
}

function survivalFacts(
  { ages }: ProfileGround,
  node: number,
  { enabledInbound, inboundSat }: GossipFacts,
  { history, now }: ProfileRequest,
): SurvivalFacts {
  const oldest = ages.oldestBlock[node]!;
  const ageDays = oldest > 0 ? (ages.tip - oldest) / BLOCKS_PER_DAY : undefined;
  return { enabledInbound, inboundSat, ageDays, ...exposureOf(history, now) };
}

function* inboundWays(
  { engine }: ProfileWorld,
  ground: ProfileGround,
  node: number,
): Generator<void, InboundWays | null> {
  const { graph, seeds } = ground;
  const others = seeds.filter((seed) => seed !== node).length;
  if (others === 0) return null;
  const flows = { ...ground, worlds: engine.worlds };
  const capacity = receiveCapacity(flows, node);
  yield;
  const { byChannel, byNode, onlyChannel, onlyNode } = disjointPaths(flows, node, COMMON_MSAT);
  yield;
  return {
    seeds: others,
    ...capacity,
    amountMsat: COMMON_MSAT,
    channelDisjointPaths: byChannel,
    nodeDisjointPaths: byNode,
    onlyChannel: onlyChannel < 0 ? null : String(channelId(graph, onlyChannel)),
    onlyNode: onlyNode < 0 ? null : nodeKeyHex(graph, onlyNode),
  };
}

function coreDistance({ engine }: ProfileWorld, { graph, seeds }: ProfileGround, node: number): CoreDistance | null {
  if (seeds.every((seed) => seed === node)) return null;
  const { blocked } = engine.worlds.beliefs;
  const cost = (heading: Heading) => costToCore({ graph, amountMsat: COMMON_MSAT, blocked, heading }, seeds, node);
  return { amountMsat: COMMON_MSAT, fromCore: cost("from-core"), toCore: cost("to-core") };
}

function livenessOf(
  { engine, grounds }: ProfileWorld,
  { graph }: ProfileGround,
  node: number,
  now: UnixSeconds,
): Liveness {
  const told = grounds.told.nodes.get(node);
  const { outStart, outArc } = graph.rows;
  const own = outArc.subarray(outStart[node]!, outStart[node + 1]!);
  const announcedAt = own.reduce(
    (newest, arc) => Math.max(newest, graph.policies.updatedAt[arc]!),
    graph.nodeUpdatedAt[node]!,
  );
  const ageOf = (at: number) => Math.max(0, now - at);
  return {
    ...chanceOf(groupRatios(engine.worlds.online.subarray(node * WORDS, (node + 1) * WORDS))),
    observations: told?.observations ?? 0,
    newestAgeSec: told ? ageOf(told.newestAt) : null,
    announcedAgeSec: announcedAt === 0 ? null : ageOf(announcedAt),
  };
}
