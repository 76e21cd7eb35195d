/**
 * Beliefs as 256 jointly drawn worlds. In each world every channel has one balance, which serves both directions, and
 * every node is online or not; all amounts and all what-ifs share the same worlds, so their answers can be compared.
 */
import { policyAdmits, usableMsat } from "./admits.ts";
import { WORDS, type WorldSet } from "./bits.ts";
import { arcHead, type ChannelGraph, KEY_BYTES } from "./channel-graph.ts";
import { DRAW_RANGE, DRAW_WORDS, drawnAtLeast, drawUniform, mix, PLANES } from "./draws.ts";
import { independentPeers } from "./liveness.ts";
import { carryPair, type PairFact } from "./pair-facts.ts";
import {
  endsBelow,
  type FittedPrior,
  middleBelow,
  offlineRatio,
  type Shape,
  shapesOf,
  shareBelow,
  UNFITTED,
} from "./prior.ts";
import { leanOf } from "./tilt.ts";

export { policyAdmits, usableMsat };

/** End A's share of the usable capacity lies between `low` and `high`; `weight` fades the evidence into the prior. */
export type ChannelBelief = { readonly low: number; readonly high: number; readonly weight: number };

/** What evidence says, by index in the graph. Whatever is not listed follows the prior. */
export type Beliefs = {
  readonly channels: ReadonlyMap<number, ChannelBelief>;
  /** Probability that a node is offline. */
  readonly offline: ReadonlyMap<number, number>;
  readonly pairs: readonly PairFact[];
  /** Arcs that carry nothing: gone, or disabled by a policy the graph does not have yet. */
  readonly blocked: ReadonlySet<number>;
  /** What holds of everything that is not listed. */
  readonly prior: FittedPrior;
};

/** No evidence at all. */
export const NO_BELIEFS: Beliefs = {
  channels: new Map(),
  offline: new Map(),
  pairs: [],
  blocked: new Set(),
  prior: UNFITTED,
};

/** The seed of published numbers: with the graph's digest it lets anyone recompute them. */
export const WORLD_SEED = 1;

/** A joint sample of what may be the case. */
export type Worlds = {
  readonly graph: ChannelGraph;
  readonly seed: number;
  readonly beliefs: Beliefs;
  /** One for each group of worlds. */
  readonly shapes: readonly Shape[];
  /** By node: the peers that speak for it, which the prior of the node goes by and that of its channels may lean on. */
  readonly peers: Uint32Array;
  /** By channel with a belief: the worlds in which the evidence has faded and the prior holds. */
  readonly faded: ReadonlyMap<number, WorldSet>;
  /** Row of a channel in `planes`, or -1 for one without an enabled direction. */
  readonly rowOfChannel: Int32Array;
  readonly planes: Int32Array;
  /** Worlds in which each node is online. */
  readonly online: Int32Array;
  /** Probability that each node is offline, by evidence or by the prior; and by the prior alone. */
  readonly offline: Float64Array;
  readonly priorOffline: Float64Array;
};

/** For one amount, by slot: the worlds in which the arc carries it and the node behind it is online. */
export type Masks = {
  readonly amountMsat: number;
  readonly words: Int32Array;
  /** Worlds in which each node is online, as in the worlds the masks were drawn from. */
  readonly online: Int32Array;
};

