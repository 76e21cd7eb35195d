/**
 * Worlds of a graph that changed, from those of the graph before. A draw depends on the seed and on what it is for, so it
 * holds as long as that exists: only what is new is drawn, and the result is what drawing everything anew would give.
 */
import { WORDS, type WorldSet } from "./bits.ts";
import { type ChannelGraph, compareKeys, KEY_BYTES } from "./channel-graph.ts";
import { DRAW_WORDS } from "./draws.ts";
import { independentPeers } from "./liveness.ts";
import { sameShares, shapesOf } from "./prior.ts";
import { sizeOrder } from "./tilt.ts";
import {
  type Beliefs,
  type ChannelBelief,
  drawBalance,
  drawFaded,
  drawOnline,
  isLive,
  type Masks,
  maskChannel,
  maskPairs,
  offlineRatios,
  priorOfflineRatios,
  type Worlds,
} from "./worlds.ts";

/** Evolved worlds, and how to bring masks along. */
export type Evolution = {
  readonly worlds: Worlds;
  /** The same amount's masks in the evolved worlds. */
  carry(masks: Masks): Masks;
};

/** Rows of planes that no channel uses any more are given up when there are more of them than this share. */
const WASTE = 0.25;
/** Draws between two steps: some milliseconds. */
const FADED_AT_ONCE = 256;
const ONLINE_AT_ONCE = 1024;

/**
 * In short steps, between which a caller may do other work. `touched` holds every channel of the new graph whose policies,
 * capacity or ends are not those it had.
 */
export function* evolveWorldsInSteps(
  before: Worlds,
  graph: ChannelGraph,
  touched: ReadonlySet<number>,
  beliefs: Beliefs,
): Generator<void, Evolution> {
  const channelBefore = matchChannels(before.graph, graph);
  const nodeBefore = matchNodes(before.graph, graph);
  const balances = carryBalances(before, graph, channelBefore);
  yield;
  // What the announcements say of a node holds as long as they do.
  const same = graph === before.graph;
  const peers = same ? before.peers : independentPeers(graph);
  const priorOffline = same ? before.priorOffline : priorOfflineRatios(peers);
  const offline = offlineRatios(priorOffline, beliefs);
  yield;
  const faded = yield* carryFaded(before, graph, beliefs, channelBefore);
  const online = new Int32Array(graph.nodeCount * WORDS);
  const shapes = shapesOf(beliefs.prior);
  const { seed } = before;
  const worlds = { graph, seed, beliefs, shapes, peers, faded, ...balances, online, offline, priorOffline };
  const moved = yield* carryOnline(before, worlds, nodeBefore);
  yield;
  const redrawn = new Uint8Array(graph.channelCount);
  // Another prior is another world everywhere: nothing but the draws themselves is carried.
  if (!sameShares(before.beliefs.prior, beliefs.prior)) redrawn.fill(1);
  for (const channel of touched) redrawn[channel] = 1;
  markBelievedAnew(before, worlds, channelBefore, redrawn);
  const leans = beliefs.prior.tilt.size !== 0 && peers !== before.peers;
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const old = channelBefore[channel]!;
    const endMoved = moved[graph.nodeA[channel]!]! | moved[graph.nodeB[channel]!]!;
    if (old < 0 || endMoved !== 0 || (leans && leansAnew(before, worlds, old, channel))) redrawn[channel] = 1;
  }
  yield;
  const runs = findRuns(before.graph, graph, channelBefore, redrawn);
  return { worlds, carry: (masks) => carryMasks(worlds, masks, runs, redrawn) };
}

/** Whether another end of the channel is the larger node than before. */
function leansAnew(before: Worlds, { graph, peers }: Worlds, old: number, channel: number): boolean {
  return sizeOrder(before.graph, before.peers, old) !== sizeOrder(graph, peers, channel);
}

/** By channel with a belief: the worlds in which it has faded; drawn anew where its weight is another. */
function* carryFaded(
  before: Worlds,
  graph: ChannelGraph,
  beliefs: Beliefs,
  channelBefore: Int32Array,
): Generator<void, Map<number, WorldSet>> {
  const faded = new Map<number, WorldSet>();
  let drawn = 0;
  for (const [channel, { weight }] of beliefs.channels) {
    const old = channelBefore[channel]!;
    const same = before.beliefs.channels.get(old)?.weight === weight;
    faded.set(channel, same ? before.faded.get(old)! : drawFaded(graph, before.seed, channel, weight));
    if (!same && ++drawn % FADED_AT_ONCE === 0) yield;
  }
  return faded;
}

