/**
 * How a probe best gets anywhere: from our own node, the paths whose arcs most likely carry the amount in the believed
 * worlds. Dijkstra over −ln p, with a little on top per hop and per block, so that of two likely ways the short one is taken.
 */
import { countWorlds, WORLDS } from "../graph/bits.ts";
import { arcHead, type ChannelGraph } from "../graph/channel-graph.ts";
import { type Masks, policyAdmits } from "../graph/worlds.ts";

/** Paths from our node for one amount. */
export type LikeliestPaths = {
  readonly amountMsat: number;
  /** The arcs that lead to a node, first ours; undefined where no path within the limits is known. */
  to(node: number): number[] | undefined;
};

export type PathLimits = { readonly maxHops: number; readonly maxCltvBlocks: number };

const HOP_COST = 0.05;
const COST_PER_BLOCK = 0.0005;

/** `ownArcs` are the channels that can carry the amount out of `source` now. */
export function likeliestPaths(
  graph: ChannelGraph,
  masks: Masks,
  from: { readonly source: number; readonly ownArcs: readonly number[] },
  limits: PathLimits,
): LikeliestPaths {
  const search = startSearch(graph, from.source);
  for (const arc of from.ownArcs) offer(search, arc, arcHead(graph, arc), { cost: HOP_COST, hops: 1, blocks: 0 });
  const { outStart, outArc, outHead, outSlot } = graph.rows;
  for (let node = search.pop(); node >= 0; node = search.pop()) {
    if (search.hops[node]! >= limits.maxHops) continue;
    for (let out = outStart[node]!; out < outStart[node + 1]!; out++) {
      const head = outHead[out]!;
      const arc = outArc[out]!;
      if (search.settled[head] !== 0 || !policyAdmits(graph, arc, masks.amountMsat)) continue;
      const delta = graph.policies.cltvDelta[arc]!;
      const blocks = search.blocks[node]! + delta;
      if (blocks > limits.maxCltvBlocks) continue;
      const likely = (countWorlds(masks.words, outSlot[out]!) + 0.5) / (WORLDS + 1);
      const cost = search.cost[node]! - Math.log(likely) + HOP_COST + delta * COST_PER_BLOCK;
      offer(search, arc, head, { cost, hops: search.hops[node]! + 1, blocks });
    }
  }
  return { amountMsat: masks.amountMsat, to: (node) => follow(graph, search, from.source, node) };
}

type Search = ReturnType<typeof startSearch>;

function startSearch(graph: ChannelGraph, source: number) {
  const { nodeCount } = graph;
  const cost = new Float64Array(nodeCount).fill(Number.POSITIVE_INFINITY);
  const settled = new Uint8Array(nodeCount);
  settled[source] = 1;
  /** A binary heap of nodes by cost at the time of queueing; a node queued again simply appears twice. */
  const heap: { node: number; cost: number }[] = [];
  const push = (node: number): void => {
    let at = heap.push({ node, cost: cost[node]! }) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (heap[parent]!.cost <= heap[at]!.cost) break;
      [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
      at = parent;
    }
  };
  return {
    cost,
    settled,
    arc: new Int32Array(nodeCount).fill(-1),
    hops: new Uint8Array(nodeCount),
    blocks: new Uint16Array(nodeCount),
    push,
    /** The nearest node that was not settled yet, or -1. */
    pop(): number {
      for (let top = takeTop(heap); top; top = takeTop(heap)) {
        if (settled[top.node] !== 0) continue;
        settled[top.node] = 1;
        return top.node;
      }
      return -1;
    },
  };
}

function takeTop(heap: { node: number; cost: number }[]): { node: number } | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (!top || !last || heap.length === 0) return top;
  heap[0] = last;
  for (let at = 0, child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && heap[child + 1]!.cost < heap[child]!.cost) child++;
    if (heap[at]!.cost <= heap[child]!.cost) break;
    [heap[at], heap[child]] = [heap[child]!, heap[at]!];
    at = child;
  }
  return top;
}

function offer(search: Search, arc: number, head: number, by: { cost: number; hops: number; blocks: number }): void {
  if (search.settled[head] !== 0 || by.cost >= search.cost[head]!) return;
  search.cost[head] = by.cost;
  search.arc[head] = arc;
  search.hops[head] = by.hops;
  search.blocks[head] = by.blocks;
  search.push(head);
}

function follow(graph: ChannelGraph, search: Search, source: number, node: number): number[] | undefined {
  const arcs: number[] = [];
  for (let at = node; at !== source; ) {
    const arc = search.arc[at]!;
    if (arc < 0) return undefined;
    arcs.unshift(arc);
    at = (arc & 1) === 0 ? graph.nodeA[arc >>> 1]! : graph.nodeB[arc >>> 1]!;
  }
  return arcs;
}
