/**
 * Bench: the way of a graph from LND's first byte to arrays that can be asked, through a real gRPC connection, with what it costs the event
 * loop and memory; what one update costs; and how all of it grows with the graph.
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
import { createVerdictGraph } from "../../apps/verdict-graph.ts";
import { type GraphChange, policyOf } from "../../core/graph/change.ts";
import {
  type ChannelGraph,
  channelId,
  POLICY_ENABLED,
  POLICY_KNOWN,
  withRows,
} from "../../core/graph/channel-graph.ts";
import { digestAfter, encodeDelta } from "../../core/graph/delta.ts";
import { type LiveGraph, openLiveGraph } from "../../core/graph/live-graph.ts";
import { encodeSnapshot } from "../../core/graph/snapshot.ts";
import { sampleWorlds, WORLD_SEED } from "../../core/graph/worlds.ts";
import { unixSeconds } from "../../core/units.ts";
import { seededRandom } from "../synthetic-graph.ts";
import { type BenchGraph, makeUpGraph } from "./graph-file.ts";
import { buildGenericGraph } from "./graphology.ts";
import { at, ms, ratio, report, spread, time } from "./report.ts";

const NOW = unixSeconds(1_790_000_000);
const UPDATES = 2_000;
/** Applied before any is measured: a process that follows a graph has long compiled what it does all day. */
const WARM_UP = 400;
const LOADS = 3;

/** Prints the figures of loading, of updates, and of a made-up graph of ten times the size. */
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
  benchUpdates(graph);
  await benchVerdictUpdates(graph);
  benchTenfold();
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

/** A policy change, a direction turned off or on, a channel that closes and one that opens: as on mainnet mostly the first two. */
function someChanges(graph: ChannelGraph, count: number): GraphChange[][] {
  const random = seededRandom(11);
  return Array.from({ length: count }, (_, i) => {
    const channel = Math.floor(random() * graph.channelCount);
    const id = channelId(graph, channel);
    const policy = policyOf(graph, 2 * channel);
    const flags = policy.flags & POLICY_ENABLED ? POLICY_KNOWN : POLICY_KNOWN | POLICY_ENABLED;
    const dearer: GraphChange = { kind: "policy", id, fromA: true, policy: { ...policy, feePpm: policy.feePpm + 1 } };
    const toggled: GraphChange = { kind: "policy", id, fromA: true, policy: { ...policy, flags } };
    return i % 2 === 0 ? [dearer] : [toggled];
  });
}

/** Changes to measure; those before them are applied. */
function warmedUp(live: LiveGraph, graph: ChannelGraph): GraphChange[][] {
  const changes = someChanges(graph, WARM_UP + UPDATES);
  for (const each of changes.slice(0, WARM_UP)) each.forEach(live.apply);
  return changes.slice(WARM_UP);
}

function benchUpdates(graph: ChannelGraph): void {
  const live = openLiveGraph(graph);
  const changes = warmedUp(live, graph);
  const rebuild = at(
    Array.from({ length: 3 }, () => time(() => withRows(graph))),
    0.5,
  );
  const kinds = [changes.filter((_, i) => i % 2 === 0), changes.filter((_, i) => i % 2 === 1)];
  const [policies, toggles] = kinds.map((kind) => kind.map((each) => time(() => each.forEach(live.apply)))) as [
    number[],
    number[],
  ];
  const ids = new Set(changes.slice(0, 500).map(([change]) => (change as { id: bigint }).id));
  const closes = [...ids].map((id) => time(() => live.apply({ kind: "closed", id, height: 1 }))).slice(WARM_UP / 4);
  const all = [...policies, ...toggles, ...closes];
  report("one update, to arrays that can be asked", [
    { name: "rows of all enabled directions built again (baseline)", value: ms(rebuild) },
    { name: "a policy", value: spread(policies), note: `${ratio(at(policies, 0.5), rebuild)} of baseline` },
    {
      name: "a direction turned off or on",
      value: spread(toggles),
      note: `${ratio(at(toggles, 0.5), rebuild)} of baseline`,
    },
    { name: "a channel closed", value: spread(closes), note: `${ratio(at(closes, 0.5), rebuild)} of baseline` },
    { name: "all of them", value: spread(all), note: "aim < 1 ms" },
  ]);
}

/** What an update costs where decisions are made: worlds, masks and paths included. */
async function benchVerdictUpdates(graph: ChannelGraph): Promise<void> {
  const held = createVerdictGraph();
  const body = encodeSnapshot(graph);
  let from = performance.now();
  const { digest } = await held.load({ body, deltas: [], takenAt: NOW });
  const loadMs = performance.now() - from;
  let named: Uint8Array = Buffer.from(digest, "hex");
  const times: [number[], number[]] = [[], []];
  for (const [i, changes] of someChanges(graph, 40).entries()) {
    const delta = encodeDelta(changes);
    named = digestAfter(named, delta);
    from = performance.now();
    await held.follow([{ delta, digest: named, takenAt: NOW }]);
    times[i % 2]!.push(performance.now() - from);
  }
  const worldsMs = time(() => sampleWorlds(graph, WORLD_SEED));
  report("one update in the verdict thread, worlds and masks of eight amounts included", [
    { name: "loaded and drawn anew (baseline)", value: ms(loadMs), note: `of it ${ms(worldsMs)} for the worlds` },
    { name: "a policy, in place", value: spread(times[0]), note: `${ratio(at(times[0], 0.5), loadMs)} of baseline` },
    {
      name: "a direction turned off or on, in steps beside the graph in use",
      value: spread(times[1]),
      note: `${ratio(at(times[1], 0.5), loadMs)} of baseline`,
    },
  ]);
}

function benchTenfold(): void {
  const measure = (bytes: Uint8Array) => {
    const loads = Array.from({ length: 3 }, () => time(() => readChannelGraph(bytes)));
    const { graph } = readChannelGraph(bytes);
    const live = openLiveGraph(graph);
    const updates = warmedUp(live, graph).map((each) => time(() => each.forEach(live.apply)));
    return { graph, loadMs: at(loads, 0.5), updates };
  };
  const one = measure(makeUpGraph(1).bytes);
  const ten = measure(makeUpGraph(10).bytes);
  report(`ten times the graph, made up: ${ten.graph.nodeCount} nodes, ${ten.graph.channelCount} channels`, [
    { name: "decoded to a checked, sorted graph, mainnet's size (baseline)", value: ms(one.loadMs) },
    {
      name: "ten times the size",
      value: ms(ten.loadMs),
      note: `${ratio(ten.loadMs, one.loadMs)} times baseline; aim at most 11`,
    },
    { name: "one update, mainnet's size (baseline)", value: spread(one.updates) },
    {
      name: "one update, ten times the size",
      value: spread(ten.updates),
      note: `p50 ${ratio(at(ten.updates, 0.5), at(one.updates, 0.5))} times baseline`,
    },
  ]);
}
