/** Three nodes in a row: a hub between a leaf that charges a lot and one that has disabled its direction. */
import { expect, test } from "vitest";
import { findNodeHex, inboundCount } from "./channel-graph.ts";
import { independentPeers } from "./liveness.ts";
import { type ChannelRecord, graphFromRecords, type PolicyRecord } from "./records.ts";
import { leanOf, tiltFeatures } from "./tilt.ts";

const [HUB, DEAR, SHUT] = ["a", "b", "c"].map((digit) => `02${digit.repeat(64)}`) as [string, string, string];
const policy = (feePpm: number, enabled = true) => ({
  enabled,
  minHtlcMsat: 1,
  maxHtlcMsat: 0,
  feeBaseMsat: 0,
  feePpm,
  cltvDelta: 40,
});
const join = (id: bigint, node2: string, policy2: PolicyRecord): ChannelRecord => ({
  id,
  node1: HUB,
  node2,
  capacitySat: 1_000_000,
  policy1: policy(0),
  policy2,
});
const { graph } = graphFromRecords([], [join(1n, DEAR, policy(999)), join(2n, SHUT, policy(999, false))]);
const peers = new Uint32Array([2, 1, 1]);

test("features say by how much end B exceeds end A; a fee that is not in force is none", () => {
  expect(tiltFeatures(graph, peers, 0)).toEqual({ fee: 3, size: -1, disabled: 0 });
  expect(tiltFeatures(graph, peers, 1)).toEqual({ fee: 0, size: -1, disabled: 1 });
});

test("own nodes behind a node make it no larger", () => {
  const others = Array.from({ length: 20 }, (_, i) => `03${(10 + i).toString().repeat(32)}`);
  const spokes = others.slice(0, 6).map((other, i) => join(BigInt(20 + i), other, policy(0)));
  const ring = others.slice(1).map((other, i) => ({ ...join(BigInt(60 + i), other, policy(0)), node1: others[i]! }));
  const own = Array.from({ length: 8 }, (_, i) => ({
    ...join(BigInt(40 + i), `03${`d${i}`.repeat(32)}`, policy(0)),
    node1: DEAR,
    capacitySat: 20_000,
  }));
  const puffed = graphFromRecords([], [join(1n, DEAR, policy(999)), ...spokes, ...ring, ...own]).graph;
  const live = (key: string) => inboundCount(puffed, findNodeHex(puffed, key));
  expect(live(DEAR)).toBeGreaterThan(live(HUB));
  expect(tiltFeatures(puffed, independentPeers(puffed), 0).size).toBe(-1);
});

test("the lean adds them up in log-odds, and is even where nothing has been learnt", () => {
  expect(leanOf(graph, peers, { fee: 0, size: 0, disabled: 0 }, 0)).toBe(0.5);
  const logOdds = (channel: number) => {
    const lean = leanOf(graph, peers, { fee: 0.5, size: 1, disabled: -0.25 }, channel);
    return Math.log(lean / (1 - lean));
  };
  expect(logOdds(0)).toBeCloseTo(0.5, 10);
  expect(logOdds(1)).toBeCloseTo(-1.25, 10);
});
