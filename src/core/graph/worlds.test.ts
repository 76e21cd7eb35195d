import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { countWorlds, WORDS, WORLDS } from "./bits.ts";
import { type ChannelGraph, channelId } from "./channel-graph.ts";
import { DRAW_RANGE, DRAW_WORDS, drawnAtLeast, drawnValue, drawUniform } from "./draws.ts";
import { SHAPES, shareBelow } from "./prior.ts";
import { type ChannelRecord, graphFromRecords } from "./records.ts";
import { type Beliefs, drawMasks, NO_BELIEFS, sampleWorlds, usableMsat } from "./worlds.ts";

const { nodes, channels } = syntheticGraph({ nodes: 80, channels: 240, seed: 5 });
const { graph } = graphFromRecords(nodes, channels);
const worlds = sampleWorlds(graph, 7);
const alwaysOnline: Beliefs = { ...NO_BELIEFS, offline: new Map(nodes.map((_, node) => [node, 0])) };

test("numbers are compared in planes as they are one by one", () => {
  const planes = new Int32Array(DRAW_WORDS);
  for (let identity = 0; identity < 20; identity++) {
    drawUniform(planes, 0, 3, identity, 99);
    for (const threshold of [0, 1, 2048, 12_345, 32_768, 40_000, 65_535, DRAW_RANGE]) {
      for (let world = 0; world < WORLDS; world++) {
        const mask = drawnAtLeast(planes, (world >>> 5) * 16, threshold);
        expect((mask >>> (world & 31)) & 1).toBe(drawnValue(planes, 0, world) >= threshold ? 1 : 0);
      }
    }
  }
});

test("each group holds one number from every thirty-second, in an order of its own", () => {
  const planes = new Int32Array(DRAW_WORDS);
  const orders = new Set<string>();
  for (let identity = 0; identity < 50; identity++) {
    drawUniform(planes, 0, 3, 1, identity);
    for (let group = 0; group < WORDS; group++) {
      const strata = Array.from({ length: 32 }, (_, k) => drawnValue(planes, 0, group * 32 + k) >>> 11);
      expect(new Set(strata).size).toBe(32);
      orders.add(strata.join());
    }
  }
  expect(orders.size).toBe(400);
});

test("numbers of different identities are independent", () => {
  // Correlation of 200 pairs of channels over 256 worlds: its mean square is 1/256 for independent draws.
  const [a, b] = [new Int32Array(DRAW_WORDS), new Int32Array(DRAW_WORDS)];
  let squares = 0;
  for (let pair = 0; pair < 200; pair++) {
    drawUniform(a, 0, 1, 0, pair);
    drawUniform(b, 0, 1, 0, pair + 1);
    let sum = 0;
    for (let k = 0; k < WORLDS; k++) sum += (drawnValue(a, 0, k) - 32_768) * (drawnValue(b, 0, k) - 32_768);
    squares += (sum / WORLDS / (DRAW_RANGE ** 2 / 12)) ** 2 / 200;
  }
  expect(squares * 256).toBeGreaterThan(0.7);
  expect(squares * 256).toBeLessThan(1.3);
});

test("a channel or a node that is added elsewhere changes no other draw", () => {
  const extra: ChannelRecord = { ...channels[0]!, id: 77n, node2: `02${"00".repeat(31)}01` };
  const larger = graphFromRecords(nodes, [extra, ...channels]).graph;
  const after = drawMasks(sampleWorlds(larger, 7, everyoneOnline(larger)), 1e7);
  const before = drawMasks(sampleWorlds(graph, 7, everyoneOnline(graph)), 1e7);
  const slotOf = new Map(largerArcs(larger).map(({ id, slot }) => [id, slot]));
  for (const { id, slot } of largerArcs(graph)) {
    const moved = slotOf.get(id)!;
    expect(after.words.slice(moved * WORDS, (moved + 1) * WORDS)).toEqual(
      before.words.slice(slot * WORDS, (slot + 1) * WORDS),
    );
  }
});

test("another seed gives other worlds, the same seed the same", () => {
  expect(sampleWorlds(graph, 7)).toEqual(worlds);
  expect(sampleWorlds(graph, 8).planes).not.toEqual(worlds.planes);
});

