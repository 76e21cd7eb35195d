/** Bench: what an answer is made of, against generic libraries on the same graph, and answers over HTTP as a paying caller gets them. */
import { readChannelGraph } from "../../adapters/lnd/decode-channel-graph.ts";
import { everyWorld, WORDS, WORLDS } from "../../core/graph/bits.ts";
import {
  arcHead,
  arcTail,
  type ChannelGraph,
  inboundCount,
  nodeKeyHex,
  outboundCount,
} from "../../core/graph/channel-graph.ts";
import { openPaths, pathFrom } from "../../core/graph/cheapest-path.ts";
import { findHub } from "../../core/graph/hub.ts";
import { preparePaths } from "../../core/graph/path-net.ts";
import { reachTarget } from "../../core/graph/reach.ts";
import { lookBack } from "../../core/graph/reached.ts";
import { drawMasks, type Masks, sampleWorlds, WORLD_SEED, type Worlds } from "../../core/graph/worlds.ts";
import { createIntentWorld, resolveIntent } from "../../core/intent/resolve-intent.ts";
import { prepareProfiles } from "../../core/profile/ground.ts";
import { makeProfile } from "../../core/profile/make-profile.ts";
import { recordSurvival } from "../../core/profile/survival.ts";
import { scoreNodes } from "../../core/score/rank.ts";
import { drawReferences } from "../../core/score/references.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { seededRandom } from "../synthetic-graph.ts";
import { loadBenchGraph, makeUpGraph } from "./graph-file.ts";
import { buildGenericGraph, type GenericArc, genericPaths, genericSearch } from "./graphology.ts";
import { timeIgraph } from "./igraph.ts";
import { benchIntents } from "./intents.ts";
import { at, ms, ratio, report, spread, time } from "./report.ts";

const AMOUNT_MSAT = 1e8;
const AMOUNTS_MSAT = [1e6, 1e7, 1e8, 1e9] as const;
const TARGETS = 200;
const DECISIONS = 400;
const NOW = unixSeconds(1_770_000_000);

/** Prints the figures: on the graph of SATRANK_GRAPH, or on a made-up one of the same size as mainnet's. */
export async function benchOracle(): Promise<void> {
  const source = loadBenchGraph();
  const { graph } = readChannelGraph(source.bytes);
  const size = `${graph.nodeCount} nodes, ${graph.channelCount} channels, ${graph.rows.inArc.length} enabled directions`;
  process.stdout.write(`\n${source.name}: ${size}\n`);
  const heldMb = heldMegabytes();
  const worlds = sampleWorlds(graph, WORLD_SEED);
  const genericPassMs = benchPasses(worlds);
  benchScores(worlds, genericPassMs);
  benchDecisions(worlds, heldMb);
  benchProfiles(worlds);
  benchTenfold();
  await benchIntents(pickPairs(graph));
}

