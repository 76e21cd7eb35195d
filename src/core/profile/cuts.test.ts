import fc from "fast-check";
import { expect, test } from "vitest";
import { drawGraph } from "../../testing/small-graph.ts";
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { findCuts } from "./cuts.ts";
import { livePeers } from "./gossip.ts";

const pair = fc.record({ a: fc.nat({ max: 8 }), b: fc.nat({ max: 8 }) }).filter(({ a, b }) => a !== b);

test("a cut is the nearest node without which one loses the bulk, and each counts whom it holds", () => {
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 14 }), (pairs) => {
      // The node that weighs most has one channel, so it cuts nobody off itself.
      const { graph, at } = drawGraph([{ a: 20, b: pairs[0]!.a }, ...pairs]);
      const root = at(20);
      const cuts = findCuts(graph, new Float64Array(graph.nodeCount).fill(1).fill(2, root, root + 1));
      const bulk = connectedTo(graph, root, -1);
      const left = others(graph, -1).map((gone) => connectedTo(graph, root, gone));
      for (const node of others(graph, root)) {
        expect(cuts.inBulk[node]).toBe(bulk.has(node) ? 1 : 0);
        const lost = others(graph, node).filter((each) => bulk.has(each) && !left[node]!.has(each));
        expect(cuts.dependents[node]).toBe(bulk.has(node) ? lost.length : 0);
        if (!bulk.has(node)) continue;
        for (const peer of livePeers(graph, node)) expect(cuts.hangsOn(peer, node)).toBe(lost.includes(peer));
        const cutters = others(graph, node).filter((gone) => gone !== root && !left[gone]!.has(node));
        // Every other cut cuts the nearest one off too.
        const nearest = cutters.find((each) => cutters.every((far) => far === each || !left[far]!.has(each)));
        expect(cuts.cutOf[node]).toBe(nearest ?? -1);
      }
    }),
    { numRuns: 200 },
  );
});

function others(graph: ChannelGraph, node: number): number[] {
  return Array.from({ length: graph.nodeCount }, (_, each) => each).filter((each) => each !== node);
}

/** Who is connected to `from` when `gone` is taken out. */
function connectedTo(graph: ChannelGraph, from: number, gone: number): Set<number> {
  const seen = new Set<number>([from]);
  const path = [from];
  for (let node = path.pop(); node !== undefined; node = path.pop()) {
    for (const peer of livePeers(graph, node)) {
      if (peer === gone || seen.has(peer)) continue;
      seen.add(peer);
      path.push(peer);
    }
  }
  return seen;
}
