import { expect, test } from "vitest";
import { seededRandom, syntheticGraph } from "../../testing/synthetic-graph.ts";
import {
  aliasOf,
  arcHead,
  arcTail,
  channelId,
  findNode,
  findNodeHex,
  inboundCount,
  nodeKeyHex,
  outboundCount,
  POLICY_ENABLED,
} from "./channel-graph.ts";
import { type ChannelRecord, graphFromRecords, type NodeRecord, type PolicyRecord } from "./records.ts";
import { graphDigest } from "./snapshot.ts";

const key = (digit: string) => `02${digit.repeat(64)}`;
const [A, B, C] = [key("a"), key("b"), key("c")];
const policy: PolicyRecord = {
  enabled: true,
  minHtlcMsat: 1000,
  maxHtlcMsat: 990_000_000,
  feeBaseMsat: 1000,
  feePpm: 100,
  cltvDelta: 80,
  updatedAt: 1_700_000_000,
};
const channel = (id: bigint, over: Partial<ChannelRecord> = {}): ChannelRecord => ({
  id,
  node1: A,
  node2: B,
  capacitySat: 1_000_000,
  policy1: policy,
  policy2: { ...policy, feePpm: 7 },
  ...over,
});
const build = (channels: ChannelRecord[], nodes: NodeRecord[] = [A, B, C].map((k) => ({ key: k }))) =>
  graphFromRecords(nodes, channels);

test("nodes are sorted and found by key, channels by id", () => {
  const { graph, rejected } = build([channel(9n), channel((850_000n << 40n) | 5n), channel(3n)]);

  expect(rejected).toBe(0);
  expect([0, 1, 2].map((node) => nodeKeyHex(graph, node))).toEqual([A, B, C]);
  expect([0, 1, 2].map((c) => channelId(graph, c))).toEqual([3n, 9n, (850_000n << 40n) | 5n]);
  expect(findNodeHex(graph, B.toUpperCase())).toBe(1);
  expect(findNodeHex(graph, key("d"))).toBe(-1);
  expect(findNodeHex(graph, "zz")).toBe(-1);
  expect(findNode(graph, new Uint8Array(5))).toBe(-1);
});

test("arc 2c leaves the end with the smaller key, whichever end was listed first", () => {
  const straight = build([channel(1n)]).graph;
  const swapped = build([
    channel(1n, { node1: B, node2: A, policy1: { ...policy, feePpm: 7 }, policy2: policy }),
  ]).graph;

  expect(graphDigest(swapped)).toBe(graphDigest(straight));
  expect([arcTail(straight, 0), arcHead(straight, 0)]).toEqual([0, 1]);
  expect([straight.policies.feePpm[0], straight.policies.feePpm[1]]).toEqual([100, 7]);
});

test("rows hold enabled directions only", () => {
  const { graph } = build([
    channel(1n),
    channel(2n, { node1: B, node2: C, policy2: { ...policy, enabled: false } }),
    { id: 3n, node1: A, node2: C, capacitySat: 5000 },
  ]);

  expect([0, 1, 2].map((node) => inboundCount(graph, node))).toEqual([1, 1, 1]);
  expect([0, 1, 2].map((node) => outboundCount(graph, node))).toEqual([1, 2, 0]);
  const { rows } = graph;
  for (let out = 0; out < rows.outArc.length; out++) {
    expect(rows.inArc[rows.outSlot[out]!]).toBe(rows.outArc[out]);
    expect(rows.slotOfArc[rows.outArc[out]!]).toBe(rows.outSlot[out]);
    expect(arcHead(graph, rows.outArc[out]!)).toBe(rows.outHead[out]);
    expect(graph.policies.flags[rows.outArc[out]!]! & POLICY_ENABLED).toBe(POLICY_ENABLED);
  }
});

