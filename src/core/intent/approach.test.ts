import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { findNodeHex } from "../graph/channel-graph.ts";
import { leastFees } from "../graph/least-fees.ts";
import { graphFromRecords } from "../graph/records.ts";
import { sampleWorlds } from "../graph/worlds.ts";
import { chanceOfWorlds } from "../score/interval.ts";
import { unixSeconds } from "../units.ts";
import { approachNodes } from "./approach.ts";
import { leavesWhatever } from "./judge.ts";
import { createIntentWorld } from "./resolve-intent.ts";

const { nodes, channels } = syntheticGraph({ nodes: 60, channels: 200, seed: 8 });
const { graph } = graphFromRecords(nodes, channels);
const world = createIntentWorld(sampleWorlds(graph, 1), "aa", unixSeconds(1_770_000_000));
const caller = nodes[3]!.key;
const to = (amountMsat: number) =>
  nodes.filter(({ key }) => key !== caller).map(({ key }) => ({ payee: key, amountMsat }));

test("one pass from the caller finds for every node what a search towards it finds", () => {
  for (const amountMsat of [1e6, 1e8]) {
    const approached = approachNodes(world, { caller, payees: to(amountMsat) });
    const payer = { caller: findNodeHex(graph, caller), own: undefined, references: [] };
    to(amountMsat).forEach(({ payee }, i) => {
      const aim = {
        target: findNodeHex(graph, payee),
        amountMsat,
        limits: { maxFeeMsat: 1e15, maxCltvDelta: 2016, maxHops: 20 },
      };
      expect(approached[i]).toMatchObject(chanceOfWorlds(leavesWhatever(world.engine, payer, aim)));
    });
  }
});

test("the price of an endpoint counts as the next larger amount of the grid, and its fee in proportion", () => {
  const [small] = approachNodes(world, { caller, payees: to(10_000).slice(0, 1) });
  const [grid] = approachNodes(world, { caller, payees: to(1e6).slice(0, 1) });
  expect(small).toEqual({ ...grid, feeMsat: grid!.feeMsat / 100 });
});

test("of nodes and callers that nobody announced, and of the caller itself, nothing is said", () => {
  const stranger = `02${"9".repeat(64)}`;
  expect(
    approachNodes(world, {
      caller,
      payees: [
        { payee: stranger, amountMsat: 1 },
        { payee: caller, amountMsat: 1 },
      ],
    }),
  ).toEqual([null, null]);
  expect(approachNodes(world, { caller: stranger, payees: [{ payee: caller, amountMsat: 1 }] })).toEqual([null]);
});

test("the least fee is that of the cheapest of all routes", () => {
  const from = findNodeHex(graph, caller);
  const amountMsat = 1e7;
  const found = leastFees(graph, from, amountMsat);
  // Bellman and Ford's rounds need no order, and so cannot get it wrong.
  const fees = new Array<number>(graph.nodeCount).fill(Number.POSITIVE_INFINITY);
  fees[from] = 0;
  const { outStart, outArc, outHead } = graph.rows;
  const { feeBaseMsat, feePpm, minHtlcMsat, maxHtlcMsat } = graph.policies;
  for (let round = 0; round < graph.nodeCount; round++) {
    for (let node = 0; node < graph.nodeCount; node++) {
      for (let out = outStart[node]!; out < outStart[node + 1]!; out++) {
        const arc = outArc[out]!;
        if (
          minHtlcMsat[arc]! > amountMsat ||
          maxHtlcMsat[arc]! < amountMsat ||
          graph.capacitySat[arc >>> 1]! * 990 < amountMsat
        )
          continue;
        const asked = node === from ? 0 : feeBaseMsat[arc]! + Math.floor((amountMsat * feePpm[arc]!) / 1e6);
        fees[outHead[out]!] = Math.min(fees[outHead[out]!]!, fees[node]! + asked);
      }
    }
  }
  expect([...found]).toEqual(fees);
  expect(fees.filter((fee) => Number.isFinite(fee) && fee > 0).length).toBeGreaterThan(10);
});