test("a larger amount passes in fewer worlds, never in others", () => {
  const amounts = [1e6, 3e6, 1e7, 1e8, 1e9, 1e10].map((amount) => drawMasks(withoutMinimum, amount).words);
  for (let i = 1; i < amounts.length; i++) {
    for (let w = 0; w < amounts[i]!.length; w++) expect(amounts[i]![w]! & ~amounts[i - 1]![w]!).toBe(0);
  }
});
const withoutMinimum = sampleWorlds(
  graphFromRecords(
    nodes,
    channels.map((c) => ({
      ...c,
      policy1: { ...c.policy1!, minHtlcMsat: 0 },
      policy2: { ...c.policy2!, minHtlcMsat: 0 },
    })),
  ).graph,
  7,
);

test("an arc carries an amount in as many worlds as the mean of the eight shapes says", () => {
  const masks = drawMasks(sampleWorlds(graph, 7, alwaysOnline), 1e8);
  let checked = 0;
  for (let slot = 0; slot < graph.rows.inArc.length; slot++) {
    const count = countWorlds(masks.words, slot);
    const share = 1e8 / usableMsat(graph, graph.rows.inArc[slot]! >>> 1);
    if (count === 0) continue;
    const want = SHAPES.reduce((sum, { edge }) => sum + (1 - shareBelow(share, edge)) / SHAPES.length, 0);
    expect(Math.abs(count / WORLDS - want)).toBeLessThanOrEqual(1 / 32);
    checked++;
  }
  expect(checked).toBeGreaterThan(100);
});

test("no world has more money in a channel than the channel holds", () => {
  const masks = drawMasks(sampleWorlds(graph, 7, alwaysOnline), 1e9);
  let pairs = 0;
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const [a, b] = [graph.rows.slotOfArc[2 * channel]!, graph.rows.slotOfArc[2 * channel + 1]!];
    if (a < 0 || b < 0 || 2e9 <= usableMsat(graph, channel)) continue;
    for (let g = 0; g < WORDS; g++) expect(masks.words[a * WORDS + g]! & masks.words[b * WORDS + g]!).toBe(0);
    pairs++;
  }
  expect(pairs).toBeGreaterThan(10);
});

test("evidence replaces the prior by its weight", () => {
  const channel = largestChannel(graph);
  const beliefs = (weight: number): Beliefs => ({
    ...NO_BELIEFS,
    channels: new Map([[channel, { low: 0.6, high: 1, weight }]]),
    offline: alwaysOnline.offline,
  });
  const share = 0.5;
  const amount = Math.round(share * usableMsat(graph, channel));
  const chance = (weight: number, arc: number) =>
    countWorlds(drawMasks(sampleWorlds(graph, 7, beliefs(weight)), amount).words, graph.rows.slotOfArc[arc]!) / WORLDS;

  expect(chance(1, 2 * channel)).toBe(1);
  expect(chance(1, 2 * channel + 1)).toBe(0);
  expect(Math.abs(chance(0, 2 * channel) - 0.5)).toBeLessThan(0.05);
  expect(Math.abs(chance(0.8, 2 * channel) - 0.9)).toBeLessThan(0.06);
});

test("a node known to be offline receives nothing", () => {
  const node = graph.rows.outHead[0]!;
  const beliefs: Beliefs = { ...NO_BELIEFS, offline: new Map([[node, 1]]) };
  const masks = drawMasks(sampleWorlds(graph, 7, beliefs), 1e6);
  for (let slot = graph.rows.inStart[node]!; slot < graph.rows.inStart[node + 1]!; slot++) {
    expect(countWorlds(masks.words, slot)).toBe(0);
  }
});

test("a graph without channels has worlds too", () => {
  const empty = graphFromRecords(nodes.slice(0, 2), []).graph;
  expect(drawMasks(sampleWorlds(empty, 1, NO_BELIEFS), 1).words.length).toBe(0);
});

function everyoneOnline(some: ChannelGraph): Beliefs {
  return { ...NO_BELIEFS, offline: new Map(Array.from({ length: some.nodeCount }, (_, node) => [node, 0])) };
}

function largerArcs(some: ChannelGraph): { id: string; slot: number }[] {
  return Array.from(some.rows.inArc, (arc, slot) => ({ id: `${channelId(some, arc >>> 1)}/${arc & 1}`, slot })).filter(
    ({ id }) => !id.startsWith("77/"),
  );
}

function largestChannel(some: ChannelGraph): number {
  let best = -1;
  for (let channel = 0; channel < some.channelCount; channel++) {
    const open = [2 * channel, 2 * channel + 1].every(
      (arc) => some.rows.slotOfArc[arc]! >= 0 && some.policies.maxHtlcMsat[arc]! > 0.9e3 * some.capacitySat[channel]!,
    );
    if (open && (best < 0 || some.capacitySat[channel]! > some.capacitySat[best]!)) best = channel;
  }
  return best;
}