test.each<[string, ChannelRecord[], { channels: number; rejected: number }]>([
  ["a channel to itself", [channel(1n, { node2: A })], { channels: 0, rejected: 1 }],
  ["a key that is no key", [channel(1n, { node2: `05${"a".repeat(64)}` })], { channels: 0, rejected: 1 }],
  ["a key that is no hex", [channel(1n, { node2: "satoshi" })], { channels: 0, rejected: 1 }],
  ["id zero", [channel(0n)], { channels: 0, rejected: 1 }],
  ["more capacity than Bitcoin", [channel(1n, { capacitySat: 3e15 })], { channels: 0, rejected: 1 }],
  ["no capacity and no policy", [{ id: 1n, node1: A, node2: B, capacitySat: 0 }], { channels: 0, rejected: 1 }],
  ["the same channel twice", [channel(1n), channel(1n)], { channels: 1, rejected: 1 }],
])("%s is refused and counted", (_, channels, want) => {
  const { graph, rejected } = build(channels);
  expect({ channels: graph.channelCount, rejected }).toEqual(want);
});

test("numbers out of bounds are brought inside", () => {
  const wild: PolicyRecord = {
    enabled: true,
    minHtlcMsat: Number.MAX_VALUE,
    maxHtlcMsat: Number.MAX_SAFE_INTEGER,
    feeBaseMsat: 1e18,
    feePpm: -4,
    cltvDelta: 1e6,
    updatedAt: Number.NaN,
  };
  const { graph } = build([channel(1n, { policy1: wild, policy2: { ...policy, maxHtlcMsat: 0 } })]);

  expect(graph.policies.maxHtlcMsat[0]).toBe(1e9);
  expect(graph.policies.maxHtlcMsat[1]).toBe(1e9);
  expect(graph.policies.minHtlcMsat[0]).toBe(1e15);
  expect(graph.policies.feeBaseMsat[0]).toBe(0xffffffff);
  expect(graph.policies.feePpm[0]).toBe(0);
  expect(graph.policies.cltvDelta[0]).toBe(0xffff);
});

test("a capacity that LND does not know is at least the largest HTLC its ends admit", () => {
  expect(build([channel(1n, { capacitySat: 0 })]).graph.capacitySat[0]).toBe(990_000);
});

test("an end without a node announcement becomes a node without alias", () => {
  const { graph } = build([channel(1n), channel(2n, { node2: C })], [{ key: A, alias: "alice" }]);

  expect(graph.nodeCount).toBe(3);
  expect([0, 1, 2].map((node) => aliasOf(graph, node))).toEqual(["alice", "", ""]);
});

test("of two announcements the newest stays, whatever the order", () => {
  const nodes = [
    { key: A, alias: "old", updatedAt: 5 },
    { key: A, alias: "new", updatedAt: 9 },
  ];
  const older = channel(1n, {
    policy1: { ...policy, feePpm: 1, updatedAt: 10 },
    policy2: { ...policy, updatedAt: 10 },
  });
  for (const reverse of [false, true]) {
    const channels = [older, channel(1n)];
    const { graph } = build(reverse ? channels.reverse() : channels, reverse ? nodes.slice().reverse() : nodes);
    expect(aliasOf(graph, 0)).toBe("new");
    expect(graph.policies.feePpm[0]).toBe(100);
  }
});

test("an alias cannot steer a terminal", () => {
  const { graph } = build([], [{ key: A, alias: "\u001b[31mred\u202e\u0007 name" }]);
  expect(aliasOf(graph, 0)).toBe("[31mred name");
});

test("the digest does not depend on the order of the input, and depends on every value", () => {
  const { nodes, channels } = syntheticGraph({ nodes: 60, channels: 150, seed: 4 });
  const digest = graphDigest(graphFromRecords(nodes, channels).graph);
  const random = seededRandom(2);
  const shuffled = <T>(list: T[]) =>
    list
      .map((x) => ({ x, r: random() }))
      .sort((p, q) => p.r - q.r)
      .map(({ x }) => x);

  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(graphDigest(graphFromRecords(shuffled(nodes), shuffled(channels)).graph)).toBe(digest);
  const [first, ...rest] = channels;
  const altered = { ...first!, policy1: { ...first!.policy1!, feePpm: first!.policy1!.feePpm + 1 } };
  expect(graphDigest(graphFromRecords(nodes, [altered, ...rest]).graph)).not.toBe(digest);
});
