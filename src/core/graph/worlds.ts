/**
 * Beliefs as 256 jointly drawn worlds. In each world every channel has one balance, which serves both directions, and
 * every node is online or not; all amounts and all what-ifs share the same worlds, so their answers can be compared.
 */
import { WORDS } from "./bits.ts";
import { arcHead, type ChannelGraph, inboundCount, KEY_BYTES } from "./channel-graph.ts";
import { DRAW_RANGE, DRAW_WORDS, drawnAtLeast, drawUniform, mix, PLANES } from "./draws.ts";
import { endsBelow, offlineRatio, SHAPES, shareBelow, USABLE_RATIO } from "./prior.ts";

/** End A's share of the usable capacity lies between `low` and `high`; `weight` fades the evidence into the prior. */
export type ChannelBelief = { readonly low: number; readonly high: number; readonly weight: number };

/** What evidence says, by index in the graph. Whatever is not listed follows the prior. */
export type Beliefs = {
  readonly channels: ReadonlyMap<number, ChannelBelief>;
  /** Probability that a node is offline. */
  readonly offline: ReadonlyMap<number, number>;
};

/** No evidence at all. */
export const NO_BELIEFS: Beliefs = { channels: new Map(), offline: new Map() };

/** A joint sample of what may be the case. */
export type Worlds = {
  readonly graph: ChannelGraph;
  readonly seed: number;
  readonly beliefs: Beliefs;
  /** Row of a channel in `planes`, or -1 for one without an enabled direction. */
  readonly rowOfChannel: Int32Array;
  readonly planes: Int32Array;
  /** Worlds in which each node is online. */
  readonly online: Int32Array;
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
    const live = graph.rows.slotOfArc[2 * channel]! >= 0 || graph.rows.slotOfArc[2 * channel + 1]! >= 0;
    if (live) rowOfChannel[channel] = rows++;
  }
  const planes = new Int32Array(rows * DRAW_WORDS);
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const row = rowOfChannel[channel]!;
    if (row < 0) continue;
    drawUniform(planes, row * DRAW_WORDS, seed, graph.channelIdHigh[channel]!, graph.channelIdLow[channel]!);
    if (row % 1024 === 1023) yield;
  }
  const online = new Int32Array(graph.nodeCount * WORDS);
  const draws = new Int32Array(DRAW_WORDS);
  for (let node = 0; node < graph.nodeCount; node++) {
    drawOnline(graph, seed, beliefs, node, draws, online);
    if (node % 1024 === 1023) yield;
  }
  return { graph, seed, beliefs, rowOfChannel, planes, online };
}

function drawOnline(
  graph: ChannelGraph,
  seed: number,
  beliefs: Beliefs,
  node: number,
  draws: Int32Array,
  online: Int32Array,
): void {
  const inbound = inboundCount(graph, node);
  const known = beliefs.offline.get(node);
  drawUniform(draws, 0, ~seed, hashKey(graph.nodeKeys, node, 1), hashKey(graph.nodeKeys, node, 2));
  for (let g = 0; g < WORDS; g++) {
    const offline = known ?? offlineRatio(inbound) * SHAPES[g]!.offlineFactor;
    online[node * WORDS + g] = drawnAtLeast(draws, g * PLANES, Math.round(offline * DRAW_RANGE));
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
  return { amountMsat, words, online: worlds.online };
}

/** Whether the announced policy and the capacity of an enabled arc admit an amount. */
export function policyAdmits(graph: ChannelGraph, arc: number, amountMsat: number): boolean {
  const { minHtlcMsat, maxHtlcMsat } = graph.policies;
  const usable = usableMsat(graph, arc >>> 1);
  return minHtlcMsat[arc]! <= amountMsat && amountMsat <= maxHtlcMsat[arc]! && amountMsat <= usable;
}

/** What a channel can hold at one end, in millisatoshis. */
export function usableMsat(graph: ChannelGraph, channel: number): number {
  return graph.capacitySat[channel]! * 1000 * USABLE_RATIO;
}

const EDGES = Float64Array.from(SHAPES, (shape) => shape.edge);

function maskChannel(worlds: Worlds, channel: number, amountMsat: number, words: Int32Array): void {
  const { graph, planes, online } = worlds;
  const share = amountMsat / usableMsat(graph, channel);
  const base = worlds.rowOfChannel[channel]! * DRAW_WORDS;
  const belief = worlds.beliefs.channels.get(channel);
  const ends = endsBelow(share);
  for (let arc = 2 * channel; arc <= 2 * channel + 1; arc++) {
    const slot = graph.rows.slotOfArc[arc]!;
    if (slot < 0 || !policyAdmits(graph, arc, amountMsat)) continue;
    const head = arcHead(graph, arc) * WORDS;
    const fromA = (arc & 1) === 0;
    for (let g = 0; g < WORDS; g++) {
      const edge = EDGES[g]!;
      const at = base + g * PLANES;
      // End A holds x, end B the rest. B holds at least `share` where x is at most 1 − share; the prior is symmetric.
      const threshold = (((1 - edge) * share + edge * ends) * DRAW_RANGE + 0.5) | 0;
      let holds = fromA ? drawnAtLeast(planes, at, threshold) : ~drawnAtLeast(planes, at, DRAW_RANGE - threshold);
      if (belief) holds = believe(worlds, channel, g, belief, share, fromA, holds);
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
  share: number,
  fromA: boolean,
  prior: number,
): number {
  const { graph, planes, seed } = worlds;
  const { low, high } = belief;
  const edge = SHAPES[group]!.edge;
  const at = worlds.rowOfChannel[channel]! * DRAW_WORDS + group * PLANES;
  const bottom = shareBelow(low, edge);
  const span = Math.max(shareBelow(high, edge) - bottom, 1e-12);
  const needed = (shareBelow(fromA ? share : 1 - share, edge) - bottom) / span;
  const threshold = Math.round(Math.min(Math.max(needed, 0), 1) * DRAW_RANGE);
  const held = drawnAtLeast(planes, at, threshold);
  const draws = new Int32Array(DRAW_WORDS);
  drawUniform(draws, 0, seed ^ 0x5bd1e995, graph.channelIdHigh[channel]!, graph.channelIdLow[channel]!);
  const faded = drawnAtLeast(draws, group * PLANES, Math.round(belief.weight * DRAW_RANGE));
  return (prior & faded) | ((fromA ? held : ~held) & ~faded);
}
