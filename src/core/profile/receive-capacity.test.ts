import fc from "fast-check";
import { expect, test } from "vitest";
import { CLOSED, type Drawn, drawGraph, keyOf } from "../../testing/small-graph.ts";
import { channelId, findNodeHex } from "../graph/channel-graph.ts";
import { independentPeers } from "../graph/liveness.ts";
import { UNFITTED } from "../graph/prior.ts";
import { type Beliefs, NO_BELIEFS } from "../graph/worlds.ts";
import { prepareProfiles } from "./ground.ts";
import { disjointPaths, type FlowGround, receiveCapacity } from "./receive-capacity.ts";

const AMOUNT_MSAT = 1e8;
const USABLE = 990_000;

/** A graph with the seeds that are named. */
function groundOf(channels: readonly Drawn[], seeds: readonly number[], beliefs: Beliefs = NO_BELIEFS) {
  const { graph, at } = drawGraph(channels);
  const worlds = { beliefs, peers: independentPeers(graph) };
  const ground: FlowGround = { ...prepareProfiles(graph, []), seeds: seeds.map(at), worlds };
  return { ground, graph, at };
}

test("what comes in is what the narrowest place lets through", () => {
  const { ground, at } = groundOf(
    [
      { a: 1, b: 2, capacitySat: 5_000_000 },
      { a: 2, b: 3 },
      { a: 1, b: 4, capacitySat: 200_000 },
      { a: 4, b: 3, there: CLOSED },
    ],
    [1],
  );
  expect(receiveCapacity(ground, at(3))).toEqual({ mostSat: USABLE, expectedSat: USABLE / 2 });
  expect(receiveCapacity(ground, at(4))).toEqual({ mostSat: 198_000 + USABLE, expectedSat: 99_000 + USABLE / 2 });
});

test("evidence moves what is expected, not what is possible; what is blocked carries nothing", () => {
  const channels = [{ a: 1, b: 2 }];
  const beliefOf = (low: number, high: number): Beliefs => ({
    ...NO_BELIEFS,
    channels: new Map([[0, { low, high, weight: 1 }]]),
  });
  const full = groundOf(channels, [1], beliefOf(0.8, 1));
  const empty = groundOf(channels, [1], beliefOf(0, 0.2));
  expect(receiveCapacity(full.ground, full.at(2)).expectedSat).toBeGreaterThan(0.8 * USABLE);
  expect(receiveCapacity(empty.ground, empty.at(2)).expectedSat).toBeLessThan(0.2 * USABLE);
  expect(receiveCapacity(empty.ground, empty.at(2)).mostSat).toBe(USABLE);
  const gone = groundOf(channels, [1], { ...NO_BELIEFS, blocked: new Set([0, 1]) });
  expect(receiveCapacity(gone.ground, gone.at(2))).toEqual({ mostSat: 0, expectedSat: 0 });
  expect(disjointPaths(gone.ground, gone.at(2), AMOUNT_MSAT).byChannel).toBe(0);
});

test("where a prior leans to one end, that end is expected to hold more", () => {
  const leaning = (fee: number): Beliefs => ({
    ...NO_BELIEFS,
    prior: { ...UNFITTED, tilt: { ...UNFITTED.tilt, fee } },
  });
  const channels: Drawn[] = [{ a: 1, b: 2, there: { feePpm: 0 }, back: { feePpm: 999 } }];
  const [plain, more, less] = [0, 2, -2].map((fee) => {
    const { ground, at } = groundOf(channels, [1], leaning(fee));
    return receiveCapacity(ground, at(2)).expectedSat;
  });
  expect(plain).toBe(USABLE / 2);
  // The other end asks for a thousand times as much: three powers of ten, each worth two of log-odds.
  const lean = 1 / (1 + Math.exp(-6));
  expect(more! / USABLE).toBeCloseTo(0.5 * ((1 + lean) / 3) + 0.5 * (0.05 + 0.9 * lean), 3);
  expect(more! + less!).toBeCloseTo(USABLE, -1);
});

const own = fc.record({
  a: fc.nat({ max: 12 }),
  b: fc.nat({ max: 12 }),
  capacitySat: fc.integer({ min: 20_000, max: 1e9 }),
});

