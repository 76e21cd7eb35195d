/**
 * How much a node could be paid at all, and over how many ways: flows from the seeds. What stands behind a node never adds to a
 * flow into it, and what stands behind a cut adds no more than the cut.
 */

import { policyAdmits } from "../graph/admits.ts";
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { shareAtLeast, USABLE_RATIO } from "../graph/prior.ts";
import type { Beliefs } from "../graph/worlds.ts";
import { type Flow, type FlowNet, maxFlow } from "./flow.ts";
import { edgeOfSlot, entranceOf } from "./nets.ts";

/** The nets of one graph, the nodes that flows start from, and what is believed of its channels. */
export type FlowGround = {
  readonly graph: ChannelGraph;
  readonly channels: FlowNet;
  readonly nodes: FlowNet;
  readonly seeds: readonly number[];
  readonly beliefs: Beliefs;
};

/** Flows into a node, in sat. */
export type ReceiveCapacity = {
  /** Were every balance on the right side: what the channels' size allows. */
  readonly mostSat: number;
  /** With the balances that are expected. */
  readonly expectedSat: number;
};

/** Paths from the seeds to a node that share no channel, and no node; each admits the amount and has the capacity for it. */
export type DisjointPaths = {
  readonly byChannel: number;
  readonly byNode: number;
  /** The channel, and the node, without which none is left; -1 when there is no such one. The nearest to the node. */
  readonly onlyChannel: number;
  readonly onlyNode: number;
};

/** What can flow from the seeds into a node over any number of parts. Max-flow is at most the smallest cut, exactly. */
export function receiveCapacity(ground: FlowGround, node: number): ReceiveCapacity {
  const { graph, beliefs } = ground;
  const most = (channel: number) => Math.floor(graph.capacitySat[channel]! * USABLE_RATIO);
  const expected = (channel: number, fromA: boolean) => {
    const share = expectedShare(beliefs, channel);
    return Math.floor(most(channel) * (fromA ? share : 1 - share));
  };
  return {
    mostSat: flowOver(ground, node, (arc) => most(arc >>> 1)).value,
    expectedSat: flowOver(ground, node, (arc) => expected(arc >>> 1, (arc & 1) === 0)).value,
  };
}

/** Counts the paths by which an amount can come. */
export function disjointPaths(ground: FlowGround, node: number, amountMsat: number): DisjointPaths {
  const { graph, nodes, beliefs } = ground;
  const admits = graph.rows.inArc.map((arc) =>
    policyAdmits(graph, arc, amountMsat) && !beliefs.blocked.has(arc) ? 1 : 0,
  );
  const byChannel = flowOver(ground, node, (_, slot) => admits[slot]!);
  const left = new Float64Array(nodes.to.length);
  for (let each = 0; each < graph.nodeCount; each++) left[2 * each] = 1;
  for (let slot = 0; slot < admits.length; slot++) left[edgeOfSlot(graph, slot)] = admits[slot]!;
  const byNode = maxFlow(nodes, left, markSeeds(ground, node, nodes.vertexCount, entranceOf), entranceOf(node));
  return {
    byChannel: byChannel.value,
    byNode: byNode.value,
    onlyChannel: byChannel.value === 1 ? cutArc(graph, byChannel, admits) >>> 1 : -1,
    onlyNode: byNode.value === 1 ? cutNode(graph, byNode, admits) : -1,
  };
}

/** The share of a channel that end A is expected to hold: half of it, unless there is evidence. */
function expectedShare({ channels }: Beliefs, channel: number): number {
  const belief = channels.get(channel);
  if (!belief) return 0.5;
  const { low, high, weight } = belief;
  // The mean of a share is the integral of the probability of holding at least as much; the middle of 64 steps is near enough.
  let mean = 0;
  for (let i = 0; i < STEPS; i++) mean += shareAtLeast((i + 0.5) / STEPS, low, high) / STEPS;
  return weight * mean + (1 - weight) * 0.5;
}

const STEPS = 64;

/** The largest flow over enabled arcs that are not blocked, with these capacities. */
function flowOver(ground: FlowGround, node: number, capacity: (arc: number, slot: number) => number): Flow {
  const { graph, channels, beliefs } = ground;
  const left = new Float64Array(channels.to.length);
  graph.rows.inArc.forEach((arc, slot) => {
    if (!beliefs.blocked.has(arc)) left[arc] = capacity(arc, slot);
  });
  const isSource = markSeeds(ground, node, channels.vertexCount, (each) => each);
  return maxFlow(channels, left, isSource, node);
}

/** The seeds as vertices. A node is no seed of its own. */
function markSeeds(
  { seeds }: FlowGround,
  node: number,
  vertices: number,
  vertexOf: (node: number) => number,
): Uint8Array {
  const isSource = new Uint8Array(vertices);
  for (const seed of seeds) if (seed !== node) isSource[vertexOf(seed)] = 1;
  return isSource;
}

/** The one arc of a cut of width 1 in the net of channels. */
function cutArc(graph: ChannelGraph, { behind }: Flow, admits: Uint32Array): number {
  const { inArc, inTail, inStart } = graph.rows;
  for (let node = 0; node < graph.nodeCount; node++) {
    if (behind[node] === 0) continue;
    for (let slot = inStart[node]!; slot < inStart[node + 1]!; slot++) {
      if (behind[inTail[slot]!] === 0 && admits[slot] === 1) return inArc[slot]!;
    }
  }
  return -1;
}

/** The one node that a cut of width 1 in the net of nodes runs through: the node that is cut in two, or the tail of the arc that is cut. */
function cutNode(graph: ChannelGraph, { behind }: Flow, admits: Uint32Array): number {
  const { inTail, inStart } = graph.rows;
  for (let node = 0; node < graph.nodeCount; node++) {
    if (behind[entranceOf(node)] === 0) {
      if (behind[entranceOf(node) + 1] !== 0) return node;
      continue;
    }
    for (let slot = inStart[node]!; slot < inStart[node + 1]!; slot++) {
      if (behind[entranceOf(inTail[slot]!) + 1] === 0 && admits[slot] === 1) return inTail[slot]!;
    }
  }
  return -1;
}
