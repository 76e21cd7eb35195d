import fc from "fast-check";
import { expect, test } from "vitest";
import { errorCode } from "../../core/errors.ts";
import { aliasOf, arcTail, channelId, findNodeHex, nodeKeyHex, POLICY_KNOWN } from "../../core/graph/channel-graph.ts";
import { graphFromRecords } from "../../core/graph/records.ts";
import { graphDigest } from "../../core/graph/snapshot.ts";
import { describeGraphMessage, loadGraphCodec } from "../../testing/describe-graph.ts";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { decodeChannelGraph, readChannelGraph } from "./decode-channel-graph.ts";

const { encode } = loadGraphCodec();
const A = `02${"0a".repeat(32)}`;
const B = `03${"ff".repeat(32)}`;
/** One node and one channel with every field LND fills, the shape of a real answer. */
const full = {
  nodes: [
    {
      pub_key: A,
      alias: "ln.example ⚡",
      last_update: 1_708_144_920,
      color: "#5140bf",
      addresses: [{ network: "tcp", addr: "192.0.2.7:9735" }],
      features: { 0: { name: "data-loss-protect", is_required: true, is_known: true } },
      custom_records: { 65537: Buffer.from([1, 2]) },
    },
  ],
  edges: [
    {
      channel_id: "913442123456789012",
      chan_point: `${"ab".repeat(32)}:1`,
      last_update: 1_710_000_000,
      node1_pub: A,
      node2_pub: B,
      capacity: "16777215",
      node1_policy: {
        time_lock_delta: 144,
        min_htlc: "1",
        fee_base_msat: "1000",
        fee_rate_milli_msat: "250",
        max_htlc_msat: "16609443000",
        last_update: 1_710_000_001,
        custom_records: { 65539: Buffer.from([9]) },
        inbound_fee_base_msat: -2_147_483_648,
        inbound_fee_rate_milli_msat: -120,
      },
      node2_policy: { disabled: true, time_lock_delta: 40, max_htlc_msat: "18446744073709551615" },
      custom_records: { 7: Buffer.from([1]) },
    },
    { channel_id: "18446744073709551615", node1_pub: A, node2_pub: B, capacity: "20000", node1_policy: null },
  ],
};

test("every field of LND's answer arrives", () => {
  const graph = decodeChannelGraph(encode(full));

  expect([graph.nodeCount, graph.channelCount]).toEqual([2, 2]);
  expect(aliasOf(graph, findNodeHex(graph, A))).toBe("ln.example ⚡");
  expect(graph.nodeUpdatedAt[0]).toBe(1_708_144_920);
  expect([channelId(graph, 0), channelId(graph, 1)]).toEqual([913442123456789012n, 18446744073709551615n]);
  expect(nodeKeyHex(graph, arcTail(graph, 1))).toBe(B);
  expect(graph.capacitySat[0]).toBe(16_777_215);
  const { policies } = graph;
  expect(Array.from(policies.flags)).toEqual([3, POLICY_KNOWN, 0, 0]);
  expect(policies.maxHtlcMsat[0]).toBe(16_609_443_000);
  expect(policies.maxHtlcMsat[1]).toBe(16_777_215_000);
  expect([policies.minHtlcMsat[0], policies.feeBaseMsat[0], policies.feePpm[0]]).toEqual([1, 1000, 250]);
  expect([policies.cltvDelta[0], policies.updatedAt[0]]).toEqual([144, 1_710_000_001]);
  expect([policies.inboundFeeBaseMsat[0], policies.inboundFeePpm[0]]).toEqual([-2_147_483_648, -120]);
});

test("the bytes of a generated encoder give the graph of the same records", () => {
  const { nodes, channels } = syntheticGraph({ nodes: 120, channels: 400, seed: 8 });
  const bytes = encode(describeGraphMessage(nodes, channels));

  expect(graphDigest(decodeChannelGraph(bytes))).toBe(graphDigest(graphFromRecords(nodes, channels).graph));
});

test("an empty answer is an empty graph", () => {
  expect(readChannelGraph(new Uint8Array())).toMatchObject({ rejected: 0, graph: { nodeCount: 0, channelCount: 0 } });
});

test("unknown fields of every wire type are skipped", () => {
  const unknown = [0x98, 0x06, 0x05, 0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0x9a, 0x06, 1, 9, 0x9d, 0x06, 1, 2, 3, 4];
  const bytes = encode(full);
  expect(graphDigest(decodeChannelGraph(Buffer.concat([Buffer.from(unknown), bytes])))).toBe(
    graphDigest(decodeChannelGraph(bytes)),
  );
});

test("malformed entries are counted, not kept", () => {
  const edge = full.edges[0]!;
  const { graph, rejected } = readChannelGraph(
    encode({
      nodes: [...full.nodes, { pub_key: "not a key" }, { pub_key: `02zz${"0".repeat(62)}` }],
      edges: [
        edge,
        { ...edge, node2_pub: A, channel_id: "5" },
        { ...edge, capacity: "9000000000000000", channel_id: "6" },
      ],
    }),
  );
  expect([graph.nodeCount, graph.channelCount, rejected]).toEqual([2, 1, 4]);
});

test.each([
  ["a cut inside a node", encode(full).subarray(0, 20)],
  ["a cut inside the last edge", encode(full).subarray(0, -1)],
  ["a length beyond the end", Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0x7f)],
  ["a number without an end", new Uint8Array(12).fill(0xff)],
  ["a group, which proto3 does not have", Uint8Array.of(0x0b)],
  ["field number zero", Uint8Array.of(0x02, 0x00)],
  ["a field that runs over its message", Uint8Array.of(0x0a, 0x02, 0x12, 0x04, 1, 2, 3, 4)],
])("%s is refused by name", (_, bytes) => {
  expect(refusal(bytes)).toBe("GRAPH_MALFORMED");
});

test("any bytes give a graph or a named refusal", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => isGraphOrRefusal(bytes)));
  const base = encode(full);
  const damage = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(damage, (changes) => {
      const bytes = Uint8Array.from(base);
      for (const [at, value] of changes) bytes[at] = value;
      return isGraphOrRefusal(bytes);
    }),
    { numRuns: 1000 },
  );
});

function isGraphOrRefusal(bytes: Uint8Array): boolean {
  const code = refusal(bytes);
  return code === undefined || code === "GRAPH_MALFORMED";
}

function refusal(bytes: Uint8Array): string | undefined {
  try {
    decodeChannelGraph(bytes);
    return undefined;
  } catch (error) {
    return errorCode(error) ?? String(error);
  }
}
