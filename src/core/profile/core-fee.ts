/**
 * What it costs to come from the core of the network to a node, and to go from it there: least fees for one amount, whoever sends
 * paying nothing for its own channel. Liquidity does not count here, inbound fees are left out, and the amount does not grow on the way.
 */

import { policyAdmits } from "../graph/admits.ts";
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { NodeHeap } from "../graph/node-heap.ts";

/** Fee and lock of a path, without the target's own final delta. */
export type CoreCost = { readonly feeMsat: number; readonly cltvDelta: number };

/** The nearest seed's, and the one that half of the seeds stay below; null where none, or less than half, can be reached. */
export type CoreCosts = { readonly cheapest: CoreCost | null; readonly median: CoreCost | null };

/** From the seeds to the node, or from the node to the seeds. */
export type Heading = "from-core" | "to-core";

type Search = {
  readonly graph: ChannelGraph;
  readonly amountMsat: number;
  readonly blocked: ReadonlySet<number>;
  readonly heading: Heading;
};

/** Dijkstra from the node until half of the seeds are found. */
export function costToCore(search: Search, seeds: readonly number[], node: number): CoreCosts {
  const { graph } = search;
  const others = new Set(seeds.filter((seed) => seed !== node));
  const wanted = Math.ceil(others.size / 2);
  const fee = new Float64Array(graph.nodeCount).fill(Number.POSITIVE_INFINITY);
  const lock = new Float64Array(graph.nodeCount);
  const settled = new Uint8Array(graph.nodeCount);
  const heap = new NodeHeap();
  const found: CoreCost[] = [];
  const meet = (seed: number, feeMsat: number, cltvDelta: number) => {
    if (others.delete(seed)) found.push({ feeMsat, cltvDelta });
  };
  fee[node] = 0;
  heap.push(node, 0);
  for (let at = heap.pop(); at >= 0 && found.length < wanted; at = heap.pop()) {
    if (settled[at] !== 0) continue;
    settled[at] = 1;
    if (search.heading === "to-core") meet(at, fee[at]!, lock[at]!);
    eachArc(search, at, (arc, next) => {
      // Whoever stands at the beginning pays nothing to itself: a seed that sends, or the node that does.
      if (search.heading === "from-core") meet(next, fee[at]!, lock[at]!);
      const isOwn = search.heading === "to-core" && at === node;
      const feeMsat = fee[at]! + (isOwn ? 0 : feeOf(search, arc));
      if (settled[next] !== 0 || feeMsat >= fee[next]!) return;
      fee[next] = feeMsat;
      lock[next] = lock[at]! + (isOwn ? 0 : graph.policies.cltvDelta[arc]!);
      heap.push(next, feeMsat);
    });
  }
  return { cheapest: found[0] ?? null, median: wanted > 0 ? (found[wanted - 1] ?? null) : null };
}

/** What the tail of an arc asks for passing an amount on. */
export function feeOf({ graph: { policies }, amountMsat }: Pick<Search, "graph" | "amountMsat">, arc: number): number {
  return policies.feeBaseMsat[arc]! + Math.floor((amountMsat * policies.feePpm[arc]!) / 1e6);
}

/** The arcs that take the amount one step further from a node, with the node at their other end. */
function eachArc(
  { graph, amountMsat, blocked, heading }: Search,
  node: number,
  visit: (arc: number, next: number) => void,
): void {
  const { inStart, inArc, inTail, outStart, outArc, outHead } = graph.rows;
  const [start, arcs, ends] = heading === "from-core" ? [inStart, inArc, inTail] : [outStart, outArc, outHead];
  for (let i = start[node]!; i < start[node + 1]!; i++) {
    const arc = arcs[i]!;
    if (!blocked.has(arc) && policyAdmits(graph, arc, amountMsat)) visit(arc, ends[i]!);
  }
}
