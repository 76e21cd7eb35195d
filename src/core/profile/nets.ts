/** The channel graph as nets that something can flow through: liquidity over channels, or paths that share nothing. */
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { isLive } from "../graph/worlds.ts";
import type { FlowNet } from "./flow.ts";

/** Nodes as vertices and arcs as edges: the two directions of a channel are each other's way back. */
export function netOfChannels(graph: ChannelGraph): FlowNet {
  const { nodeCount, channelCount, nodeA, nodeB } = graph;
  const from = new Uint32Array(2 * channelCount);
  const to = new Uint32Array(2 * channelCount);
  const isUsed = new Uint8Array(2 * channelCount);
  for (let channel = 0; channel < channelCount; channel++) {
    from[2 * channel] = to[2 * channel + 1] = nodeA[channel]!;
    from[2 * channel + 1] = to[2 * channel] = nodeB[channel]!;
    if (isLive(graph, channel)) isUsed[2 * channel] = isUsed[2 * channel + 1] = 1;
  }
  return joinNet(nodeCount, from, to, isUsed);
}

/** The vertex of a node that paths enter; they leave it by the next one. Between the two runs the edge 2·node. */
export function entranceOf(node: number): number {
  return 2 * node;
}

/** The edge of a slot's arc in the net of {@link netOfNodes}. */
export function edgeOfSlot(graph: ChannelGraph, slot: number): number {
  return 2 * (graph.nodeCount + slot);
}

/** Each node as two vertices with one edge between, so that paths can be kept from sharing it; enabled arcs by slot. */
export function netOfNodes(graph: ChannelGraph): FlowNet {
  const { nodeCount, rows } = graph;
  const count = 2 * (nodeCount + rows.inArc.length);
  const from = new Uint32Array(count);
  const to = new Uint32Array(count);
  const join = (edge: number, a: number, b: number) => {
    from[edge] = to[edge + 1] = a;
    to[edge] = from[edge + 1] = b;
  };
  for (let node = 0; node < nodeCount; node++) {
    join(2 * node, entranceOf(node), entranceOf(node) + 1);
    for (let slot = rows.inStart[node]!; slot < rows.inStart[node + 1]!; slot++) {
      join(edgeOfSlot(graph, slot), entranceOf(rows.inTail[slot]!) + 1, entranceOf(node));
    }
  }
  return joinNet(2 * nodeCount, from, to, new Uint8Array(count).fill(1));
}

function joinNet(vertexCount: number, from: Uint32Array, to: Uint32Array, isUsed: Uint8Array): FlowNet {
  const start = new Uint32Array(vertexCount + 1);
  for (let edge = 0; edge < from.length; edge++) start[from[edge]! + 1]! += isUsed[edge]!;
  for (let vertex = 0; vertex < vertexCount; vertex++) start[vertex + 1]! += start[vertex]!;
  const next = start.slice();
  const edges = new Uint32Array(start[vertexCount]!);
  for (let edge = 0; edge < from.length; edge++) if (isUsed[edge] !== 0) edges[next[from[edge]!]!++] = edge;
  return { vertexCount, start, edges, to };
}
