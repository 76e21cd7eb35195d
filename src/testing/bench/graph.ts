/** Bench: reading a graph and following it, against the generated decoder and a generic library on the same bytes. */
import { readChannelGraph } from "../../adapters/lnd/decode-channel-graph.ts";
import type { ChannelGraph } from "../../core/graph/channel-graph.ts";
import { decodeSnapshot, encodeSnapshot, snapshotDigest } from "../../core/graph/snapshot.ts";
import { type BenchGraph, loadBenchGraph } from "./graph-file.ts";
import { benchLiveGraph } from "./graph-live.ts";
import { benchTenfold, benchUpdates } from "./graph-updates.ts";
import { at, ms, ratio, report, time } from "./report.ts";

/** Prints all graph figures: on the graph of SATRANK_GRAPH, or on a made-up one of the same size as mainnet's. */
export async function benchGraph(): Promise<void> {
  const source = loadBenchGraph();
  const { graph } = readChannelGraph(source.bytes);
  const size = `${graph.nodeCount} nodes, ${graph.channelCount} channels, ${graph.rows.inArc.length} enabled directions`;
  const megabytes = (source.bytes.length / 1e6).toFixed(1);
  process.stdout.write(`\n${source.name}: ${size}, ${megabytes} MB of protobuf\n`);
  benchLoad(source, graph);
  await benchLiveGraph(source);
  benchUpdates(graph);
  benchTenfold();
}

function benchLoad(source: BenchGraph, graph: ChannelGraph): void {
  const generic = median(3, () => source.decodeGeneric(source.bytes));
  const ours = median(5, () => readChannelGraph(source.bytes));
  const snapshot = encodeSnapshot(graph);
  report("graph load", [
    { name: "proto-loader decode to objects (baseline)", value: ms(generic) },
    { name: "wire reader to a checked, sorted graph", value: ms(ours), note: `${ratio(ours, generic)} of baseline` },
    {
      name: "snapshot encode",
      value: ms(median(5, () => encodeSnapshot(graph))),
      note: `${(snapshot.length / 1e6).toFixed(1)} MB`,
    },
    { name: "snapshot decode", value: ms(median(5, () => decodeSnapshot(snapshot))) },
    { name: "snapshot digest", value: ms(median(5, () => snapshotDigest(snapshot))) },
  ]);
}

function median(runs: number, work: () => unknown): number {
  return at(
    Array.from({ length: runs }, () => time(work)),
    0.5,
  );
}
