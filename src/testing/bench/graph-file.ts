/** The graph that benches run on: a describegraph file, or a made-up graph of mainnet's size, as LND would send it. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { describeGraphMessage, loadGraphCodec } from "../describe-graph.ts";
import { syntheticGraph } from "../synthetic-graph.ts";

/** All nodes and channels, live and dead, of mainnet on 2026-02-03. */
const MAINNET = { nodes: 17_324, channels: 50_808 };
/** Feature bits that most nodes announce; they make up most of what LND sends about a node. */
const FEATURES = [0, 5, 7, 8, 11, 13, 14, 17, 23, 25, 27, 31, 45, 47, 51, 55];

/** LND's bytes, and the generated decoder's way of reading them. */
export type BenchGraph = { name: string; bytes: Uint8Array; decodeGeneric(bytes: Uint8Array): object };

/** Reads SATRANK_GRAPH (describegraph .json or .json.gz) if it is set. */
export function loadBenchGraph(): BenchGraph {
  const path = process.env["SATRANK_GRAPH"];
  const { encode, decode } = loadGraphCodec();
  if (!path) return makeUpGraph(1);
  return { name: basename(path), bytes: encode(readDescribeGraph(path)), decodeGeneric: decode };
}

/** A made-up graph of so many times mainnet's size. */
export function makeUpGraph(factor: number): BenchGraph {
  const { encode, decode } = loadGraphCodec();
  const { nodes, edges } = makeUp(factor);
  const parts: Uint8Array[] = [];
  // Messages one after the other are one message with all their entries.
  for (let from = 0; from < edges.length; from += PART) {
    parts.push(encode({ nodes: nodes.slice(from, from + PART), edges: edges.slice(from, from + PART) }));
  }
  return { name: "made-up graph", bytes: Buffer.concat(parts), decodeGeneric: decode };
}

const PART = 20_000;

function readDescribeGraph(path: string): object {
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  const { nodes, edges } = JSON.parse(text) as { nodes: unknown; edges: unknown };
  return { nodes, edges };
}

function makeUp(factor: number) {
  const sizes = { nodes: factor * MAINNET.nodes, channels: factor * MAINNET.channels };
  const { nodes, channels } = syntheticGraph({ ...sizes, seed: 1 });
  const message = describeGraphMessage(nodes, channels);
  const features = Object.fromEntries(
    FEATURES.map((bit) => [bit, { name: `feature-${bit}`, is_required: false, is_known: true }]),
  );
  const addresses = [{ network: "tcp", addr: "192.0.2.1:9735" }];
  const chan_point = `${"ab".repeat(32)}:0`;
  return {
    nodes: message.nodes.map((node) => ({ ...node, addresses, features, color: "#3399ff" })),
    edges: message.edges.map((edge) => ({ ...edge, chan_point })),
  };
}
