/** Nodes whose loss cuts others off: found once per graph, for every node at once. */
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { type Forest, searchDepthFirst } from "../graph/liveness.ts";

/** Cuts of a graph. The *bulk* is what is connected to the node that weighs most, and where it is taken out the heaviest part of that. */
export type Cuts = {
  /** By node: the nearest other node without which it loses the bulk; -1 for none, and for nodes that are not connected to it. */
  readonly cutOf: Int32Array;
  /** By node: 1 when it is connected to the bulk. */
  readonly inBulk: Uint8Array;
  /** By node: how many others lose the bulk without it. */
  readonly dependents: Uint32Array;
  /** Whether a peer loses the bulk, or what it has instead, when the node is taken out. */
  hangsOn(peer: number, node: number): boolean;
};

/** One search, and one look at each node in the order of discovery. `weight` is by node, and 0 only where nothing is enabled. */
export function findCuts(graph: ChannelGraph, weight: Float64Array): Cuts {
  const forest = searchDepthFirst(graph, weight);
  const { found, last, low, parent, lastChild, elder } = forest;
  const ordered = orderOf(forest);
  const home = heaviestChildren(forest, ordered, weight);
  const isCutOff = (child: number, node: number) =>
    parent[node]! >= 0 ? low[child]! >= found[node]! : child !== home[node];
  const cutOf = new Int32Array(graph.nodeCount).fill(-1);
  const inBulk = new Uint8Array(graph.nodeCount);
  const dependents = new Uint32Array(graph.nodeCount);
  for (const node of ordered) {
    if (found[node]! > last[ordered[0]!]!) break;
    inBulk[node] = 1;
    const above = parent[node]!;
    if (above < 0) continue;
    const isCut = isCutOff(node, above);
    cutOf[node] = isCut ? above : cutOf[above]!;
    if (isCut) dependents[above]! += last[node]! - found[node]! + 1;
  }
  return {
    cutOf,
    inBulk,
    dependents,
    hangsOn(peer, node) {
      if (found[peer]! <= found[node]! || found[peer]! > last[node]!) return false;
      let child = lastChild[node]!;
      while (found[child]! > found[peer]!) child = elder[child]!;
      return isCutOff(child, node);
    },
  };
}

/** By node: its child with the heaviest subtree, or -1. */
function heaviestChildren({ parent }: Forest, ordered: Int32Array, weight: Float64Array): Int32Array {
  const below = weight.slice();
  const heaviest = new Int32Array(weight.length).fill(-1);
  // Whoever was found last has no children that are still to be counted.
  for (const node of ordered.slice().reverse()) {
    const above = parent[node]!;
    if (above < 0) continue;
    below[above]! += below[node]!;
    if (heaviest[above]! < 0 || below[node]! > below[heaviest[above]!]!) heaviest[above] = node;
  }
  return heaviest;
}

/** Nodes in the order in which they were found. */
function orderOf({ found }: Forest): Int32Array {
  const count = found.reduce((sum, each) => sum + (each >= 0 ? 1 : 0), 0);
  const ordered = new Int32Array(count);
  found.forEach((place, node) => {
    if (place >= 0) ordered[place] = node;
  });
  return ordered;
}
