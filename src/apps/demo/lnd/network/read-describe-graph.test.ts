import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { errorCode } from "../../../../core/errors.ts";
import { readDescribeGraph } from "./read-describe-graph.ts";

const A = `02${"a".repeat(64)}`;
const B = `03${"b".repeat(64)}`;
const C = `03${"c".repeat(64)}`;
const policy = {
  time_lock_delta: 80,
  min_htlc: "1000",
  fee_base_msat: "1000",
  fee_rate_milli_msat: "1",
  disabled: false,
  max_htlc_msat: "990000000",
  last_update: 1_700_000_000,
  custom_records: {},
};
const edge = {
  channel_id: "872332862529929217",
  chan_point: "ab:0",
  node1_pub: A,
  node2_pub: B,
  capacity: "1000000",
  node1_policy: policy,
  node2_policy: null,
};
const graph = {
  _meta: { nodes: [{ pub_key: "not this one" }], text: 'a } and a ] and a " in it' },
  nodes: [
    { pub_key: A, alias: 'braces }{ "quoted" \\ é', last_update: 5, features: { 1: { name: "x" } } },
    { pub_key: B, alias: "b", last_update: 6 },
  ],
  edges: [edge, { ...edge, channel_id: 7, node2_pub: C }],
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "graph-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function read(content: string | Buffer) {
  const path = join(directory, "graph.json");
  await writeFile(path, content);
  return readDescribeGraph(path);
}

test.each([
  { name: "plain", content: JSON.stringify(graph) },
  { name: "indented", content: JSON.stringify(graph, null, 2) },
  { name: "gzipped", content: gzipSync(JSON.stringify(graph)) },
])("a snapshot is read: $name", async ({ content }) => {
  const draft = await read(content);
  expect(draft.nodes).toEqual([
    { key: A, alias: 'braces }{ "quoted" \\ é', lastUpdate: 5 },
    { key: B, alias: "b", lastUpdate: 6 },
    { key: C, alias: "", lastUpdate: 0 },
  ]);
  expect(draft.channels).toHaveLength(2);
  expect(draft.channels[0]).toEqual({
    channelId: 872_332_862_529_929_217n,
    channelPoint: "ab:0",
    capacitySat: 1_000_000,
    nodes: [A, B],
    policies: [
      {
        feeBaseMsat: 1000,
        feeRatePpm: 1,
        cltvDelta: 80,
        minHtlcMsat: 1000,
        maxHtlcMsat: 990_000_000,
        disabled: false,
        lastUpdate: 1_700_000_000,
      },
      undefined,
    ],
  });
});

test("records that lie across the chunks of the file are put together", async () => {
  const many = Array.from({ length: 3_000 }, (_, i) => ({ ...edge, channel_id: String(i + 1), chan_point: `${i}:é` }));
  const draft = await read(JSON.stringify({ nodes: graph.nodes, edges: many }));
  expect(draft.channels.map((channel) => channel.channelPoint)).toEqual(many.map((row) => row.chan_point));
});

test.each([
  { name: "nothing", content: "" },
  { name: "text", content: "hello" },
  { name: "cut short", content: JSON.stringify(graph).slice(0, -3) },
  { name: "two documents", content: JSON.stringify(graph) + JSON.stringify(graph) },
  { name: "a broken record", content: '{"nodes":[{"pub_key":}]}' },
  { name: "a key that is none", content: JSON.stringify({ nodes: [{ pub_key: "02ab" }] }) },
  { name: "a channel without an id", content: JSON.stringify({ edges: [{ ...edge, channel_id: "x" }] }) },
  { name: "a negative fee", content: JSON.stringify({ edges: [{ ...edge, node1_policy: { fee_base_msat: "-1" } }] }) },
  { name: "a record without end", content: `{"nodes":[{"alias":"${"x".repeat(2 ** 19)}"}]}` },
  { name: "gzip cut short", content: gzipSync(JSON.stringify(graph)).subarray(0, 100) },
])("refused as GRAPH_MALFORMED: $name", async ({ content }) => {
  expect(errorCode(await read(content).catch((error) => error))).toBe("GRAPH_MALFORMED");
});

test("a file that is not there is a matter of configuration", async () => {
  const missing = readDescribeGraph(join(directory, "nothing.json"));
  expect(errorCode(await missing.catch((error) => error))).toBe("CONFIG_INVALID");
});
