import fc from "fast-check";
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { arcHead, arcTail, type ChannelGraph, findNodeHex, nodeKeyHex } from "./channel-graph.ts";
import { openPaths, type Path, pathFrom } from "./cheapest-path.ts";
import { defaultFeeLimitMsat, MAX_CLTV, MAX_HOPS } from "./limits.ts";
import { preparePaths } from "./path-net.ts";
import { type ChannelRecord, graphFromRecords, type PolicyRecord } from "./records.ts";
import { policyAdmits, sampleWorlds } from "./worlds.ts";

const AMOUNT = 100_000_000;
const key = (i: number) => `02${i.toString(16).padStart(64, "0")}`;
const open: PolicyRecord = {
  enabled: true,
  minHtlcMsat: 1000,
  maxHtlcMsat: 0,
  feeBaseMsat: 1000,
  feePpm: 100,
  cltvDelta: 40,
};
const join = (
  id: number,
  from: number,
  to: number,
  policy1: object = {},
  policy2: object = {},
  capacitySat = 1e10,
): ChannelRecord => ({
  id: BigInt(id),
  node1: key(from),
  node2: key(to),
  capacitySat,
  policy1: { ...open, ...policy1 },
  policy2: { ...open, ...policy2 },
});
const find = (channels: ChannelRecord[], caller: number, target: number, amountMsat = AMOUNT) => {
  const { graph } = graphFromRecords([], channels);
  const net = preparePaths(sampleWorlds(graph, 1));
  const path = pathFrom(
    net,
    openPaths(net, findNodeHex(graph, key(target)), amountMsat),
    findNodeHex(graph, key(caller)),
  );
  return path && { ...path, nodes: path.nodes.map((node) => nodeKeyHex(graph, node)) };
};
const chain = (hops: number, policy: object = {}) =>
  Array.from({ length: hops }, (_, i) => join(i + 1, i + 1, i + 2, policy));

test("the node between takes its fee and its blocks; the caller takes neither", () => {
  expect(find(chain(2), 1, 3)).toMatchObject({ feeMsat: 11_000, cltvDelta: 40, nodes: [key(1), key(2), key(3)] });
  expect(find(chain(1), 1, 2)).toMatchObject({ feeMsat: 0, cltvDelta: 0 });
});

test("fees are paid on fees", () => {
  // 11,000 at the last forwarder; then 1,000 + 100 ppm of 100,011,000, rounded down.
  expect(find(chain(3), 1, 4)).toMatchObject({ feeMsat: 11_000 + 1000 + 10_001, cltvDelta: 80 });
});

test.each([
  { name: "a discount for arriving payments", base: -200, ppm: -50, fee: 11_000 - 200 - 5000 },
  { name: "a surcharge", base: 300, ppm: 10, fee: 11_000 + 300 + 1000 },
  { name: "a discount above the fee, of which nothing is paid out", base: -50_000, ppm: 0, fee: 0 },
])("$name is the receiving node's own, on its side of the channel", ({ base, ppm, fee }) => {
  const inbound = { inboundFeeBaseMsat: base, inboundFeePpm: ppm };
  expect(find([join(1, 1, 2, {}, inbound), join(2, 2, 3)], 1, 3)?.feeMsat).toBe(fee);
});

test("cheaper wins between equals, and likelier wins between near equals", () => {
  const dear = [join(1, 1, 2), join(2, 2, 5, { feePpm: 500 })];
  const cheap = [join(3, 1, 3), join(4, 3, 5, { feePpm: 50 })];
  expect(find([...dear, ...cheap], 1, 5)?.nodes[1]).toBe(key(3));
  const tight = [join(3, 1, 3), join(4, 3, 5, { feePpm: 50 }, {}, 110_000)];
  expect(find([...dear, ...tight], 1, 5)?.nodes[1]).toBe(key(2));
});

