import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { loadSync } from "@grpc/proto-loader";
import fc from "fast-check";
import { expect, test } from "vitest";
import { errorCode } from "../../core/errors.ts";
import { POLICY_KNOWN, readAlias } from "../../core/graph/channel-graph.ts";
import { unixSeconds } from "../../core/units.ts";
import { decodeChannel } from "./decode-channel.ts";
import { readChannelGraph } from "./decode-channel-graph.ts";
import { decodeGraphUpdate } from "./decode-graph-update.ts";

type Method = { responseSerialize(value: object): Buffer };
const home = dirname(createRequire(import.meta.url).resolve("@lightningpolar/lnd-api/package.json"));
const lightning = loadSync(join(home, "protos/lightning.proto"), { keepCase: true, longs: String })[
  "lnrpc.Lightning"
] as unknown as Record<"SubscribeChannelGraph" | "GetChanInfo" | "DescribeGraph", Method>;

const now = unixSeconds(1_790_000_000);
const A = `02${"0a".repeat(32)}`;
const B = `03${"ff".repeat(32)}`;
const policy = {
  time_lock_delta: 40,
  min_htlc: "1",
  fee_base_msat: "1000",
  fee_rate_milli_msat: "1",
  max_htlc_msat: "900",
};
const update = {
  node_updates: [
    { identity_key: A, alias: "ln.example ⚡", color: "#fff", node_addresses: [{ network: "tcp", addr: "x" }] },
  ],
  channel_updates: [
    {
      chan_id: "18446744073709551615",
      chan_point: { funding_txid_bytes: Buffer.alloc(32, 1), output_index: 3 },
      capacity: "5000000",
      routing_policy: { ...policy, disabled: true, inbound_fee_base_msat: -5, inbound_fee_rate_milli_msat: -7 },
      advertising_node: B,
      connecting_node: A,
    },
    { chan_id: "7", capacity: "-1", advertising_node: "nobody", connecting_node: A },
  ],
  closed_chans: [{ chan_id: "913442123456789012", capacity: "5", closed_height: 800_000 }],
};
const bytes = lightning.SubscribeChannelGraph.responseSerialize(update);

test("every field of a change arrives", () => {
  const { nodes, policies, closed, garbage } = decodeGraphUpdate(bytes);
  expect(nodes.map(({ key, alias }) => [Buffer.from(key).toString("hex"), readAlias(alias)])).toEqual([
    [A, "ln.example ⚡"],
  ]);
  expect(policies[0]).toMatchObject({ id: 2n ** 64n - 1n, capacitySat: 5_000_000 });
  expect([policies[0]!.from, policies[0]!.to].map((key) => Buffer.from(key).toString("hex"))).toEqual([B, A]);
  const { flags, feeBaseMsat, inboundFeeBaseMsat, inboundFeePpm } = policies[0]!.policy!;
  expect([flags[0], feeBaseMsat[0], inboundFeeBaseMsat[0], inboundFeePpm[0]]).toEqual([POLICY_KNOWN, 1000, -5, -7]);
  expect(policies[1]).toMatchObject({ id: 7n, capacitySat: 0, from: new Uint8Array(33) });
  expect(policies[1]!.policy).toBeUndefined();
  expect(closed).toEqual([{ id: 913442123456789012n, height: 800_000 }]);
  expect(garbage).toEqual({});
});

test("a channel is public when the signatures of its announcement are there", () => {
  const edge = { channel_id: "9", node1_pub: A, node2_pub: B, capacity: "20000", node1_policy: policy };
  const answer = (proof: object) => decodeChannel(lightning.GetChanInfo.responseSerialize({ ...edge, ...proof }), now);
  expect(answer({})).toBe("unannounced");
  expect(answer({ auth_proof: {} })).toBe("unannounced");
  const graph = answer({ auth_proof: { node_sig1: Buffer.alloc(70, 1) } });
  expect(graph).toMatchObject({ nodeCount: 2, channelCount: 1 });
});

/** A graph in which one thing cannot be right, and a channel that is. */
const graphWith = (wrong: { node?: object; edge?: object }) => {
  const good = { channel_id: "9", node1_pub: A, node2_pub: B, capacity: "20000", node1_policy: policy };
  const edges = [good, ...(wrong.edge ? [{ ...good, channel_id: "10", ...wrong.edge }] : [])];
  const nodes = [{ pub_key: A, alias: "a" }, ...(wrong.node ? [wrong.node] : [])];
  return readChannelGraph(lightning.DescribeGraph.responseSerialize({ nodes, edges }), now);
};
const withPolicy = (over: object) => ({ edge: { node1_policy: { ...policy, ...over } } });