/** Draws all worlds at once. */
export function sampleWorlds(graph: ChannelGraph, seed: number, beliefs: Beliefs = NO_BELIEFS): Worlds {
  const steps = sampleWorldsInSteps(graph, seed, beliefs);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in short steps, between which a caller may do other work. */
export function* sampleWorldsInSteps(graph: ChannelGraph, seed: number, beliefs: Beliefs): Generator<void, Worlds> {
  const rowOfChannel = new Int32Array(graph.channelCount).fill(-1);
  let rows = 0;
  for (let channel = 0; channel < graph.channelCount; channel++) {
    if (isLive(graph, channel)) rowOfChannel[channel] = rows++;
  }
  const planes = new Int32Array(rows * DRAW_WORDS);
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const row = rowOfChannel[channel]!;
    if (row < 0) continue;
    drawBalance(planes, row, graph, channel, seed);
    if (row % 1024 === 1023) yield;
  }
  yield;
  const peers = independentPeers(graph);
  const priorOffline = priorOfflineRatios(peers);
  const offline = offlineRatios(priorOffline, beliefs);
  const faded = fadedWorlds(graph, seed, beliefs);
  const online = new Int32Array(graph.nodeCount * WORDS);
  const shapes = shapesOf(beliefs.prior);
  const worlds = { graph, seed, beliefs, shapes, peers, faded, rowOfChannel, planes, online, offline, priorOffline };
  const draws = new Int32Array(DRAW_WORDS);
  for (let node = 0; node < graph.nodeCount; node++) {
    drawOnline(worlds, node, draws);
    if (node % 1024 === 1023) yield;
  }
  return worlds;
}

/** Whether some direction of a channel is enabled. */
export function isLive(graph: ChannelGraph, channel: number): boolean {
  return graph.rows.slotOfArc[2 * channel]! >= 0 || graph.rows.slotOfArc[2 * channel + 1]! >= 0;
}

/** Draws the balance of a channel in all worlds, into a row of planes. */
export function drawBalance(planes: Int32Array, row: number, graph: ChannelGraph, channel: number, seed: number): void {
  drawUniform(planes, row * DRAW_WORDS, seed, graph.channelIdHigh[channel]!, graph.channelIdLow[channel]!);
}

/** By node: the probability that it is offline, as long as nobody has tried it. */
export function priorOfflineRatios(peers: Uint32Array): Float64Array {
  return Float64Array.from(peers, offlineRatio);
}

/** By node: the probability that it is offline, by evidence or by the prior. */
export function offlineRatios(prior: Float64Array, beliefs: Beliefs): Float64Array {
  const offline = prior.map((ratio) => Math.min(ratio * beliefs.prior.offline, 1));
  for (const [node, ratio] of beliefs.offline) offline[node] = ratio;
  return offline;
}

/** By channel with a belief: the worlds in which its evidence has faded. */
function fadedWorlds(graph: ChannelGraph, seed: number, beliefs: Beliefs): Map<number, WorldSet> {
  const faded = new Map<number, WorldSet>();
  for (const [channel, { weight }] of beliefs.channels) faded.set(channel, drawFaded(graph, seed, channel, weight));
  return faded;
}

/** The worlds in which evidence of this weight about a channel has faded. */
export function drawFaded(graph: ChannelGraph, seed: number, channel: number, weight: number): WorldSet {
  const draws = new Int32Array(DRAW_WORDS);
  drawUniform(draws, 0, seed ^ 0x5bd1e995, graph.channelIdHigh[channel]!, graph.channelIdLow[channel]!);
  const threshold = Math.round(weight * DRAW_RANGE);
  return new Int32Array(WORDS).map((_, g) => drawnAtLeast(draws, g * PLANES, threshold));
}

/** Draws in which worlds a node is online. `draws` is room to work in. */
export function drawOnline(worlds: Worlds, node: number, draws: Int32Array): void {
  const { graph, seed, beliefs, shapes, online, offline } = worlds;
  drawUniform(draws, 0, ~seed, hashKey(graph.nodeKeys, node, 1), hashKey(graph.nodeKeys, node, 2));
  for (let g = 0; g < WORDS; g++) {
    // What evidence says of a node is the same in every shape of the world.
    const factor = beliefs.offline.has(node) ? 1 : shapes[g]!.offlineFactor;
    online[node * WORDS + g] = drawnAtLeast(draws, g * PLANES, Math.round(offline[node]! * factor * DRAW_RANGE));
  }
}

