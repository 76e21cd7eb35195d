/**
 * The rank of a node: how likely a payment arrives at it, or at least at a neighbour that could pass it on, over callers that
 * money cannot choose.
 *
 * rank = 100 · mean over six terms: 1k, 10k, 100k and 1M sat arrive at the node; 1M and 10M sat arrive at a neighbour while the
 * node is online. The derivation, a worked example and the attack table are in docs/scoring.md.
 */
import { WORDS } from "../graph/bits.ts";
import { type ChannelGraph, inboundCount, nodeKeyHex } from "../graph/channel-graph.ts";
import type { Worlds } from "../graph/worlds.ts";
import type { UnixSeconds } from "../units.ts";
import { chanceOf } from "./interval.ts";
import { type ReachTable, tableReach } from "./reach-table.ts";
import type { ReferenceCaller } from "./references.ts";
import { RANK_TERMS } from "./terms.ts";

/** Names the computation behind a rank, for readers who compare. */
export const SCORE_MODEL = "node-reach-3";

/** Which of them is published as the reach ratio. */
const REACH_TERM = RANK_TERMS.findIndex(({ place, amountMsat }) => place === "node" && amountMsat === 1e8);

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

/** Scores every node that has an enabled inbound channel; others get none, since nothing is known for or against them. */
export function scoreNodes(worlds: Worlds, references: readonly ReferenceCaller[], asOf: UnixSeconds): NodeScore[] {
  const table = tableReach(worlds, references, RANK_TERMS);
  const scores: NodeScore[] = [];
  for (let node = 0; node < worlds.graph.nodeCount; node++) {
    if (inboundCount(worlds.graph, node) > 0) scores.push(scoreNode(worlds.graph, table, node, asOf));
  }
  return scores;
}

function scoreNode(graph: ChannelGraph, table: ReachTable, node: number, asOf: UnixSeconds): NodeScore {
  const terms = table.map((reach) => reach.subarray(node * WORDS, (node + 1) * WORDS));
  const groups = Float64Array.from(
    { length: WORDS },
    (_, g) => terms.reduce((sum, term) => sum + term[g]!, 0) / terms.length,
  );
  const { probability, interval } = chanceOf(groups);
  const rank = Math.round(100 * probability);
  return {
    nodeKey: nodeKeyHex(graph, node),
    rank,
    rankLow: Math.min(rank, Math.floor(100 * interval.low)),
    rankHigh: Math.max(rank, Math.ceil(100 * interval.high)),
    reachRatio: Math.round(chanceOf(terms[REACH_TERM]!).probability * 1e4) / 1e4,
    observations: inboundCount(graph, node),
    asOf,
  };
}
