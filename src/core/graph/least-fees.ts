/** The least fee of any route from one node to each of the others, by what is announced: Dijkstra over outbound fees. */
import { policyAdmits } from "./admits.ts";
import type { ChannelGraph } from "./channel-graph.ts";
import { NodeHeap } from "./node-heap.ts";

/**
 * By node, in msat for an amount; infinite where no enabled channels lead. A node's own channels cost it nothing. Inbound fees and what fees
 * add to the amount on the way are left out: both are small beside what a caller needs this for.
 */
export function leastFees(graph: ChannelGraph, from: number, amountMsat: number): Float64Array {
  const { outStart, outArc, outHead } = graph.rows;
  const { feeBaseMsat, feePpm } = graph.policies;
  const fees = new Float64Array(graph.nodeCount).fill(Number.POSITIVE_INFINITY);
  const settled = new Uint8Array(graph.nodeCount);
  const heap = new NodeHeap();
  fees[from] = 0;
  heap.push(from, 0);
  for (let node = heap.pop(); node >= 0; node = heap.pop()) {
    if (settled[node] === 1) continue;
    settled[node] = 1;
    for (let out = outStart[node]!; out < outStart[node + 1]!; out++) {
      const [arc, head] = [outArc[out]!, outHead[out]!];
      if (settled[head] === 1 || !policyAdmits(graph, arc, amountMsat)) continue;
      const asked = node === from ? 0 : feeBaseMsat[arc]! + Math.floor((amountMsat * feePpm[arc]!) / 1e6);
      const fee = fees[node]! + asked;
      if (fee >= fees[head]!) continue;
      fees[head] = fee;
      heap.push(head, fee);
    }
  }
  return fees;
}