/** Marks the channels of the new graph about which something else is believed than before. */
function markBelievedAnew(
  { beliefs: was }: Worlds,
  { graph, beliefs: is }: Worlds,
  channelBefore: Int32Array,
  redrawn: Uint8Array,
): void {
  const pairedBefore = new Set(was.pairs.flatMap(({ arcs }) => arcs.map((arc) => arc >>> 1)));
  // Nearly all of a large graph's channels are those that nobody has told anything of.
  const isTold = was.channels.size + is.channels.size > 0;
  const isShut = was.blocked.size + is.blocked.size > 0;
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const old = channelBefore[channel]!;
    if (isTold && !sameBelief(was.channels.get(old), is.channels.get(channel))) redrawn[channel] = 1;
    if (pairedBefore.size > 0 && pairedBefore.has(old)) redrawn[channel] = 1;
    for (let side = 0; isShut && side < 2; side++) {
      if (was.blocked.has(2 * old + side) !== is.blocked.has(2 * channel + side)) redrawn[channel] = 1;
    }
  }
  // What a pair is known to carry is added to what its channels hold by themselves.
  for (const { arcs } of is.pairs) for (const arc of arcs) redrawn[arc >>> 1] = 1;
}

function sameBelief(was: ChannelBelief | undefined, is: ChannelBelief | undefined): boolean {
  return was === is || (was?.low === is?.low && was?.high === is?.high && was?.weight === is?.weight);
}

/** By channel: its index before, or -1. */
function matchChannels(before: ChannelGraph, graph: ChannelGraph): Int32Array {
  const matches = new Int32Array(graph.channelCount).fill(-1);
  const { channelIdHigh: highs, channelIdLow: lows, channelCount } = before;
  let old = 0;
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const high = graph.channelIdHigh[channel]!;
    const low = graph.channelIdLow[channel]!;
    while (old < channelCount && (highs[old]! < high || (highs[old]! === high && lows[old]! < low))) old++;
    if (old < channelCount && highs[old]! === high && lows[old]! === low) matches[channel] = old++;
  }
  return matches;
}

/** By node: its index before, or -1. */
function matchNodes(before: ChannelGraph, graph: ChannelGraph): Int32Array {
  const matches = new Int32Array(graph.nodeCount).fill(-1);
  let old = 0;
  for (let node = 0; node < graph.nodeCount; node++) {
    for (let order = -1; old < before.nodeCount; old++) {
      order = compareKeys(before.nodeKeys, old * KEY_BYTES, graph.nodeKeys, node * KEY_BYTES);
      if (order === 0) matches[node] = old;
      if (order >= 0) break;
    }
  }
  return matches;
}

/** Rows stay where they are and new ones are added behind them: older worlds may share the planes, and do not see those. */
function carryBalances(
  before: Worlds,
  graph: ChannelGraph,
  channelBefore: Int32Array,
): Pick<Worlds, "rowOfChannel" | "planes"> {
  const rowOfChannel = new Int32Array(graph.channelCount).fill(-1);
  const fresh: number[] = [];
  let live = 0;
  let used = 0;
  const rowsBefore = before.rowOfChannel;
  for (let channel = 0; channel < rowsBefore.length; channel++)
    if (rowsBefore[channel]! >= used) used = rowsBefore[channel]! + 1;
  for (let channel = 0; channel < graph.channelCount; channel++) {
    if (!isLive(graph, channel)) continue;
    live++;
    const old = channelBefore[channel]!;
    const row = old < 0 ? -1 : before.rowOfChannel[old]!;
    if (row < 0) fresh.push(channel);
    else rowOfChannel[channel] = row;
  }
  const wasted = used + fresh.length - live > WASTE * live + 64;
  if (wasted) used = packRows(rowOfChannel);
  const planes = makeRoom(before, used + fresh.length, wasted ? rowOfChannel : undefined, channelBefore);
  for (const channel of fresh) {
    rowOfChannel[channel] = used;
    drawBalance(planes, used++, graph, channel, before.seed);
  }
  return { rowOfChannel, planes };
}