/** @returns what one pass over all worlds takes with graphology, in ms */
function benchPasses(worlds: Worlds): number {
  const { graph } = worlds;
  const masks = drawMasks(worlds, AMOUNT_MSAT);
  const targets = pickTargets(graph, TARGETS);
  // One world of the same worlds, over a generic graph, stands for all 256: they differ little in size.
  const arcs = worldArcs(graph, masks, 0);
  const generic = buildGenericGraph(arcs);
  const search = median(10, () => genericSearch(generic, targets[0]!)) * WORLDS;
  const dijkstra = median(5, () => genericPaths(generic, targets[0]!));
  const inC = timeIgraph(arcs, graph.nodeCount, targets[0]!);
  const net = preparePaths(worlds);
  const paths = targets.map((target, i) =>
    time(() => pathFrom(net, openPaths(net, target, AMOUNT_MSAT), targets[(i + 1) % targets.length]!)),
  );
  report("preparation", [
    { name: "sample 256 worlds", value: ms(median(3, () => sampleWorlds(graph, WORLD_SEED))), note: "once per graph" },
    { name: "masks of one amount", value: ms(median(5, () => drawMasks(worlds, AMOUNT_MSAT))), note: "per amount" },
    { name: "hub of one amount", value: ms(median(5, () => findHub(graph, masks))), note: "per amount: two passes" },
  ]);
  const passes = AMOUNTS_MSAT.map((amountMsat) => ({ amountMsat, ...timePasses(worlds, amountMsat, targets) }));
  const measured = passes.find(({ amountMsat }) => amountMsat === AMOUNT_MSAT)!;
  report("one pass for all callers of one target, in 256 worlds", [
    {
      name: "graphology, a search in each world (baseline)",
      value: ms(search),
      note: "100,000 sat; one world times 256",
    },
    inC
      ? { name: "igraph, the same (baseline)", value: ms(inC.searchMs * WORLDS), note: "one world times 256" }
      : { name: "igraph", value: "not installed", note: "pip install igraph" },
    ...passes.map(({ amountMsat, plain, byHub }) => ({
      name: `${(amountMsat / 1000).toLocaleString("en")} sat`,
      value: spread(byHub),
      note: `without the hub ${spread(plain)}`,
    })),
    {
      name: "100,000 sat",
      value: `${ratio(at(measured.byHub, 0.5), search)} of graphology${inC ? `, ${ratio(at(measured.byHub, 0.5), inC.searchMs * WORLDS)} of igraph` : ""}`,
      note: "aim p50 at most 8 ms",
    },
  ]);
  report("the path of one caller to one target, 100,000 sat", [
    { name: "graphology Dijkstra, fees alone (baseline)", value: ms(dijkstra) },
    ...(inC ? [{ name: "igraph Dijkstra, fees alone (baseline)", value: ms(inC.pathsMs) }] : []),
    {
      name: "fee, lock and probability Dijkstra",
      value: spread(paths),
      note: `${ratio(at(paths, 0.5), dijkstra)} of graphology${inC ? `, ${ratio(at(paths, 0.5), inC.pathsMs)} of igraph` : ""}`,
    },
  ]);
  return search;
}

function timePasses(worlds: Worlds, amountMsat: number, targets: readonly number[]) {
  const { graph } = worlds;
  const masks = drawMasks(worlds, amountMsat);
  const hub = findHub(graph, masks);
  const plain = targets.map((target) => time(() => reachTarget(graph, masks, target)));
  const byHub = targets.map((node) => time(() => lookBack(graph, masks, hub, [{ node, worlds: everyWorld() }])));
  return { plain, byHub };
}

function benchScores(worlds: Worlds, genericPassMs: number): void {
  const references = drawReferences(worlds.graph, WORLD_SEED);
  let scored = 0;
  const whole = median(3, () => {
    scored = scoreNodes(worlds, references, unixSeconds(0)).length;
  });
  const passes = AMOUNTS_MSAT.length * references.length;
  const generic = passes * genericPassMs;
  report(`scoring ${scored} of ${worlds.graph.nodeCount} nodes in ${passes} passes, one core`, [
    { name: "the same passes with graphology (baseline)", value: ms(generic), note: "one pass times their number" },
    {
      name: "every node with its rank and interval",
      value: ms(whole),
      note: `${ratio(whole, generic)} of baseline; aim at most 60 s`,
    },
  ]);
}

function benchDecisions(worlds: Worlds, heldMb: number): void {
  const world = createIntentWorld(worlds, "", NOW);
  const pairs = pickPairs(worlds.graph);
  const ask = (i: number) => {
    const { target, caller } = pairs[i % pairs.length]!;
    const amount = msat(BigInt(AMOUNTS_MSAT[i % AMOUNTS_MSAT.length]!));
    return resolveIntent(world, { target, caller, amount, now: unixSeconds(NOW + 600) });
  };
  for (let i = 0; i < DECISIONS / 2; i++) ask(i);
  const cold = Array.from({ length: DECISIONS }, (_, i) => time(() => ask(DECISIONS / 2 + i)));
  const hot = Array.from({ length: DECISIONS }, () => time(() => ask(0)));
  const holdsMb = heldMegabytes() - heldMb;
  report("decisions, with reasons and alternatives, one after the other", [
    { name: "new pair", value: spread(cold) },
    { name: "same pair again", value: spread(hot) },
    {
      name: "worlds, masks, hubs and passes that are kept",
      value: `${holdsMb.toFixed(0)} MB`,
      note: "aim at most 250 MB; heap and buffers after the decisions",
    },
  ]);
}