test("a cluster of own nodes behind one honest channel raises nothing, whatever it is built of", () => {
  const honest: Drawn[] = [
    { a: 101, b: 102, capacitySat: 50_000_000, block: 500_000 },
    { a: 102, b: 103, capacitySat: 50_000_000, block: 510_000 },
    { a: 103, b: 101, capacitySat: 50_000_000, block: 520_000 },
    { a: 101, b: 50, capacitySat: 300_000, block: 830_000 },
  ];
  fc.assert(
    fc.property(fc.array(own, { maxLength: 40 }), (cluster) => {
      // Names 0 … 12 are the attacker's; 50 is the node that has the honest channel, and the first of the cluster.
      const behind = cluster.map(({ a, b, capacitySat }) => ({ a: a || 50, b: b || 50, capacitySat, block: 840_000 }));
      const { graph, at } = drawGraph([...honest, ...behind.filter(({ a, b }) => a !== b)]);
      const worlds = { beliefs: NO_BELIEFS, peers: independentPeers(graph) };
      const ground = { ...prepareProfiles(graph, []), worlds };
      const seeds = ground.seeds.map((seed) => [101, 102, 103].map(at).includes(seed));
      expect(seeds).not.toContain(false);
      expect(receiveCapacity(ground, at(50))).toEqual({ mostSat: 297_000, expectedSat: 148_500 });
      const { byChannel, byNode, onlyNode } = disjointPaths(ground, at(50), AMOUNT_MSAT);
      expect([byChannel, byNode, onlyNode]).toEqual([1, 1, at(101)]);
    }),
    { numRuns: 60 },
  );
});

const pair = fc.record({ a: fc.nat({ max: 5 }), b: fc.nat({ max: 5 }) }).filter(({ a, b }) => a !== b);

test("paths are as many as channels, or nodes, must be taken out to leave none", () => {
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 9 }), (pairs) => {
      const channels = [...pairs, { a: 0, b: 6 }, { a: 5, b: 7 }, { a: 1, b: 8 }];
      // Seed 8 is no end of a random channel, so that it can be taken out only as a whole; the target is 5.
      const { ground, graph, at } = groundOf(channels, [6, 8]);
      const { byChannel, byNode, onlyChannel, onlyNode } = disjointPaths(ground, at(5), AMOUNT_MSAT);
      const every = channels.map((_, i) => i);
      const leads = (goneChannels: readonly number[], goneNodes: readonly number[]) => {
        const left = channels.filter(
          ({ a, b }, i) => !goneChannels.includes(i) && !goneNodes.includes(a) && !goneNodes.includes(b),
        );
        return [6, 8].some((seed) => !goneNodes.includes(seed) && isJoined(left, seed, 5));
      };
      const least = (sets: number[][], isCut: (set: number[]) => boolean) =>
        Math.min(...sets.filter(isCut).map(({ length }) => length));
      expect(byChannel).toBe(least(subsets(every, 3), (set) => !leads(set, [])));
      expect(byNode).toBe(least(subsets([0, 1, 2, 3, 4, 6, 8], 2), (set) => !leads([], set)));
      if (byChannel === 1) {
        const gone = channels.findIndex((_, i) => channelId(graph, onlyChannel) === idOf(i));
        expect(leads([gone], [])).toBe(false);
      } else expect(onlyChannel).toBe(-1);
      if (byNode === 1) {
        const gone = [0, 1, 2, 3, 4, 6, 8].find((name) => findNodeHex(graph, keyOf(name)) === onlyNode)!;
        expect(leads([], [gone])).toBe(false);
      } else expect(onlyNode).toBe(-1);
    }),
    { numRuns: 150 },
  );
});

test("a channel too small for the amount is no path", () => {
  const { ground, at } = groundOf([{ a: 1, b: 2, capacitySat: 90_000 }], [1]);
  expect(disjointPaths(ground, at(2), AMOUNT_MSAT)).toEqual({ byChannel: 0, byNode: 0, onlyChannel: -1, onlyNode: -1 });
});

const idOf = (i: number) => (800_000n << 40n) | (BigInt(i + 1) << 16n);

function isJoined(channels: readonly Drawn[], from: number, to: number): boolean {
  const seen = new Set([from]);
  for (let grew = true; grew; ) {
    const size = seen.size;
    for (const { a, b } of channels) {
      if (seen.has(a) || seen.has(b)) {
        seen.add(a);
        seen.add(b);
      }
    }
    grew = seen.size > size;
  }
  return seen.has(to);
}

/** Every set of at most `most` of these. */
function subsets(items: readonly number[], most: number): number[][] {
  const [first, ...rest] = items;
  if (first === undefined || most === 0) return [[]];
  return [...subsets(rest, most), ...subsets(rest, most - 1).map((set) => [first, ...set])];
}
