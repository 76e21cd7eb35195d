/** Passes over one sample of worlds, remembered: questions about the same amounts and targets come again and again. */

import { everyWorld, WORDS, type WorldSet } from "./bits.ts";
import { type ChannelGraph, inboundCount } from "./channel-graph.ts";
import { openPaths, type PathTree } from "./cheapest-path.ts";
import { findHub } from "./hub.ts";
import { openLimitedPasses } from "./limited-passes.ts";
import { type Aim, type Limit, nameOf } from "./limits.ts";
import { type PathNet, preparePaths, repackChannel } from "./path-net.ts";
import type { Start } from "./reach.ts";
import type { Rounds } from "./reach-rounds.ts";
import { type Hub, lookAhead, lookBack, type Reached } from "./reached.ts";
import { remember } from "./remember.ts";
import { drawMasks, type Masks, maskChannel, maskPairs, type Worlds } from "./worlds.ts";

/** The amounts whose masks are kept at hand, in msat: half decades from 1k to 3M sat. One per word of a set of worlds. */
export const AMOUNT_GRID_MSAT = [1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9, 3e9] as const;

/** The group of worlds whose shape is nearest to the fitted one. */
export const CENTRAL_GROUP = 4;

/** Answers of one world sample. Same arguments, same answer; only the time to give it depends on what came before. */
export type ReachEngine = {
  readonly graph: ChannelGraph;
  readonly worlds: Worlds;
  masks(amountMsat: number): Masks;
  /** By node: the worlds in which it reaches the target, whatever it takes. */
  toTarget(target: number, amountMsat: number): Reached;
  /** By node: the worlds in which it is reached from the starts, whatever it takes. Not remembered. */
  onward(amountMsat: number, starts: readonly Start[]): Reached;
  /** The arcs of which any ten, or as many as the hops allow, keep the limits together. */
  cheapArcs(aim: Aim): Rounds;
  /** By node: worlds in which it, as one that forwards, surely reaches the target within the limits. */
  within(aim: Aim): Reached;
  /** The same from nodes that hold a channel to the target, in the worlds in which that carries. Not remembered. */
  withinFrom(aim: Aim, starts: readonly Start[]): Reached;
  /** The same under other masks than the worlds'. Not remembered. */
  withinUnder(aim: Aim, masks: Masks): Reached;
  /** Of these worlds, on a closer look, those in which a node surely reaches the target within the limits. Not remembered. */
  lookAgain(aim: Aim, worlds: WorldSet): Reached;
  /** Of these worlds, those in which a node may reach the target within one of the limits. Not remembered. */
  keeping(aim: Aim, limit: Limit, worlds: WorldSet): Reached;
  /**
   * By node, a first look at the whole grid in one pass: word j holds the central group's worlds in which the node reaches
   * the target with amount j of the grid.
   */
  gridTo(target: number): Reached;
  /** Nodes that somebody might have a channel with: those with most inbound channels, the best first. */
  wellConnected(): readonly number[];
  readonly net: PathNet;
  /** Best paths to the target within the limits, from wherever somebody asks. */
  pathsTo(aim: Aim): PathTree;
  /** What is computed from a caller's announced channels, under a name; nothing that a caller told us may be in it. */
  remember(name: string, make: () => Reached): Reached;
  /** Takes in what changed in place: policies of these channels, but not whether they are enabled. */
  refresh(channels: Iterable<number>): void;
  /** All masks that are remembered. */
  remembered(): Iterable<Masks>;
};

/** Whoever is less connected makes no better peer than one of these. */
const WELL_CONNECTED = 1_000;
const MASKS_KEPT = AMOUNT_GRID_MSAT.length + 7;
const PASSES_KEPT = 64;
const TREES_KEPT = 16;

