import fc from "fast-check";
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { countWorlds, everyWorld, GROUP, WORDS, WORLDS, worldsAt } from "./bits.ts";
import { arcHead, arcTail, type ChannelGraph } from "./channel-graph.ts";
import { createReachEngine } from "./engine.ts";
import { findHub } from "./hub.ts";
import { reachAnyOf, reachFromAnyOf, reachTarget, withoutSlots } from "./reach.ts";
import { lookAhead, lookBack, writeOut } from "./reached.ts";
import { type ChannelRecord, graphFromRecords } from "./records.ts";
import { drawMasks, type Masks, NO_BELIEFS, sampleWorlds } from "./worlds.ts";

const cases = fc.record({
  seed: fc.nat(10_000),
  nodes: fc.integer({ min: 2, max: 30 }),
  channels: fc.integer({ min: 1, max: 90 }),
  amountMsat: fc.constantFrom(1, 1e5, 1e6, 1e7, 1e8, 1e9),
});

test("a backward pass finds what a search in each single world finds", () => {
  fc.assert(
    fc.property(cases, ({ seed, nodes, channels, amountMsat }) => {
      const { graph, masks } = makeCase(seed, nodes, channels, amountMsat);
      const target = seed % graph.nodeCount;
      const reached = reachTarget(graph, masks, target);
      for (let world = 0; world < WORLDS; world += 7) {
        const naive = searchBackwards(graph, masks, target, world);
        for (let node = 0; node < graph.nodeCount; node++) {
          expect(bit(reached, node, world)).toBe(naive.has(node) ? 1 : 0);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test("forward and backward passes agree on every pair", () => {
  fc.assert(
    fc.property(cases, ({ seed, nodes, channels, amountMsat }) => {
      const { graph, masks } = makeCase(seed, nodes, channels, amountMsat);
      const forward = Array.from({ length: graph.nodeCount }, (_, node) =>
        reachFromAnyOf(graph, masks, [{ node, worlds: everyWorld() }]),
      );
      for (let target = 0; target < graph.nodeCount; target++) {
        const backward = reachTarget(graph, masks, target);
        for (let caller = 0; caller < graph.nodeCount; caller++) {
          expect(worldsAt(forward[caller]!, target)).toEqual(worldsAt(backward, caller));
        }
      }
    }),
    { numRuns: 25 },
  );
});

test("by way of a hub every pass finds what it finds without one", () => {
  fc.assert(
    fc.property(cases, fc.nat(1_000), ({ seed, nodes, channels, amountMsat }, some) => {
      const { graph, masks } = makeCase(seed, nodes, channels, amountMsat);
      const hub = findHub(graph, masks);
      const ends = [seed, some].map((node) => node % graph.nodeCount);
      const starts = ends.map((node, i) => ({ node, worlds: everyWorld().map((_, g) => (g === i ? some : ~some)) }));
      expect(writeOut(lookBack(graph, masks, hub, starts))).toEqual(reachAnyOf(graph, masks, starts));
      expect(writeOut(lookAhead(graph, masks, hub, starts))).toEqual(reachFromAnyOf(graph, masks, starts));
    }),
    { numRuns: 60 },
  );
});

test("one more channel never cuts anybody off, and one less never helps", () => {
  fc.assert(
    fc.property(cases, ({ seed, nodes, channels, amountMsat }) => {
      const { graph, masks } = makeCase(seed, nodes, channels, amountMsat);
      fc.pre(graph.rows.inArc.length > 0);
      const target = graph.rows.outHead[0]!;
      const before = reachTarget(graph, masks, target);
      const without = reachTarget(graph, withoutSlots(masks, [seed % graph.rows.inArc.length]), target);
      for (let i = 0; i < before.length; i++) expect(without[i]! & ~before[i]!).toBe(0);
    }),
    { numRuns: 40 },
  );
});

test("a channel from the caller to a peer is worth exactly what the peer reaches while online", () => {
  const { graph, channels, nodes } = makeGraph(11, 40, 110);
  const [caller, peer, target] = [3, 17, 29];
  const certain: ChannelRecord = {
    id: 5n,
    node1: nodes[caller]!,
    node2: nodes[peer]!,
    // So large that the amount is a vanishing share of it: the caller's side has it in every world.
    capacitySat: 1e12,
    policy1: { enabled: true, minHtlcMsat: 0, maxHtlcMsat: 0, feeBaseMsat: 0, feePpm: 0, cltvDelta: 40 },
  };
  const joined = graphFromRecords([], [...channels, certain]).graph;
  // All named, since the new channel would otherwise speak for nodes' being online.
  const beliefs = { ...NO_BELIEFS, offline: new Map(nodes.map((_, node) => [node, 0.2])) };
  const before = sampleWorlds(graph, 9, beliefs);
  const reached = reachTarget(graph, drawMasks(before, 1e7), target);
  const predicted = new Int32Array(WORDS).map(
    (_, g) => reached[caller * WORDS + g]! | (reached[peer * WORDS + g]! & before.online[peer * WORDS + g]!),
  );
  const after = reachTarget(joined, drawMasks(sampleWorlds(joined, 9, beliefs), 1e7), target);

  expect(worldsAt(after, caller)).toEqual(predicted);
  expect(countWorlds(predicted)).toBeGreaterThan(0);
});

test("a pass from two ends is the union of what each end gives", () => {
  const { graph, masks } = makeCase(4, 30, 80, 1e7);
  const one = reachTarget(graph, masks, 2);
  const other = reachTarget(graph, masks, 9);
  const ends = [2, 9].map((node) => ({ node, worlds: everyWorld() }));
  expect(reachAnyOf(graph, masks, ends)).toEqual(one.map((word, i) => word | other[i]!));
});

test("amounts are monotone for every pair, where no policy has a minimum", () => {
  const { nodes, channels } = syntheticGraph({ nodes: 60, channels: 200, seed: 21 });
  const free = channels.map((channel) => ({
    ...channel,
    policy1: { ...channel.policy1!, minHtlcMsat: 0 },
    policy2: { ...channel.policy2!, minHtlcMsat: 0 },
  }));
  const engine = createReachEngine(sampleWorlds(graphFromRecords(nodes, free).graph, 2));
  for (let target = 0; target < 60; target += 5) {
    let last = writeOut(engine.toTarget(target, 1));
    for (const amount of [1e3, 1e6, 5e6, 1e8, 7e8, 1e10, 1e12]) {
      const reached = writeOut(engine.toTarget(target, amount));
      for (let i = 0; i < reached.length; i++) expect(reached[i]! & ~last[i]!).toBe(0);
      last = reached;
    }
  }
});

test("an engine answers from memory as it answered first, however much came between", () => {
  const { graph } = makeCase(3, 40, 120, 1e6);
  const engine = createReachEngine(sampleWorlds(graph, 1));
  const first = writeOut(engine.toTarget(1, 1e6));
  for (let amount = 1; amount < 200; amount++) engine.toTarget(amount % 7, amount * 1000);
  expect(writeOut(engine.toTarget(1, 1e6))).toEqual(first);
});

function makeGraph(seed: number, nodeCount: number, channelCount: number) {
  const { nodes, channels } = syntheticGraph({ nodes: nodeCount, channels: channelCount, seed });
  const { graph } = graphFromRecords([], channels);
  const keys = nodes.map((node) => node.key).filter((key) => channels.some((c) => c.node1 === key || c.node2 === key));
  return { graph, channels, nodes: keys.sort() };
}

function makeCase(seed: number, nodeCount: number, channelCount: number, amountMsat: number) {
  const { graph } = makeGraph(seed, nodeCount, channelCount);
  return { graph, masks: drawMasks(sampleWorlds(graph, seed), amountMsat) };
}

function bit(sets: Int32Array, node: number, world: number): number {
  return (sets[node * WORDS + Math.floor(world / GROUP)]! >>> (world % GROUP)) & 1;
}

/** All nodes from which `target` is reached in one world, by the definition. */
function searchBackwards(graph: ChannelGraph, masks: Masks, target: number, world: number): Set<number> {
  const found = new Set([target]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    graph.rows.inArc.forEach((arc, slot) => {
      if (found.has(arcHead(graph, arc)) && bit(masks.words, slot, world) === 1) found.add(arcTail(graph, arc));
    });
  }
  return found;
}
