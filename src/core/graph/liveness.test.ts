import fc from "fast-check";
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { type ChannelGraph, findNodeHex } from "./channel-graph.ts";
import { independentPeers } from "./liveness.ts";
import { graphFromRecords } from "./records.ts";

test("peers are counted that stay with the largest part when the node is taken out", () => {
  fc.assert(
    fc.property(
      fc.nat(5000),
      fc.integer({ min: 3, max: 25 }),
      fc.integer({ min: 2, max: 40 }),
      (seed, nodes, count) => {
        const { channels } = syntheticGraph({ nodes, channels: count, seed });
        const { graph } = graphFromRecords([], channels);
        const root = wealthiest(graph);
        const counts = independentPeers(graph);
        for (let node = 0; node < graph.nodeCount; node++) {
          if (node === root) continue;
          const home = componentOf(graph, root, node);
          if (!componentOf(graph, root, -1).has(node)) continue;
          const peers = new Set(graph.rows.inTail.subarray(graph.rows.inStart[node]!, graph.rows.inStart[node + 1]!));
          expect(counts[node]).toBe([...peers].filter((peer) => home.has(peer)).length);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("puppets behind a node do not speak for it, even in a mesh", () => {
  const { channels } = syntheticGraph({ nodes: 100, channels: 300, seed: 2 });
  const key = (i: number) => `02${i.toString(16).padStart(64, "f")}`;
  const template = channels.find((c) => c.policy1!.enabled && c.policy2!.enabled)!;
  const link = (id: number, node1: string, node2: string) => ({
    ...template,
    id: BigInt(id),
    node1,
    node2,
    capacitySat: 100_000,
  });
  const puppets = Array.from({ length: 12 }, (_, i) => i + 1);
  const attack = [
    link(1, key(0), template.node1),
    ...puppets.map((i) => link(10 + i, key(0), key(i))),
    ...puppets.flatMap((i) => puppets.filter((j) => j < i).map((j) => link(1000 + 20 * i + j, key(i), key(j)))),
  ];
  const { graph } = graphFromRecords([], [...channels, ...attack]);
  const peersOf = (some: ChannelGraph, node: string) => independentPeers(some)[findNodeHex(some, node)];
  expect(peersOf(graph, key(0))).toBe(1);
  // The honest peer counts the attacker only while it has a life without that peer: it has none.
  const before = graphFromRecords([], channels).graph;
  expect(peersOf(graph, template.node1)).toBe(peersOf(before, template.node1));
});

/** Nodes connected to `start` by enabled channels, without passing `removed`. */
function componentOf(graph: ChannelGraph, start: number, removed: number): Set<number> {
  const { inStart, inTail, outStart, outHead } = graph.rows;
  const seen = new Set([start]);
  for (const node of seen) {
    for (const other of [
      ...inTail.subarray(inStart[node]!, inStart[node + 1]!),
      ...outHead.subarray(outStart[node]!, outStart[node + 1]!),
    ]) {
      if (other !== removed) seen.add(other);
    }
  }
  return seen;
}

function wealthiest(graph: ChannelGraph): number {
  const capacity = new Float64Array(graph.nodeCount);
  for (const arc of graph.rows.inArc) {
    capacity[graph.nodeA[arc >>> 1]!]! += graph.capacitySat[arc >>> 1]!;
    capacity[graph.nodeB[arc >>> 1]!]! += graph.capacitySat[arc >>> 1]!;
  }
  return capacity.indexOf(Math.max(...capacity));
}
