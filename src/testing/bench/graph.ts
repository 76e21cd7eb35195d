/** Bench: reading a graph, one reachability pass, path search, scoring and decisions, against generic libraries on the same graph. */
import { readChannelGraph } from "../../adapters/lnd/decode-channel-graph.ts";
import { WORDS, WORLDS } from "../../core/graph/bits.ts";
import {
  arcHead,
  arcTail,
  type ChannelGraph,
  inboundCount,
  nodeKeyHex,
  outboundCount,
} from "../../core/graph/channel-graph.ts";
import { cheapestPaths, preparePaths } from "../../core/graph/cheapest-path.ts";
import { reachTarget } from "../../core/graph/reach.ts";
import { decodeSnapshot, encodeSnapshot, snapshotDigest } from "../../core/graph/snapshot.ts";
import { drawMasks, type Masks, sampleWorlds, WORLD_SEED, type Worlds } from "../../core/graph/worlds.ts";
import { createIntentWorld, resolveIntent } from "../../core/intent/resolve-intent.ts";
import { scoreNodes } from "../../core/score/rank.ts";
import { drawReferences } from "../../core/score/references.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { seededRandom } from "../synthetic-graph.ts";
import { type BenchGraph, loadBenchGraph } from "./graph-file.ts";
import { benchLiveGraph } from "./graph-live.ts";
import { buildGenericGraph, genericPaths, genericSearch } from "./graphology.ts";
import { at, ms, ratio, report, spread, time } from "./report.ts";

const AMOUNT_MSAT = 1e8;
const TARGETS = 60;
const DECISIONS = 150;

/** Prints all graph figures: on the graph of SATRANK_GRAPH, or on a made-up one of the same size as mainnet's. */
export async function benchGraph(): Promise<void> {
  const source = loadBenchGraph();
  const { graph } = readChannelGraph(source.bytes);
  const size = `${graph.nodeCount} nodes, ${graph.channelCount} channels, ${graph.rows.inArc.length} enabled directions`;
  const megabytes = (source.bytes.length / 1e6).toFixed(1);
  process.stdout.write(`\n${source.name}: ${size}, ${megabytes} MB of protobuf\n`);
  benchLoad(source, graph);
  await benchLiveGraph(source);
  const worlds = sampleWorlds(graph, WORLD_SEED);
  const genericPassMs = benchPasses(worlds);
  benchScores(worlds, genericPassMs);
  benchDecisions(worlds);
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

/** @returns what one pass over all worlds takes with a generic library, in ms */
function benchPasses(worlds: Worlds): number {
  const { graph } = worlds;
  const masks = drawMasks(worlds, AMOUNT_MSAT);
  const net = preparePaths(worlds);
  const targets = pickTargets(graph, TARGETS);
  const ours = targets.map((target) => time(() => reachTarget(graph, masks, target)));
  const paths = targets.map((target) => time(() => cheapestPaths(net, target, AMOUNT_MSAT)));
  // One world of the same worlds, over a generic graph, stands for all 256: they differ little in size.
  const generic = buildGenericGraph(worldArcs(graph, masks, 0));
  const search = median(10, () => genericSearch(generic, targets[0]!)) * WORLDS;
  const dijkstra = median(5, () => genericPaths(generic, targets[0]!));
  report("reachability and paths, 100,000 sat, all callers of one target", [
    { name: "sample 256 worlds", value: ms(median(3, () => sampleWorlds(graph, WORLD_SEED))), note: "once per graph" },
    {
      name: "masks of one amount",
      value: ms(median(5, () => drawMasks(worlds, AMOUNT_MSAT))),
      note: "once per amount",
    },
    {
      name: "graphology search in each of 256 worlds (baseline)",
      value: ms(search),
      note: "one world measured, times 256",
    },
    { name: "one pass, 256 worlds", value: spread(ours), note: `${ratio(at(ours, 0.5), search)} of baseline` },
    { name: "graphology Dijkstra, single source (baseline)", value: ms(dijkstra) },
    {
      name: "fee, lock and probability Dijkstra",
      value: spread(paths),
      note: `${ratio(at(paths, 0.5), dijkstra)} of baseline`,
    },
  ]);
  return search;
}

function benchScores(worlds: Worlds, genericPassMs: number): void {
  const references = drawReferences(worlds.graph, WORLD_SEED);
  let scored = 0;
  const whole = median(2, () => {
    scored = scoreNodes(worlds, references, unixSeconds(0)).length;
  });
  const passes = 4 * references.length;
  const generic = passes * genericPassMs;
  report(`scoring ${scored} nodes in ${passes} passes`, [
    {
      name: "the same passes with graphology (baseline)",
      value: ms(generic),
      note: "one world measured, times 256 and passes",
    },
    {
      name: "every node with its rank and interval",
      value: ms(whole),
      note: `${ratio(whole, generic)} of baseline, ${((1000 * whole) / scored).toFixed(0)} us per node`,
    },
  ]);
}

function benchDecisions(worlds: Worlds): void {
  const { graph } = worlds;
  const world = createIntentWorld(worlds, "", unixSeconds(1_770_000_000));
  const random = seededRandom(5);
  const live = pickTargets(graph, graph.nodeCount).filter((node) => outboundCount(graph, node) > 0);
  const pick = () => nodeKeyHex(graph, live[Math.floor(random() * live.length)]!);
  const ask = (target: string, caller: string) =>
    resolveIntent(world, { target, caller, amount: msat(100_000_000n), now: unixSeconds(1_770_000_600) });
  for (let i = 0; i < 20; i++) ask(pick(), pick());
  const cold = Array.from({ length: DECISIONS }, () => {
    const [target, caller] = [pick(), pick()];
    return time(() => ask(target, caller));
  });
  const [target, caller] = [pick(), pick()];
  ask(target, caller);
  const hot = Array.from({ length: DECISIONS }, () => time(() => ask(target, caller)));
  report("decisions, with reasons and alternatives", [
    { name: "new pair", value: spread(cold) },
    { name: "same pair again", value: spread(hot) },
  ]);
}

/** Tail, head and cost of the arcs that carry the amount in one world. */
function worldArcs(graph: ChannelGraph, masks: Masks, world: number): { tail: number; head: number; cost: number }[] {
  const arcs: { tail: number; head: number; cost: number }[] = [];
  graph.rows.inArc.forEach((arc, slot) => {
    if (((masks.words[slot * WORDS + (world >>> 5)]! >>> (world & 31)) & 1) === 0) return;
    arcs.push({ tail: arcTail(graph, arc), head: arcHead(graph, arc), cost: 1 + graph.policies.feePpm[arc]! });
  });
  return arcs;
}

function pickTargets(graph: ChannelGraph, most: number): number[] {
  const receivable = Array.from({ length: graph.nodeCount }, (_, node) => node).filter(
    (node) => inboundCount(graph, node) > 1,
  );
  const step = Math.max(1, Math.floor(receivable.length / most));
  return receivable.filter((_, i) => i % step === 0);
}

function median(runs: number, work: () => unknown): number {
  return at(
    Array.from({ length: runs }, () => time(work)),
    0.5,
  );
}