test.each<[string, Parameters<typeof graphWith>[0], { reason: string; channels: number }]>([
  ["a key that is none", { node: { pub_key: "05ab" } }, { reason: "node-key", channels: 1 }],
  ["a node twice", { node: { pub_key: A, alias: "b" } }, { reason: "node-duplicate", channels: 1 }],
  ["an alias with control characters", { node: { pub_key: B, alias: "\u001b[2J" } }, { reason: "alias", channels: 1 }],
  ["an alias that is too long", { node: { pub_key: B, alias: "x".repeat(33) } }, { reason: "alias", channels: 1 }],
  [
    "a node of tomorrow",
    { node: { pub_key: B, last_update: now + 90_000 } },
    { reason: "time-in-future", channels: 1 },
  ],
  ["a channel to itself", { edge: { node2_pub: A } }, { reason: "channel-to-itself", channels: 1 }],
  ["an end that is none", { edge: { node2_pub: "zz" } }, { reason: "channel-key", channels: 1 }],
  ["a channel without an id", { edge: { channel_id: "0" } }, { reason: "channel-without-id", channels: 1 }],
  ["the same channel twice", { edge: { channel_id: "9" } }, { reason: "channel-duplicate", channels: 1 }],
  ["2^63 − 1 sat", { edge: { capacity: "9223372036854775807" } }, { reason: "channel-capacity", channels: 1 }],
  ["more than all bitcoin", { edge: { capacity: "2100000000000001" } }, { reason: "channel-capacity", channels: 1 }],
  ["a negative capacity", { edge: { capacity: "-1" } }, { reason: "channel-capacity", channels: 1 }],
  ["a negative fee", withPolicy({ fee_base_msat: "-1" }), { reason: "fee", channels: 2 }],
  ["a huge fee rate", withPolicy({ fee_rate_milli_msat: "9223372036854775807" }), { reason: "fee", channels: 2 }],
  ["a negative minimum", withPolicy({ min_htlc: "-5" }), { reason: "htlc-minimum", channels: 2 }],
  [
    "a maximum above the capacity",
    withPolicy({ max_htlc_msat: "20000001" }),
    { reason: "htlc-above-capacity", channels: 2 },
  ],
  [
    "a maximum of 2^64 − 1",
    withPolicy({ max_htlc_msat: "18446744073709551615" }),
    { reason: "htlc-above-capacity", channels: 2 },
  ],
  ["a lock of years", withPolicy({ time_lock_delta: 70_000 }), { reason: "time-lock", channels: 2 }],
  ["a policy of tomorrow", withPolicy({ last_update: now + 90_000 }), { reason: "time-in-future", channels: 2 }],
])("%s is counted, and poisons nothing else", (_, wrong, want) => {
  const { graph, garbage } = graphWith(wrong);
  expect(garbage).toEqual({ [want.reason]: 1 });
  expect(graph.channelCount).toBe(want.channels);
  expect(graph.policies.flags[0]).toBe(3);
});

test("a change of too many bytes, or of too many things, is refused by name", () => {
  expect(refusal(new Uint8Array(1024 * 1024 + 1), decodeGraphUpdate)).toBe("GRAPH_MALFORMED");
  const empties = Uint8Array.from({ length: 40_000 }, (_, i) => (i % 2 === 0 ? 0x0a : 0));
  expect(refusal(empties, decodeGraphUpdate)).toBe("GRAPH_MALFORMED");
});

test("any bytes, and any damage to real ones, give a change, a channel or a named refusal", () => {
  const edge = lightning.GetChanInfo.responseSerialize({ channel_id: "9", node1_pub: A, node1_policy: policy });
  const isFine = (input: Uint8Array) =>
    [decodeGraphUpdate, (some: Uint8Array) => decodeChannel(some, now)].every((decode) =>
      [undefined, "GRAPH_MALFORMED"].includes(refusal(input, decode)),
    );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), isFine), { numRuns: 500 });
  for (const base of [bytes, edge]) {
    for (let length = 0; length < base.length; length += 7) expect(isFine(base.subarray(0, length))).toBe(true);
    const damage = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    const damaged = damage.map((changes) => {
      const copy = Uint8Array.from(base);
      for (const [place, value] of changes) copy[place] = value;
      return copy;
    });
    fc.assert(fc.property(damaged, isFine), { numRuns: 500 });
  }
});

function refusal(input: Uint8Array, decode: (bytes: Uint8Array) => unknown): string | undefined {
  try {
    decode(input);
    return undefined;
  } catch (error) {
    return errorCode(error) ?? String(error);
  }
}
