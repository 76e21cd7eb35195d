import { expect, test } from "vitest";
import { parseDescribeGraph } from "./describe-graph.ts";

const [KEY1, KEY2] = [`02${"a".repeat(64)}`, `03${"b".repeat(64)}`];
const edge = {
  channel_id: "956204872163131393",
  node1_pub: KEY1,
  node2_pub: KEY2,
  capacity: "1000000",
  node1_policy: {
    time_lock_delta: 80,
    min_htlc: "1000",
    fee_base_msat: "1",
    fee_rate_milli_msat: "250",
    max_htlc_msat: "990000000",
    disabled: false,
    last_update: 1_770_000_000,
    inbound_fee_rate_milli_msat: -5,
  },
  node2_policy: null,
};
const text = (change: object) =>
  JSON.stringify({ nodes: [{ pub_key: KEY1, alias: "one", last_update: 7 }], edges: [{ ...edge, ...change }] });

test("records keep ids above 2^53, inbound discounts, and the absence of a policy", () => {
  expect(parseDescribeGraph(text({}))).toEqual({
    nodes: [{ key: KEY1, alias: "one", updatedAt: 7 }],
    channels: [
      {
        id: 956204872163131393n,
        node1: KEY1,
        node2: KEY2,
        capacitySat: 1_000_000,
        policy1: {
          enabled: true,
          minHtlcMsat: 1000,
          maxHtlcMsat: 990_000_000,
          feeBaseMsat: 1,
          feePpm: 250,
          cltvDelta: 80,
          updatedAt: 1_770_000_000,
          inboundFeeBaseMsat: 0,
          inboundFeePpm: -5,
        },
      },
    ],
  });
});

test.each([
  "",
  "[]",
  "{}",
  "null",
  text({ channel_id: "x" }),
  text({ node1_pub: "02" }),
  text({ capacity: "much" }),
  text({ node1_policy: 5 }),
])("%s is no graph", (bad) => {
  expect(() => parseDescribeGraph(bad)).toThrow(expect.objectContaining({ code: "GRAPH_MALFORMED" }));
});