/** Numbers the rows that are used without gaps. @returns how many there are */
function packRows(rowOfChannel: Int32Array): number {
  let next = 0;
  for (let channel = 0; channel < rowOfChannel.length; channel++)
    if (rowOfChannel[channel]! >= 0) rowOfChannel[channel] = next++;
  return next;
}

function makeRoom(before: Worlds, rows: number, packed: Int32Array | undefined, channelBefore: Int32Array): Int32Array {
  const words = rows * DRAW_WORDS;
  if (!packed && words <= before.planes.length) return before.planes;
  const planes = new Int32Array(words + (words >>> 5) + 64 * DRAW_WORDS);
  if (!packed) planes.set(before.planes);
  packed?.forEach((row, channel) => {
    if (row < 0) return;
    const from = before.rowOfChannel[channelBefore[channel]!]! * DRAW_WORDS;
    planes.set(before.planes.subarray(from, from + DRAW_WORDS), row * DRAW_WORDS);
  });
  return planes;
}

/** Fills `worlds.online`. @returns by node: 1 where it is not what it was */
function* carryOnline(before: Worlds, worlds: Worlds, nodeBefore: Int32Array): Generator<void, Uint8Array> {
  const moved = new Uint8Array(worlds.graph.nodeCount);
  const draws = new Int32Array(DRAW_WORDS);
  const respread = before.beliefs.prior.offlineSpread !== worlds.beliefs.prior.offlineSpread;
  let drawn = 0;
  const isKnown = (beliefs: Beliefs, node: number) => beliefs.offline.size > 0 && beliefs.offline.has(node);
  for (let node = 0; node < moved.length; node++) {
    const old = nodeBefore[node]!;
    const same = !respread && old >= 0 && worlds.offline[node] === before.offline[old]!;
    if (same && isKnown(before.beliefs, old) === isKnown(worlds.beliefs, node)) {
      for (let g = 0; g < WORDS; g++) worlds.online[node * WORDS + g] = before.online[old * WORDS + g]!;
      continue;
    }
    drawOnline(worlds, node, draws);
    moved[node] = 1;
    if (++drawn % ONLINE_AT_ONCE === 0) yield;
  }
  return moved;
}

/** Slots that follow one another, before as now: three numbers each, the first slot now, the one before, and how many. */
type Runs = readonly number[];

/** What is not drawn again, in as few pieces as possible: one change in a graph leaves a handful. */
function findRuns(before: ChannelGraph, graph: ChannelGraph, channelBefore: Int32Array, redrawn: Uint8Array): Runs {
  const { inArc } = graph.rows;
  const slotBefore = before.rows.slotOfArc;
  const runs: number[] = [];
  let follows = -1;
  for (let slot = 0; slot < inArc.length; slot++) {
    const channel = inArc[slot]! >>> 1;
    const old = redrawn[channel] !== 0 ? -1 : slotBefore[2 * channelBefore[channel]! + (inArc[slot]! & 1)]!;
    if (old >= 0 && old === follows) runs[runs.length - 1]!++;
    else if (old >= 0) runs.push(slot, old, 1);
    follows = old < 0 ? -1 : old + 1;
  }
  return runs;
}

function carryMasks(worlds: Worlds, masks: Masks, runs: Runs, redrawn: Uint8Array): Masks {
  const { graph, rowOfChannel } = worlds;
  const words = new Int32Array(graph.rows.inArc.length * WORDS);
  for (let i = 0; i < runs.length; i += 3) {
    const [to, from, slots] = [runs[i]!, runs[i + 1]!, runs[i + 2]!];
    words.set(masks.words.subarray(from * WORDS, (from + slots) * WORDS), to * WORDS);
  }
  for (let channel = 0; channel < graph.channelCount; channel++) {
    if (redrawn[channel] !== 0 && rowOfChannel[channel]! >= 0) maskChannel(worlds, channel, masks.amountMsat, words);
  }
  maskPairs(worlds, masks.amountMsat, words);
  return { amountMsat: masks.amountMsat, words, online: worlds.online };
}
