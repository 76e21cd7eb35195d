/**
 * The rank of a node: how likely a payment to it arrives, over callers that money cannot choose and four amounts.
 *
 * rank = 100 · mean over the amounts 1k, 10k, 100k and 1M sat of the probability that a reference caller reaches the
 * node. The derivation, a worked example and the attack table are in docs/scoring.md.
 */
import { countBits, GROUP, WORDS } from "../graph/bits.ts";
import { type ChannelGraph, inboundCount, nodeKeyHex } from "../graph/channel-graph.ts";
import { findHub } from "../graph/hub.ts";
import { reachFrom } from "../graph/reach.ts";
import { drawMasks, type Worlds } from "../graph/worlds.ts";
import type { UnixSeconds } from "../units.ts";
import { chanceOf } from "./interval.ts";
import type { ReferenceCaller } from "./references.ts";

/** Names the computation behind a rank, for readers who compare. */
export const SCORE_MODEL = "node-reach-2";

/** What is published about a node. */
export type NodeScore = {
  /** 66 lower-case hex digits. */
  readonly nodeKey: string;
  /** 0 … 100. */
  readonly rank: number;
  /** Bounds of a 90 % interval, 0 … 100. */
  readonly rankLow: number;
  readonly rankHigh: number;
  /** Probability that 100,000 sat arrive. */
  readonly reachRatio: number;
  /** Enabled channel directions towards the node, as announced by its peers. */
  readonly observations: number;
  readonly asOf: UnixSeconds;
};

/** Amounts of a rank, in msat. */
const RANK_AMOUNTS_MSAT = [1e6, 1e7, 1e8, 1e9] as const;
/** Which of them is published as the reach ratio. */
const REACH_AMOUNT = RANK_AMOUNTS_MSAT.indexOf(1e8);

/** By amount, node and group: the probability that a reference caller reaches the node. */
export type ReachTable = readonly Float64Array[];

/** Scores every node that has an enabled inbound channel; others get none, since nothing is known for or against them. */
export function scoreNodes(worlds: Worlds, references: readonly ReferenceCaller[], asOf: UnixSeconds): NodeScore[] {
  const steps = scoreNodesInSteps(worlds, references, asOf);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in steps of one pass. */
function* scoreNodesInSteps(
  worlds: Worlds,
  references: readonly ReferenceCaller[],
  asOf: UnixSeconds,
): Generator<void, NodeScore[]> {
  const table: Float64Array[] = [];
  for (const amount of RANK_AMOUNTS_MSAT) table.push(yield* reachFromReferences(worlds, references, amount));
  const scores: NodeScore[] = [];
  for (let node = 0; node < worlds.graph.nodeCount; node++) {
    if (inboundCount(worlds.graph, node) > 0) scores.push(scoreNode(worlds.graph, table, node, asOf));
  }
  return scores;
}

function scoreNode(graph: ChannelGraph, table: ReachTable, node: number, asOf: UnixSeconds): NodeScore {
  const groups = Float64Array.from(
    { length: WORDS },
    (_, g) => table.reduce((sum, reach) => sum + reach[node * WORDS + g]!, 0) / table.length,
  );
  const { probability, interval } = chanceOf(groups);
  const reach = chanceOf(table[REACH_AMOUNT]!.subarray(node * WORDS, (node + 1) * WORDS)).probability;
  const rank = Math.round(100 * probability);
  return {
    nodeKey: nodeKeyHex(graph, node),
    rank,
    rankLow: Math.min(rank, Math.floor(100 * interval.low)),
    rankHigh: Math.max(rank, Math.ceil(100 * interval.high)),
    reachRatio: Math.round(reach * 1e4) / 1e4,
    observations: inboundCount(graph, node),
    asOf,
  };
}

/** One forward pass per reference caller. A caller says nothing about itself: its weight falls to the others. */
function* reachFromReferences(
  worlds: Worlds,
  references: readonly ReferenceCaller[],
  amountMsat: number,
): Generator<void, Float64Array> {
  const { graph } = worlds;
  const masks = drawMasks(worlds, amountMsat);
  const total = references.reduce((sum, { weight }) => sum + weight, 0);
  const ratios = new Float64Array(graph.nodeCount * WORDS);
  const own = new Map(references.map(({ node, weight }) => [node, weight]));
  yield;
  const hub = findHub(graph, masks);
  yield;
  for (const { node: caller, weight } of references) {
    const reached = reachFrom(graph, masks, caller, hub);
    reached.fill(0, caller * WORDS, (caller + 1) * WORDS);
    for (let i = 0; i < reached.length; i++) {
      const word = reached[i]!;
      if (word !== 0) ratios[i]! += (weight * countBits(word)) / GROUP;
    }
    yield;
  }
  for (let i = 0; i < ratios.length; i++) {
    ratios[i]! /= Math.max(total - (own.get(Math.floor(i / WORDS)) ?? 0), 1);
  }
  return ratios;
}
