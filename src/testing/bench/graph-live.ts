/**
 * Bench: the way of a graph from LND's first byte to arrays that can be asked, through a real gRPC connection, with what it costs the event
 * loop and memory.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { closeLnd, connectLnd } from "../../adapters/lnd/connect.ts";
import { readChannelGraph } from "../../adapters/lnd/decode-channel-graph.ts";
import { describeGraphBytes } from "../../adapters/lnd/describe-graph.ts";
import { openGraphThread } from "../../apps/graph-thread.ts";
import { unixSeconds } from "../../core/units.ts";
import type { BenchGraph } from "./graph-file.ts";
import { buildGenericGraph } from "./graphology.ts";
import { at, ms, ratio, report, time } from "./report.ts";

const NOW = unixSeconds(1_790_000_000);
const LOADS = 3;

/** Prints the figures of loading. */
export async function benchLiveGraph(source: BenchGraph): Promise<void> {
  const { graph } = readChannelGraph(source.bytes);
  const node = await startBenchNode(source.bytes);
  // The first one warms the compiler up and is not counted.
  await loadThroughGrpc(node);
  const loads: Load[] = [];
  for (let i = 0; i < LOADS; i++) loads.push(await loadThroughGrpc(node));
  node.stop();
  const idle = await stallOf(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
  const median = (pick: (load: Load) => number) => at(loads.map(pick), 0.5);
  const worst = (pick: (load: Load) => number) => at(loads.map(pick), 1);
  const decodeMs = time(() => source.decodeGeneric(source.bytes));
  const arcs = Array.from(graph.rows.inArc, (arc, slot) => ({ tail: graph.rows.inTail[slot]!, head: arc, cost: 1 }));
  const genericMs = decodeMs + time(() => buildGenericGraph(arcs));
  const wholeMs = median((load) => load.totalMs);
  report("first byte of DescribeGraph to arrays that can be asked (gRPC over TLS, decoded in a thread)", [
    { name: "proto-loader decode and graphology build, bytes at hand (baseline)", value: ms(genericMs) },
    { name: "from the call to the last byte", value: ms(median((load) => load.describeMs)) },
    { name: "from there to the graph in the thread", value: ms(median((load) => load.readMs)) },
    { name: "together", value: ms(wholeMs), note: `aim < 2 s; ${ratio(wholeMs, genericMs)} of baseline` },
    {
      name: "memory above baseline at its highest",
      value: `${worst((load) => load.peakMb).toFixed(0)} MB`,
      note: "aim < 200 MB; resident set of the whole process, sampled every 5 ms; the node is another process",
    },
    {
      name: "longest stall of the main thread meanwhile",
      value: ms(worst((load) => load.stallMs)),
      note: `aim < 50 ms; worst of ${LOADS}, by monitorEventLoopDelay; of an idle second ${ms(idle)}`,
    },
  ]);
}

type Load = { describeMs: number; readMs: number; totalMs: number; peakMb: number; stallMs: number };

async function loadThroughGrpc(node: BenchNode): Promise<Load> {
  const client = connectLnd({ host: node.host, tlsCert: Buffer.from(node.certificate), macaroonHex: "00" });
  const thread = openGraphThread();
  await thread.open(undefined);
  globalThis.gc?.();
  const baseMb = process.memoryUsage().rss / 1e6;
  let peakMb = 0;
  const sampler = setInterval(() => {
    peakMb = Math.max(peakMb, process.memoryUsage().rss / 1e6 - baseMb);
  }, 5);
  const from = performance.now();
  let describeMs = 0;
  const stallMs = await stallOf(async () => {
    const answer = await describeGraphBytes(client);
    describeMs = performance.now() - from;
    await thread.read(answer, NOW);
  });
  const totalMs = performance.now() - from;
  clearInterval(sampler);
  await thread.close();
  closeLnd(client);
  return { describeMs, readMs: totalMs - describeMs, totalMs, peakMb, stallMs };
}

type BenchNode = { host: string; certificate: string; stop(): void };

/** A node in a process of its own. */
async function startBenchNode(bytes: Uint8Array): Promise<BenchNode> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-bench-"));
  const file = path.join(directory, "graph");
  fs.writeFileSync(file, bytes);
  const child = fork(fileURLToPath(new URL(`graph-node${path.extname(import.meta.url)}`, import.meta.url)), [file]);
  const [told] = (await once(child, "message")) as [{ host: string; certificate: string }];
  fs.rmSync(directory, { recursive: true });
  return { ...told, stop: () => child.disconnect() };
}

/** The longest time the event loop was held up by more than its timer's own millisecond. */
async function stallOf(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await work();
  await new Promise((resolve) => setTimeout(resolve, 20));
  delay.disable();
  return delay.max / 1e6;
}
