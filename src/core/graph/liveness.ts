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
  const forest = searchDepthFirst(graph);
  const counts = new Uint32Array(graph.nodeCount);
  for (let node = 0; node < graph.nodeCount; node++) {
    const { inStart, inTail } = graph.rows;
    const peers = new Set(inTail.subarray(inStart[node]!, inStart[node + 1]!));
    for (const peer of peers) if (!hangsOn(forest, peer, node)) counts[node]!++;
  }
  return counts;
}

type Forest = {
  /** Position of each node in the order of discovery, and of the last node found below it. */
  readonly found: Int32Array;
  readonly last: Int32Array;
  /** Earliest node that the subtree of each node touches. */
  readonly low: Int32Array;
  readonly parent: Int32Array;
  /** Children of each node in order of discovery. */
  readonly children: readonly number[][];
};

/** Whether `peer` loses the rest of the network when `node` is taken out. */
function hangsOn(forest: Forest, peer: number, node: number): boolean {
  const { found, last, low, parent, children } = forest;
  const below = found[peer]! > found[node]! && found[peer]! <= last[node]!;
  if (!below) return false;
  const child = children[node]!.findLast((each) => found[each]! <= found[peer]!)!;
  if (parent[node]! >= 0) return low[child]! >= found[node]!;
  // Without its root, the rest of a tree is its largest part.
  const size = (each: number) => last[each]! - found[each]!;
  return children[node]!.some((other) => size(other) > size(child));
}

function searchDepthFirst(graph: ChannelGraph): Forest {
  const { nodeCount, rows } = graph;
  const forest = {
    found: new Int32Array(nodeCount).fill(-1),
    last: new Int32Array(nodeCount),
    low: new Int32Array(nodeCount),
    parent: new Int32Array(nodeCount).fill(-1),
    children: Array.from({ length: nodeCount }, (): number[] => []),
  };
  const { found, last, low, parent, children } = forest;
  const inbound = (node: number) => rows.inStart[node + 1]! - rows.inStart[node]!;
  const neighbour = (node: number, i: number) =>
    i < inbound(node) ? rows.inTail[rows.inStart[node]! + i]! : rows.outHead[rows.outStart[node]! + i - inbound(node)]!;
  const degree = (node: number) => inbound(node) + rows.outStart[node + 1]! - rows.outStart[node]!;
  const next = new Uint32Array(nodeCount);
  let clock = 0;
  const enter = (node: number) => {
    found[node] = low[node] = clock++;
    return node;
  };
  for (const root of byCapacity(graph)) {
    if (found[root]! >= 0) continue;
    const path = [enter(root)];
    while (path.length > 0) {
      const node = path.at(-1)!;
      if (next[node]! < degree(node)) {
        const other = neighbour(node, next[node]!++);
        if (found[other]! >= 0) {
          if (other !== parent[node]) low[node] = Math.min(low[node]!, found[other]!);
          continue;
        }
        parent[other] = node;
        children[node]!.push(other);
        path.push(enter(other));
        continue;
      }
      path.pop();
      last[node] = clock - 1;
      if (parent[node]! >= 0) low[parent[node]!] = Math.min(low[parent[node]!]!, low[node]!);
    }
  }
  return forest;
}

/** Nodes with an enabled channel, the one with the most live capacity first. */
function byCapacity(graph: ChannelGraph): number[] {
  const capacity = new Float64Array(graph.nodeCount);
  for (const arc of graph.rows.inArc) {
    capacity[arcHead(graph, arc)]! += graph.capacitySat[arc >>> 1]!;
    capacity[arcTail(graph, arc)]! += graph.capacitySat[arc >>> 1]!;
  }
  const nodes = Array.from(capacity.keys()).filter((node) => capacity[node]! > 0);
  return nodes.sort((a, b) => capacity[b]! - capacity[a]! || a - b);
}