/** An engine that remembers these masks of its worlds, and nothing else. It holds at most about 130 MB on today's graph. */
export function createReachEngine(worlds: Worlds, known: Iterable<Masks> = []): ReachEngine {
  const { graph } = worlds;
  let net: PathNet | undefined;
  // An update that nobody asks anything after does without.
  const netOf = () => {
    net ??= preparePaths(worlds);
    return net;
  };
  const masks = remember<Masks>(MASKS_KEPT);
  const passes = remember<Reached>(PASSES_KEPT);
  const trees = remember<PathTree>(TREES_KEPT);
  for (const each of known) masks.get(`${each.amountMsat}`, () => each);
  const masksOf = (amountMsat: number) => masks.get(`${amountMsat}`, () => drawMasks(worlds, amountMsat));
  const hubs = remember<Hub>(MASKS_KEPT);
  const hubOf = (amountMsat: number) => hubs.get(`${amountMsat}`, () => findHub(graph, masksOf(amountMsat)));
  let grid: { masks: Masks; hub: Hub } | undefined;
  let peers: number[] | undefined;
  const limited = openLimitedPasses(graph, netOf, masksOf);
  const joinGrid = () => {
    const masks = joinAmounts(AMOUNT_GRID_MSAT.map(masksOf));
    return { masks, hub: findHub(graph, masks) };
  };
  return {
    graph,
    worlds,
    get net() {
      return netOf();
    },
    masks: masksOf,
    toTarget: (target, amountMsat) =>
      passes.get(`to ${target} ${amountMsat}`, () =>
        lookBack(graph, masksOf(amountMsat), hubOf(amountMsat), [{ node: target, worlds: everyWorld() }]),
      ),
    onward: (amountMsat, starts) => lookAhead(graph, masksOf(amountMsat), hubOf(amountMsat), starts),
    within: (aim) =>
      passes.get(`within ${aim.target} ${aim.amountMsat} ${nameOf(aim.limits)}`, () => limited.within(aim)),
    cheapArcs: limited.cheapArcs,
    withinFrom: limited.withinFrom,
    withinUnder: limited.withinUnder,
    lookAgain: limited.lookAgain,
    keeping: limited.keeping,
    gridTo: (target) => {
      grid ??= joinGrid();
      const { masks: joined, hub } = grid;
      return passes.get(`grid ${target}`, () => lookBack(graph, joined, hub, [{ node: target, worlds: everyWorld() }]));
    },
    refresh: (channels) => {
      const touched = [...withPairs(worlds, channels)];
      const asksAnew = net !== undefined && touched.map((channel) => repackChannel(netOf(), channel)).some(Boolean);
      trees.forget();
      if (limited.refresh(touched, asksAnew)) passes.forget();
      // Most updates are of fees alone: they change what a path costs, and not what any channel carries.
      const same = [...masks.all()].map((each) => redrawChannels(worlds, touched, each));
      if (same.every(Boolean)) return;
      passes.forget();
      hubs.forget();
      limited.forget();
      grid = undefined;
    },
    remembered: masks.all,
    wellConnected: () => {
      peers ??= findWellConnected(graph);
      return peers;
    },
    remember: (name, make) => passes.get(name, make),
    pathsTo: ({ target, amountMsat, limits }) =>
      trees.get(`${target} ${amountMsat} ${nameOf(limits)}`, () => openPaths(netOf(), target, amountMsat, limits)),
  };
}

function findWellConnected(graph: ChannelGraph): number[] {
  const inbound = Uint32Array.from({ length: graph.nodeCount }, (_, node) => inboundCount(graph, node));
  const nodes = [...inbound.keys()].filter((node) => inbound[node]! > 0);
  return nodes.sort((a, b) => inbound[b]! - inbound[a]! || a - b).slice(0, WELL_CONNECTED);
}

/** Masks whose word j is the central word of the j-th masks: eight amounts in 32 worlds, not one amount in 256. */
function joinAmounts(masks: readonly Masks[]): Masks {
  const words = new Int32Array(masks[0]!.words.length);
  const online = new Int32Array(masks[0]!.online.length);
  for (let i = 0; i < words.length; i++) words[i] = masks[i % WORDS]!.words[i - (i % WORDS) + CENTRAL_GROUP]!;
  for (let i = 0; i < online.length; i++) online[i] = masks[0]!.online[i - (i % WORDS) + CENTRAL_GROUP]!;
  return { amountMsat: Number.NaN, words, online };
}

/** These channels, and those that are believed about together with them. */
function withPairs({ beliefs }: Worlds, channels: Iterable<number>): Set<number> {
  const touched = new Set(channels);
  for (const { arcs } of beliefs.pairs) {
    if (arcs.some((arc) => touched.has(arc >>> 1))) for (const arc of arcs) touched.add(arc >>> 1);
  }
  return touched;
}

/** Draws these channels' masks again in place. @returns whether they are what they were */
function redrawChannels(worlds: Worlds, channels: readonly number[], { amountMsat, words }: Masks): boolean {
  const { slotOfArc } = worlds.graph.rows;
  const slots = channels.flatMap((channel) => [slotOfArc[2 * channel]!, slotOfArc[2 * channel + 1]!]);
  const drawn = slots.filter((slot) => slot >= 0).map((slot) => slot * WORDS);
  const before = drawn.map((at) => words.slice(at, at + WORDS));
  for (const at of drawn) words.fill(0, at, at + WORDS);
  for (const channel of channels) {
    if (worlds.rowOfChannel[channel]! >= 0) maskChannel(worlds, channel, amountMsat, words);
  }
  maskPairs(worlds, amountMsat, words);
  return drawn.every((at, i) => before[i]!.every((word, g) => word === words[at + g]));
}