/** A word of a node's key, for its draws. */
function hashKey(keys: Uint8Array, node: number, salt: number): number {
  let hash = mix(salt);
  for (let i = node * KEY_BYTES; i < (node + 1) * KEY_BYTES; i++) hash = mix(hash ^ keys[i]!);
  return hash;
}

/** Masks of one amount. `amountMsat` is a whole number of millisatoshis. */
export function drawMasks(worlds: Worlds, amountMsat: number): Masks {
  const { graph, rowOfChannel } = worlds;
  const words = new Int32Array(graph.rows.inArc.length * WORDS);
  for (let channel = 0; channel < graph.channelCount; channel++) {
    if (rowOfChannel[channel]! >= 0) maskChannel(worlds, channel, amountMsat, words);
  }
  maskPairs(worlds, amountMsat, words);
  return { amountMsat, words, online: worlds.online };
}

/** Adds what pairs of nodes are known to carry, once the masks of their channels are drawn. Changes nothing the second time. */
export function maskPairs({ graph, seed, online, beliefs }: Worlds, amountMsat: number, words: Int32Array): void {
  for (const fact of beliefs.pairs) {
    const fadedOf = (channel: number) => drawFaded(graph, seed, channel, fact.weight);
    if (amountMsat <= fact.amountMsat) carryPair(graph, { amountMsat, words, online }, fact.arcs, fadedOf);
  }
}

/** Writes the masks of a channel's enabled directions; those that carry nothing are left as they are. */
export function maskChannel(worlds: Worlds, channel: number, amountMsat: number, words: Int32Array): void {
  const { graph, planes, online, shapes, beliefs, peers } = worlds;
  const share = amountMsat / usableMsat(graph, channel);
  const base = worlds.rowOfChannel[channel]! * DRAW_WORDS;
  const belief = beliefs.channels.get(channel);
  const lean = leanOf(graph, peers, beliefs.prior.tilt, channel);
  for (let arc = 2 * channel; arc <= 2 * channel + 1; arc++) {
    const slot = graph.rows.slotOfArc[arc]!;
    if (slot < 0 || !policyAdmits(graph, arc, amountMsat) || beliefs.blocked.has(arc)) continue;
    const head = arcHead(graph, arc) * WORDS;
    const fromA = (arc & 1) === 0;
    // End A holds x, end B the rest: B holds at least `share` where x is at most 1 − share.
    const bound = fromA ? share : 1 - share;
    const middle = middleBelow(bound, lean);
    const ends = endsBelow(bound, lean);
    for (let g = 0; g < WORDS; g++) {
      const edge = shapes[g]!.edge;
      const threshold = (((1 - edge) * middle + edge * ends) * DRAW_RANGE + 0.5) | 0;
      const above = drawnAtLeast(planes, base + g * PLANES, threshold);
      let holds = fromA ? above : ~above;
      if (belief) holds = believe(worlds, channel, g, belief, lean, bound, fromA, holds);
      words[slot * WORDS + g] = holds & online[head + g]!;
    }
  }
}

/** Replaces the prior by the evidence in the part of the worlds that the evidence's weight gives it. */
function believe(
  worlds: Worlds,
  channel: number,
  group: number,
  belief: ChannelBelief,
  lean: number,
  bound: number,
  fromA: boolean,
  prior: number,
): number {
  const { planes } = worlds;
  const { low, high } = belief;
  const edge = worlds.shapes[group]!.edge;
  const at = worlds.rowOfChannel[channel]! * DRAW_WORDS + group * PLANES;
  const bottom = shareBelow(low, edge, lean);
  const span = Math.max(shareBelow(high, edge, lean) - bottom, 1e-12);
  const needed = (shareBelow(bound, edge, lean) - bottom) / span;
  const threshold = Math.round(Math.min(Math.max(needed, 0), 1) * DRAW_RANGE);
  const held = drawnAtLeast(planes, at, threshold);
  const faded = worlds.faded.get(channel)![group]!;
  return (prior & faded) | ((fromA ? held : ~held) & ~faded);
}
