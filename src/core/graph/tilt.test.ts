/** Three nodes in a row: a hub between a leaf that charges a lot and one that has disabled its direction. */
import { expect, test } from "vitest";
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

test("the lean adds them up in log-odds, and is even where nothing has been learnt", () => {
  expect(leanOf(graph, peers, { fee: 0, size: 0, disabled: 0 }, 0)).toBe(0.5);
  const logOdds = (channel: number) => {
    const lean = leanOf(graph, peers, { fee: 0.5, size: 1, disabled: -0.25 }, channel);
    return Math.log(lean / (1 - lean));
  };
  expect(logOdds(0)).toBeCloseTo(0.5, 10);
  expect(logOdds(1)).toBeCloseTo(-1.25, 10);
});
