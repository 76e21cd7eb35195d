/** A network small enough to follow by hand: from the caller two ways lead to the target, a cheap one and a dear one. */
import { expect, test } from "vitest";
import { findNodeHex } from "../graph/channel-graph.ts";
import { type ChannelRecord, graphFromRecords, type PolicyRecord } from "../graph/records.ts";
import { aprioriEstimate, uniformEstimate } from "./estimates.ts";
import { lndMemoryOf } from "./probing.ts";
import { findRoute, prepareRouter } from "./search.ts";
import { arrived, send } from "./sender.ts";
import type { Truth } from "./truth.ts";

const key = (digit: string) => `02${digit.repeat(64)}`;
const policy = (feePpm: number): PolicyRecord => ({
  enabled: true,
  minHtlcMsat: 1,
  maxHtlcMsat: 0,
  feeBaseMsat: 0,
  feePpm,
  cltvDelta: 40,
});
const [CALLER, CHEAP, DEAR, TARGET] = ["a", "b", "c", "d"].map(key) as [string, string, string, string];
const join = (id: bigint, node1: string, node2: string, feePpm: number): ChannelRecord => ({
  id,
  node1,
  node2,
  capacitySat: 1_000_000,
  policy1: policy(feePpm),
  policy2: policy(feePpm),
});
/** Channels 0 and 1 leave the caller; 2 and 3 join CHEAP to the target side by side; 4 joins DEAR to it. */
const { graph } = graphFromRecords(
  [],
  [
    join(1n, CALLER, CHEAP, 0),
    join(2n, CALLER, DEAR, 0),
    join(3n, CHEAP, TARGET, 10),
    join(4n, CHEAP, TARGET, 20),
    join(5n, DEAR, TARGET, 9_000),
  ],
);
const router = prepareRouter(graph);
const node = (hex: string) => findNodeHex(graph, hex);
const payment = { caller: node(CALLER), target: node(TARGET), amountMsat: 1e8 };
const estimate = aprioriEstimate(router, new Map());
const truthOf = (drained: number[] = [], offline: string[] = [], refusing: number[] = []): Truth => {
  const truth = {
    graph,
    family: "uniform" as const,
    balanceMsat: new Float64Array(10).fill(5e8),
    online: new Uint8Array(4).fill(1),
    refuses: new Uint8Array(10),
  };
  for (const arc of drained) truth.balanceMsat[arc] = 0;
  for (const hex of offline) truth.online[node(hex)] = 0;
  for (const arc of refusing) truth.refuses[arc] = 1;
  return truth;
};

test.each([
  { name: "the cheap way works at once", truth: truthOf(), routes: [[0, 4]], ends: true },
  { name: "a parallel channel stands in for a drained one", truth: truthOf([4]), routes: [[0, 4]], ends: true },
  { name: "and for one that refuses", truth: truthOf([], [], [4]), routes: [[0, 4]], ends: true },
  {
    name: "with both drained the dear way is next",
    truth: truthOf([4, 6]),
    routes: [
      [0, 4],
      [2, 8],
    ],
    ends: true,
  },
  {
    name: "an offline node is avoided",
    truth: truthOf([], [CHEAP]),
    routes: [
      [0, 4],
      [2, 8],
    ],
    ends: true,
  },
  { name: "the caller knows what its own channels hold", truth: truthOf([0]), routes: [[2, 8]], ends: true },
  {
    name: "an offline target cannot be paid",
    truth: truthOf([], [TARGET]),
    routes: [
      [0, 4],
      [2, 8],
    ],
    ends: false,
  },
])("$name", ({ truth, routes, ends }) => {
  const tries = send(router, truth, payment, estimate, 12);
  expect(tries.map(({ route }) => route.arcs)).toEqual(routes);
  expect(arrived(tries)).toBe(ends);
});

test("tries are bounded", () => {
  expect(send(router, truthOf([], [TARGET]), payment, estimate, 1)).toHaveLength(1);
});

test("a route's probability is .95 for the own channel and .6 for each other hop; fees grow what crosses", () => {
  const [first] = send(router, truthOf(), payment, estimate, 1);
  expect(first!.route.probability).toBeCloseTo(0.95 * 0.6, 9);
  expect(first!.route.crossingMsat).toEqual([1e8 + 1_000, 1e8]);
});

test("with every balance equally likely the likeliest path is found whatever it costs", () => {
  const route = findRoute(router, payment, { estimate: uniformEstimate(router), ownRatio: 1 }, "probable");
  expect(route!.probability).toBeCloseTo((1 - 1e8 / 0.99e9) ** 2, 3);
});

test("LND remembers what probes proved: amounts for liquidity, both ways for anything else", () => {
  const ends = [
    {
      arcs: [0, 4],
      crossingMsat: [1e8, 1e8],
      ending: { arrived: false as const, index: 1, reason: "liquidity" as const },
    },
    {
      arcs: [2, 8],
      crossingMsat: [1e8, 1e8],
      ending: { arrived: false as const, index: 1, reason: "offline" as const },
    },
  ];
  const memory = lndMemoryOf(router, { evidence: [], results: ends, sent: 2 }, 0);
  const fed = aprioriEstimate(router, memory);
  const slot = (arc: number) => graph.rows.slotOfArc[arc]!;
  const believes = (arc: number, amountMsat: number) => fed(slot(arc), router.pairs.ofSlot[slot(arc)]!, amountMsat);
  expect(believes(0, 1e8)).toBe(0.95);
  expect(believes(4, 1e8)).toBe(0);
  expect(believes(6, 1e8)).toBe(0);
  expect(believes(4, 5e7)).toBeCloseTo(0.6, 9);
  expect([believes(8, 1), believes(9, 1)]).toEqual([0, 0]);
});