test("limits: twenty hops, two weeks of blocks, minimum, maximum and capacity with the fees on top", () => {
  expect(find(chain(MAX_HOPS), 1, MAX_HOPS + 1)?.arcs.length).toBe(MAX_HOPS);
  expect(find(chain(MAX_HOPS + 1), 1, MAX_HOPS + 2)).toBeUndefined();
  expect(find(chain(3, { cltvDelta: MAX_CLTV / 2 }), 1, 4)?.cltvDelta).toBe(MAX_CLTV);
  expect(find(chain(3, { cltvDelta: MAX_CLTV / 2 + 1 }), 1, 4)).toBeUndefined();
  expect(find(chain(2), 1, 3, 999)).toBeUndefined();
  const exact = (maxHtlcMsat: number) => find([join(1, 1, 2, { maxHtlcMsat }), join(2, 2, 3)], 1, 3);
  expect(exact(AMOUNT + 11_000)).toBeDefined();
  expect(exact(AMOUNT + 10_999)).toBeUndefined();
});

test("every path of a random graph can be walked, and costs what it says", () => {
  const cases = fc.record({
    seed: fc.nat(5000),
    nodes: fc.integer({ min: 3, max: 40 }),
    channels: fc.integer({ min: 2, max: 120 }),
    amountMsat: fc.constantFrom(1000, 1e6, 1e8, 1e9),
  });
  fc.assert(
    fc.property(cases, ({ seed, nodes, channels, amountMsat }) => {
      const { graph } = graphFromRecords([], syntheticGraph({ nodes, channels, seed }).channels);
      const net = preparePaths(sampleWorlds(graph, 1));
      const tree = openPaths(net, 0, amountMsat);
      for (let caller = 1; caller < graph.nodeCount; caller++) {
        const path = pathFrom(net, tree, caller);
        if (path) expect(walk(graph, path, amountMsat)).toEqual({ feeMsat: path.feeMsat, cltvDelta: path.cltvDelta });
      }
    }),
    { numRuns: 60 },
  );
});

test("a caller's path is the same whoever asked before", () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.array(fc.nat(39), { maxLength: 12 }), (seed, callers) => {
      const { graph } = graphFromRecords([], syntheticGraph({ nodes: 40, channels: 120, seed }).channels);
      const net = preparePaths(sampleWorlds(graph, 1));
      const shared = openPaths(net, 0, 1e7);
      for (const each of callers) {
        const caller = each % graph.nodeCount;
        expect(pathFrom(net, shared, caller)).toEqual(pathFrom(net, openPaths(net, 0, 1e7), caller));
      }
    }),
    { numRuns: 60 },
  );
});

test("LND's own fee limit: all of a small payment, a twentieth of a larger one", () => {
  expect([1, 1_000_000, 1_000_020, 1e9].map(defaultFeeLimitMsat)).toEqual([1, 1_000_000, 50_001, 5e7]);
});

/** Fees and blocks of a path by BOLT 7's rules, from its end; every hop must admit what crosses it. */
function walk(graph: ChannelGraph, path: Path, amountMsat: number): { feeMsat: number; cltvDelta: number } {
  const { policies } = graph;
  expect(new Set(path.nodes).size).toBe(path.nodes.length);
  expect(path.arcs.length).toBeLessThanOrEqual(MAX_HOPS);
  let over = amountMsat;
  let cltvDelta = 0;
  for (let i = path.arcs.length - 1; i >= 0; i--) {
    const arc = path.arcs[i]!;
    expect([arcTail(graph, arc), arcHead(graph, arc)]).toEqual([path.nodes[i], path.nodes[i + 1]]);
    expect(policyAdmits(graph, arc, over)).toBe(true);
    if (i === 0) break;
    const before = path.arcs[i - 1]! ^ 1;
    const asks = policies.feeBaseMsat[arc]! + Math.floor((over * policies.feePpm[arc]!) / 1e6);
    const inbound =
      policies.inboundFeeBaseMsat[before]! + Math.trunc(((over + asks) * policies.inboundFeePpm[before]!) / 1e6);
    over += Math.max(0, asks + inbound);
    cltvDelta += policies.cltvDelta[arc]!;
  }
  expect(cltvDelta).toBeLessThanOrEqual(MAX_CLTV);
  return { feeMsat: over - amountMsat, cltvDelta };
}
