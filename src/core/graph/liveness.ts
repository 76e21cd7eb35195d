/**
 * Who speaks for a node's being online: peers that announce an enabled direction to it and have a life without it.
 *
 * Peers that the rest of the network reaches only through the node itself may be its own inventions, so they count for
 * nothing: a node is judged in the graph from which it has been taken out. One depth-first search finds all such cuts
 * (Hopcroft and Tarjan 1973); its root is the node with the most live capacity.
 */
import { arcHead, arcTail, type ChannelGraph } from "./channel-graph.ts";

/** By node: distinct peers with an enabled direction to it that stay connected to the rest when it is taken out. */
export function independentPeers(graph: ChannelGraph): Uint32Array {
  const { inStart, inTail } = graph.rows;
  const forest = searchDepthFirst(graph);
  const counts = new Uint32Array(graph.nodeCount);
  // By peer: the node it was last counted for, since a peer may have several channels to it.
  const counted = new Int32Array(graph.nodeCount).fill(-1);
  for (let node = 0; node < graph.nodeCount; node++) {
    for (let slot = inStart[node]!; slot < inStart[node + 1]!; slot++) {
      const peer = inTail[slot]!;
      if (counted[peer] === node) continue;
      counted[peer] = node;
      if (!hangsOn(forest, peer, node)) counts[node]!++;
    }
  }
  return counts;
}

/** The trees of one depth-first search over all enabled arcs, in either direction. */
export type Forest = {
  /** Position of each node in the order of discovery, and of the last node found below it. */
  readonly found: Int32Array;
  readonly last: Int32Array;
  /** Earliest node that the subtree of each node touches. */
  readonly low: Int32Array;
  readonly parent: Int32Array;
  /** The child of each node that was found last, and the one of the same parent that was found before it; or -1. */
  readonly lastChild: Int32Array;
  readonly elder: Int32Array;
  /** See {@link largestPart}. */
  readonly largest: Map<number, number>;
};

/** Whether `peer` loses the rest of the network when `node` is taken out. */
function hangsOn(forest: Forest, peer: number, node: number): boolean {
  const { found, last, low, parent, lastChild, elder } = forest;
  const below = found[peer]! > found[node]! && found[peer]! <= last[node]!;
  if (!below) return false;
  // Most that hang on a node hang on it directly, and a hub has thousands of them.
  let child = parent[peer] === node ? peer : lastChild[node]!;
  while (found[child]! > found[peer]!) child = elder[child]!;
  if (parent[node]! >= 0) return low[child]! >= found[node]!;
  // Without its root, the rest of a tree is its largest part.
  return last[child]! - found[child]! < largestPart(forest, node);
}

/** The size of the largest tree that is left of a root's when the root is taken out, less one. Found once, since all of its peers ask. */
function largestPart({ found, last, lastChild, elder, largest }: Forest, root: number): number {
  let size = largest.get(root) ?? -1;
  if (size >= 0) return size;
  for (let child = lastChild[root]!; child >= 0; child = elder[child]!)
    size = Math.max(size, last[child]! - found[child]!);
  largest.set(root, size);
  return size;
}

/**
 * Searches from the node that weighs most, by default the one with the most live capacity; then from whatever is not connected to it.
 * Only nodes with an enabled arc weigh anything.
 */
export function searchDepthFirst(graph: ChannelGraph, weight: Float64Array = liveCapacity(graph)): Forest {
  const { nodeCount } = graph;
  const forest = {
    found: new Int32Array(nodeCount).fill(-1),
    last: new Int32Array(nodeCount),
    low: new Int32Array(nodeCount),
    parent: new Int32Array(nodeCount).fill(-1),
    lastChild: new Int32Array(nodeCount).fill(-1),
    elder: new Int32Array(nodeCount).fill(-1),
    largest: new Map<number, number>(),
  };
  const next = new Uint32Array(nodeCount);
  let clock = 0;
  // Nearly everything hangs together with the first root, so only what does not has to be put in order.
  const first = weight.reduce((best, each, node) => (each > weight[best]! ? node : best), 0);
  if (nodeCount > 0 && weight[first]! > 0) clock = growTree(graph, forest, next, first, clock);
  const others = [...weight.keys()].filter((node) => weight[node]! > 0 && forest.found[node]! < 0);
  for (const root of others.sort((a, b) => weight[b]! - weight[a]! || a - b)) {
    if (forest.found[root]! < 0) clock = growTree(graph, forest, next, root, clock);
  }
  return forest;
}

/** Finds all that is connected to `root`, in either direction. `next` is by node how many of its arcs were looked at. @returns the clock after it */
function growTree({ rows }: ChannelGraph, forest: Forest, next: Uint32Array, root: number, from: number): number {
  const { found, last, low, parent, lastChild, elder } = forest;
  const { inStart, inTail, outStart, outHead } = rows;
  let clock = from;
  let node = root;
  found[root] = low[root] = clock++;
  while (node >= 0) {
    const inbound = inStart[node + 1]! - inStart[node]!;
    const i = next[node]!;
    if (i < inbound + outStart[node + 1]! - outStart[node]!) {
      next[node] = i + 1;
      const other = i < inbound ? inTail[inStart[node]! + i]! : outHead[outStart[node]! + i - inbound]!;
      if (found[other]! >= 0) {
        if (other !== parent[node] && found[other]! < low[node]!) low[node] = found[other]!;
        continue;
      }
      parent[other] = node;
      elder[other] = lastChild[node]!;
      lastChild[node] = other;
      found[other] = low[other] = clock++;
      node = other;
      continue;
    }
    last[node] = clock - 1;
    const above = parent[node]!;
    if (above >= 0 && low[node]! < low[above]!) low[above] = low[node]!;
    node = above;
  }
  return clock;
}

/** By node: what its enabled directions have for capacity, in sat. */
function liveCapacity(graph: ChannelGraph): Float64Array {
  const capacity = new Float64Array(graph.nodeCount);
  for (const arc of graph.rows.inArc) {
    capacity[arcHead(graph, arc)]! += graph.capacitySat[arc >>> 1]!;
    capacity[arcTail(graph, arc)]! += graph.capacitySat[arc >>> 1]!;
  }
  return capacity;
}