function benchProfiles(worlds: Worlds): void {
  const { graph } = worlds;
  const world = createIntentWorld(worlds, "", NOW);
  let ground = prepareProfiles(graph, []);
  const prepareMs = median(3, () => {
    ground = prepareProfiles(graph, []);
  });
  const record = recordSurvival([]);
  const history = { watchedSince: undefined, days: [] };
  const profile = (node: number) =>
    time(() => makeProfile(world, ground, { nodeKey: nodeKeyHex(graph, node), now: NOW, history, record }));
  const targets = pickTargets(graph, TARGETS);
  targets.slice(0, 20).forEach(profile);
  report("profiles of a node, all at once", [
    { name: "what profiles share", value: ms(prepareMs), note: "once per graph" },
    { name: "one profile", value: spread(targets.slice(20).map(profile)) },
  ]);
}

/** The same work on made-up graphs of mainnet's size and of ten times that. */
function benchTenfold(): void {
  const measure = (factor: number) => {
    const { graph } = readChannelGraph(makeUpGraph(factor).bytes);
    const worlds = sampleWorlds(graph, WORLD_SEED);
    const targets = pickTargets(graph, 40);
    const { plain, byHub } = timePasses(worlds, AMOUNT_MSAT, targets);
    return {
      graph,
      plainMs: at(plain, 0.5),
      byHubMs: at(byHub, 0.5),
      sampleMs: time(() => sampleWorlds(graph, WORLD_SEED)),
    };
  };
  const [one, ten] = [measure(1), measure(10)];
  const times = (small: number, large: number) => `${ms(small)} to ${ms(large)}`;
  report(
    `ten times the graph, made up: ${ten.graph.nodeCount} nodes, ${ten.graph.channelCount} channels; aim at most 12`,
    [
      {
        name: "sample 256 worlds",
        value: times(one.sampleMs, ten.sampleMs),
        note: `${ratio(ten.sampleMs, one.sampleMs)} times`,
      },
      {
        name: "one pass without a hub, p50",
        value: times(one.plainMs, ten.plainMs),
        note: `${ratio(ten.plainMs, one.plainMs)} times`,
      },
      {
        name: "one pass by way of a hub, p50",
        value: times(one.byHubMs, ten.byHubMs),
        note: `${ratio(ten.byHubMs, one.byHubMs)} times`,
      },
    ],
  );
}

/** Callers and targets that can send and receive, each pair of them once. */
function pickPairs(graph: ChannelGraph): { target: string; caller: string }[] {
  const random = seededRandom(5);
  const live = pickTargets(graph, graph.nodeCount).filter((node) => outboundCount(graph, node) > 0);
  const pick = () => nodeKeyHex(graph, live[Math.floor(random() * live.length)]!);
  return Array.from({ length: 20_000 }, () => ({ target: pick(), caller: pick() })).filter(
    ({ target, caller }) => target !== caller,
  );
}

/** Tail, head and cost of the arcs that carry the amount in one world. */
function worldArcs(graph: ChannelGraph, masks: Masks, world: number): GenericArc[] {
  const arcs: GenericArc[] = [];
  graph.rows.inArc.forEach((arc, slot) => {
    if (((masks.words[slot * WORDS + (world >>> 5)]! >>> (world & 31)) & 1) === 0) return;
    arcs.push({ tail: arcTail(graph, arc), head: arcHead(graph, arc), cost: 1 + graph.policies.feePpm[arc]! });
  });
  return arcs;
}

function pickTargets(graph: ChannelGraph, most: number): number[] {
  const receivable = Array.from({ length: graph.nodeCount }, (_, node) => node).filter(
    (node) => inboundCount(graph, node) > 0,
  );
  const step = Math.max(1, Math.floor(receivable.length / most));
  return receivable.filter((_, i) => i % step === 0);
}

/** Heap and array buffers in use, in MB. */
function heldMegabytes(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1e6;
}

function median(runs: number, work: () => unknown): number {
  return at(
    Array.from({ length: runs }, () => time(work)),
    0.5,
  );
}
