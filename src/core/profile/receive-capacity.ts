/**
 * How much a node could be paid at all, and over how many ways: flows from the seeds. What stands behind a node never adds to a
 * flow into it, and what stands behind a cut adds no more than the cut.
 */

import { policyAdmits } from "../graph/admits.ts";
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { shareBelow, sigmoid, USABLE_RATIO } from "../graph/prior.ts";
import { leanOf } from "../graph/tilt.ts";
import type { Worlds } from "../graph/worlds.ts";
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
  readonly worlds: Pick<Worlds, "beliefs" | "peers">;
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
  const { graph, mostSat } = ground;
  const expectedSat = new Float64Array(mostSat.length);
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const [there, back] = [mostSat[2 * channel]!, mostSat[2 * channel + 1]!];
    if (there + back === 0) continue;
    const share = expectedShare(ground, channel);
    expectedSat[2 * channel] = Math.floor(there * share);
    expectedSat[2 * channel + 1] = Math.floor(back * (1 - share));
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
  const { graph, nodes, worlds } = ground;
  const { blocked } = worlds.beliefs;
  const { inArc } = graph.rows;
  const admits = new Uint8Array(inArc.length);
  const overChannels = new Float64Array(2 * graph.channelCount);
  const overNodes = new Float64Array(nodes.to.length);
  for (let each = 0; each < graph.nodeCount; each++) overNodes[2 * each] = 1;
  for (let slot = 0; slot < inArc.length; slot++) {
    const arc = inArc[slot]!;
    if (!policyAdmits(graph, arc, amountMsat) || blocked.has(arc)) continue;
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

/** The share of a channel that end A is expected to hold: by the prior, and in the part of the worlds that its evidence has, by that. */
function expectedShare({ graph, worlds: { beliefs, peers } }: FlowGround, channel: number): number {
  const edge = sigmoid(beliefs.prior.edge);
  const lean = leanOf(graph, peers, beliefs.prior.tilt, channel);
  // The means of the two parts of the density in prior.ts.
  const prior = ((1 - edge) * (1 + lean)) / 3 + edge * (0.05 + 0.9 * lean);
  const belief = beliefs.channels.get(channel);
  if (!belief) return prior;
  const { low, high, weight } = belief;
  const below = (share: number) => shareBelow(share, edge, lean);
  const span = Math.max(below(high) - below(low), Number.EPSILON);
  // A mean is the low end, and what the probability of more than each share above it adds up to; the middles of 64 steps are near enough.
  let mean = low;
  for (let i = 0; i < STEPS; i++) {
    const share = low + ((high - low) * (i + 0.5)) / STEPS;
    mean += ((high - low) / STEPS) * ((below(high) - below(share)) / span);
  }
  return weight * mean + (1 - weight) * prior;
}

const STEPS = 64;

/** The largest flow with these capacities by arc; what is blocked has none. */
function flowOver(ground: FlowGround, node: number, left: Float64Array): Flow {
  const { channels, worlds } = ground;
  for (const arc of worlds.beliefs.blocked) left[arc] = 0;
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
