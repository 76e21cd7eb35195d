/** Parts, against the largest flow that any search can find in single worlds of small graphs. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { GROUP, WORDS, WORLDS } from "./bits.ts";
import { arcHead, arcTail, type ChannelGraph } from "./channel-graph.ts";
import { arrivesInParts, drawCapacity, listAdjacent, type Split } from "./parts.ts";
import { type ChannelRecord, graphFromRecords } from "./records.ts";
import { drawMasks, sampleWorlds, type Worlds } from "./worlds.ts";

const cases = fc.record({
  seed: fc.nat(10_000),
  nodes: fc.integer({ min: 3, max: 9 }),
  channels: fc.integer({ min: 3, max: 22 }),
  partMsat: fc.constantFrom(1e6, 3e7, 3e8, 1e9),
  parts: fc.integer({ min: 2, max: 16 }),
  own: fc.option(
    fc.array(fc.record({ peer: fc.nat(100), units: fc.integer({ min: 0, max: 9 }) }), { minLength: 1, maxLength: 4 }),
    { nil: undefined },
  ),
});

test("parts arrive only where a flow of so many exists, and up to four of them wherever one does", () => {
  let [exact, all] = [0, 0];
  fc.assert(
    fc.property(cases, ({ seed, nodes, channels, partMsat, parts, own }) => {
      const graph = makeGraph(seed, nodes, channels);
      const worlds = sampleWorlds(graph, seed);
      const told = own?.map(({ peer, units }) => ({
        peer: peer % graph.nodeCount,
        spendableMsat: units * partMsat + 1,
      }));
      const split: Split = {
        caller: told ? -1 : 0,
        own: told,
        target: graph.nodeCount - 1,
        partMsat,
        parts,
        cheap: { isUsed: new Uint8Array(graph.rows.inArc.length).fill(1), count: 10 },
      };
      const capacity = run(drawCapacity(worlds, split));
      const adjacent = listAdjacent(graph);
      const units = unitsOf(worlds, split);
      for (let world = 0; world < WORLDS; world += 31) {
        const arrives = arrivesInParts(worlds, split, capacity, adjacent, world);
        const flows = largestFlow(worlds, split, units, world) >= parts;
        if (arrives) expect(flows).toBe(true);
        if (parts <= 4) expect(arrives).toBe(flows);
        exact += Number(arrives);
        all += Number(flows);
      }
    }),
    { numRuns: 150, seed: 11 },
  );
  expect(all).toBeGreaterThan(100);
  expect(exact / all).toBeGreaterThan(0.9);
});

test("a flow whose routes are longer than the limits are sure to allow is none", () => {
  const chain = Array.from({ length: 4 }, (_, i): ChannelRecord => join(i, i, i + 1));
  const worlds = sampleWorlds(graphFromRecords([], chain).graph, 1);
  const isUsed = new Uint8Array(worlds.graph.rows.inArc.length).fill(1);
  const arrivals = (count: number) => {
    const split: Split = { caller: 0, own: undefined, target: 4, partMsat: 1e6, parts: 2, cheap: { isUsed, count } };
    const capacity = run(drawCapacity(worlds, split));
    const adjacent = listAdjacent(worlds.graph);
    return Array.from({ length: WORLDS }, (_, world) =>
      arrivesInParts(worlds, split, capacity, adjacent, world),
    ).filter(Boolean).length;
  };
  // Four channels: the caller's own, and three that others forward over.
  expect(arrivals(3)).toBeGreaterThan(0);
  expect(arrivals(2)).toBe(0);
});

const key = (i: number) => `02${i.toString(16).padStart(64, "0")}`;

function join(id: number, from: number, to: number): ChannelRecord {
  const policy = { enabled: true, minHtlcMsat: 0, maxHtlcMsat: 0, feeBaseMsat: 0, feePpm: 0, cltvDelta: 40 };
  return { id: BigInt(id + 1), node1: key(from), node2: key(to), capacitySat: 1e8, policy1: policy, policy2: policy };
}

/** Without minimums and maximums, which only ever take away. */
function makeGraph(seed: number, nodes: number, channels: number): ChannelGraph {
  const made = syntheticGraph({ nodes, channels, seed }).channels.map(
    (channel): ChannelRecord => ({
      ...channel,
      policy1: { ...channel.policy1!, minHtlcMsat: 0, maxHtlcMsat: 0 },
      policy2: { ...channel.policy2!, minHtlcMsat: 0, maxHtlcMsat: 0 },
    }),
  );
  return graphFromRecords([], made).graph;
}

/** By number of units, the masks of that many. */
function unitsOf(worlds: Worlds, { partMsat, parts }: Split): Int32Array[] {
  return Array.from({ length: parts }, (_, i) => drawMasks(worlds, (i + 1) * partMsat).words);
}

/** The largest flow in a world, a unit at a time by any way that is left (Ford and Fulkerson 1956). */
function largestFlow(
  { graph, online }: Worlds,
  { caller, own, target, partMsat, parts }: Split,
  units: Int32Array[],
  world: number,
): number {
  const has = (sets: Int32Array, entry: number) =>
    (sets[entry * WORDS + Math.floor(world / GROUP)]! >>> (world % GROUP)) & 1;
  const source = graph.nodeCount;
  const edges: { from: number; to: number; left: number; back: number }[] = [];
  const add = (from: number, to: number, left: number) => {
    edges.push({ from, to, left, back: edges.length + 1 }, { from: to, to: from, left: 0, back: edges.length });
  };
  graph.rows.inArc.forEach((arc, slot) => {
    const count = units.filter((words) => has(words, slot)).length;
    add(arcTail(graph, arc), arcHead(graph, arc), count);
  });
  if (own)
    for (const { peer, spendableMsat } of own)
      add(source, peer, has(online, peer) * Math.min(parts, Math.floor(spendableMsat / partMsat)));
  else add(source, caller, parts);
  let flow = 0;
  const push = (node: number, seen: Set<number>): boolean => {
    if (node === target) return true;
    seen.add(node);
    for (const edge of edges) {
      if (edge.from !== node || edge.left <= 0 || seen.has(edge.to) || !push(edge.to, seen)) continue;
      edge.left--;
      edges[edge.back]!.left++;
      return true;
    }
    return false;
  };
  while (flow < parts && push(source, new Set())) flow++;
  return flow;
}

function run<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
