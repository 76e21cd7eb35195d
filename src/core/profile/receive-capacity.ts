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
  /** By arc, see {@link mostOfArcs}. */
  readonly mostSat: Float64Array;
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
  const { mostSat, beliefs } = ground;
  const expectedSat = new Float64Array(mostSat.length);
  for (let arc = 0; arc < mostSat.length; arc++) expectedSat[arc] = Math.floor(mostSat[arc]! * UNKNOWN_SHARE);
  for (const channel of beliefs.channels.keys()) {
    const share = expectedShare(beliefs, channel);
    expectedSat[2 * channel] = Math.floor(mostSat[2 * channel]! * share);
    expectedSat[2 * channel + 1] = Math.floor(mostSat[2 * channel + 1]! * (1 - share));
  }
  return {
    mostSat: flowOver(ground, node, mostSat.slice()).value,
    expectedSat: flowOver(ground, node, expectedSat).value,
  };
}

/** By arc: what its channel can hold at one end, in sat, where the arc is enabled. */
export function mostOfArcs(graph: ChannelGraph): Float64Array {
  const most = new Float64Array(2 * graph.channelCount);
  for (const arc of graph.rows.inArc) most[arc] = Math.floor(graph.capacitySat[arc >>> 1]! * USABLE_RATIO);
  return most;
}

/** Counts the paths by which an amount can come. */
export function disjointPaths(ground: FlowGround, node: number, amountMsat: number): DisjointPaths {
  const { graph, nodes, beliefs } = ground;
  const { inArc } = graph.rows;
  const admits = new Uint8Array(inArc.length);
  const overChannels = new Float64Array(2 * graph.channelCount);
  const overNodes = new Float64Array(nodes.to.length);
  for (let each = 0; each < graph.nodeCount; each++) overNodes[2 * each] = 1;
  for (let slot = 0; slot < inArc.length; slot++) {
    const arc = inArc[slot]!;
    if (!policyAdmits(graph, arc, amountMsat) || beliefs.blocked.has(arc)) continue;
    admits[slot] = overChannels[arc] = overNodes[edgeOfSlot(graph, slot)] = 1;
  }
  const byChannel = flowOver(ground, node, overChannels);
  const byNode = maxFlow(nodes, overNodes, markSeeds(ground, node, nodes.vertexCount, entranceOf), entranceOf(node));
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
  if (!belief) return UNKNOWN_SHARE;
  const { low, high, weight } = belief;
  // The mean of a share is the integral of the probability of holding at least as much; the middle of 64 steps is near enough.
  let mean = 0;
  for (let i = 0; i < STEPS; i++) mean += shareAtLeast((i + 0.5) / STEPS, low, high) / STEPS;
  return weight * mean + (1 - weight) * UNKNOWN_SHARE;
}

const STEPS = 64;
/** The prior's mean. */
const UNKNOWN_SHARE = 0.5;

/** The largest flow with these capacities by arc; what is blocked has none. */
function flowOver(ground: FlowGround, node: number, left: Float64Array): Flow {
  const { channels, beliefs } = ground;
  for (const arc of beliefs.blocked) left[arc] = 0;
  return maxFlow(
    channels,
    left,
    markSeeds(ground, node, channels.vertexCount, (each) => each),
    node,
  );
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
function cutArc(graph: ChannelGraph, { behind }: Flow, admits: Uint8Array): number {
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
function cutNode(graph: ChannelGraph, { behind }: Flow, admits: Uint8Array): number {
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
