/**
 * Whether an amount can arrive in equal parts, world by world: so many units flow from the caller to the target (Edmonds and Karp
 * 1972), and the flow falls apart into routes that each keep the limits of a part.
 */
import { WORDS } from "./bits.ts";
import { arcHead, arcTail, type ChannelGraph } from "./channel-graph.ts";
import type { OwnChannel } from "./own-channels.ts";
import type { Rounds } from "./reach-rounds.ts";
import { drawMasks, isLive, usableMsat, type Worlds } from "./worlds.ts";

/** Units that a channel is asked about: it carries the most of them that it holds and admits at once. */
const LADDER = [1, 2, 3, 4, 6, 8, 12, 16] as const;

/** The most parts there may be. LND's default. */
export const MAX_PARTS = 16;

/** An amount in parts of one size, between two ends. `own` are the channels the caller told of, if it did. */
export type Split = {
  readonly caller: number;
  readonly own: readonly OwnChannel[] | undefined;
  readonly target: number;
  readonly partMsat: number;
  readonly parts: number;
  /** The arcs of which any route of that many keeps the limits of a part. */
  readonly cheap: Rounds;
};

/** Units by slot and world: one set of worlds per step of the ladder. */
export type Capacity = { readonly steps: readonly number[]; readonly words: readonly Int32Array[] };

/** Draws what every arc carries, a step of the ladder at a time. */
export function* drawCapacity(worlds: Worlds, { partMsat, parts }: Split): Generator<void, Capacity> {
  const steps = LADDER.filter((step) => step <= parts);
  const words: Int32Array[] = [];
  for (const step of steps) {
    words.push(drawMasks(worlds, step * partMsat).words);
    yield;
  }
  return { steps, words };
}

/** Whether the channels into the target are large enough for all parts together: where they are not, nothing need be drawn. */
export function isEverLargeEnough(graph: ChannelGraph, { own, target, partMsat, parts }: Split): boolean {
  const { inStart, inArc } = graph.rows;
  let enters = 0;
  for (let slot = inStart[target]!; slot < inStart[target + 1]!; slot++)
    enters += usableMsat(graph, inArc[slot]! >>> 1);
  for (const { peer, spendableMsat } of own ?? []) if (peer === target) enters += spendableMsat;
  return enters >= partMsat * parts;
}

/** Arcs into each node over live channels, enabled or not: what flows over one can flow back over the other. */
export type Adjacency = { readonly start: Uint32Array; readonly arcs: Uint32Array };

/** Lists them. */
export function listAdjacent(graph: ChannelGraph): Adjacency {
  const live = Array.from({ length: graph.channelCount }, (_, channel) => channel).filter((each) =>
    isLive(graph, each),
  );
  const start = new Uint32Array(graph.nodeCount + 1);
  const all = live.flatMap((channel) => [2 * channel, 2 * channel + 1]);
  for (const arc of all) start[arcHead(graph, arc) + 1]!++;
  for (let node = 0; node < graph.nodeCount; node++) start[node + 1]! += start[node]!;
  const next = start.slice();
  const arcs = new Uint32Array(all.length);
  for (const arc of all) arcs[next[arcHead(graph, arc)]!++] = arc;
  return { start, arcs };
}

type Flow = {
  readonly graph: ChannelGraph;
  readonly split: Split;
  readonly adjacent: Adjacency;
  /** By arc: units it can still carry; and those it could at first. */
  readonly left: Int8Array;
  readonly full: Int8Array;
  /** Units that each told channel can still carry, to a peer that is online. */
  readonly ownLeft: number[];
  readonly ownFull: readonly number[];
};

/** Whether all parts arrive in a world, each by a route within the limits. A flow whose routes are too long counts as none. */
export function arrivesInParts(
  worlds: Worlds,
  split: Split,
  capacity: Capacity,
  adjacent: Adjacency,
  world: number,
): boolean {
  const flow = openFlow(worlds, split, capacity, adjacent, world);
  if (!canMeet(flow)) return false;
  let missing = split.parts;
  while (missing > 0) {
    const pushed = augment(flow, missing);
    if (pushed === 0) return false;
    missing -= pushed;
  }
  return routesAreShort(flow);
}

function openFlow(worlds: Worlds, split: Split, { steps, words }: Capacity, adjacent: Adjacency, world: number): Flow {
  const { graph } = worlds;
  const { rows } = graph;
  const left = new Int8Array(2 * graph.channelCount);
  const [word, bit] = [world >>> 5, world & 31];
  const holds = (sets: Int32Array, entry: number) => ((sets[entry * WORDS + word]! >>> bit) & 1) === 1;
  for (let slot = 0; slot < rows.inArc.length; slot++) {
    if (split.cheap.isUsed[slot] === 0 && rows.inTail[slot] !== split.caller) continue;
    if (!holds(words[0]!, slot)) continue;
    let step = steps.length - 1;
    while (!holds(words[step]!, slot)) step--;
    left[rows.inArc[slot]!] = steps[step]!;
  }
  const ownLeft = (split.own ?? []).map(({ peer, spendableMsat }) =>
    holds(worlds.online, peer) ? Math.min(split.parts, Math.floor(spendableMsat / split.partMsat)) : 0,
  );
  return { graph, split, adjacent, left, full: left.slice(), ownLeft, ownFull: [...ownLeft] };
}

/** Whether enough can leave the caller and enough enter the target, which settles most hopeless worlds. */
function canMeet({ graph, split, left, ownLeft }: Flow): boolean {
  const { rows } = graph;
  const { caller, target, own, parts } = split;
  let enters = 0;
  for (let slot = rows.inStart[target]!; slot < rows.inStart[target + 1]!; slot++) enters += left[rows.inArc[slot]!]!;
  let leaves = ownLeft.reduce((sum, units) => sum + units, 0);
  if (!own) {
    for (let out = rows.outStart[caller]!; out < rows.outStart[caller + 1]!; out++) leaves += left[rows.outArc[out]!]!;
  }
  enters += (own ?? []).reduce((sum, { peer }, i) => sum + (peer === target ? ownLeft[i]! : 0), 0);
  return enters >= parts && leaves >= parts;
}

/** Sends what the narrowest arc of a shortest way has left, `most` at most. @returns how much, 0 when there is no way */
function augment(flow: Flow, most: number): number {
  const { left, ownLeft } = flow;
  const way = findWay(flow);
  if (!way) return 0;
  const { arcs, own } = way;
  let units = own < 0 ? most : Math.min(most, ownLeft[own]!);
  for (const arc of arcs) units = Math.min(units, left[arc]!);
  for (const arc of arcs) {
    left[arc]! -= units;
    left[arc ^ 1]! += units;
  }
  if (own >= 0) ownLeft[own]! -= units;
  return units;
}

/** A shortest way with something left, searched from the target: its arcs, and which told channel it begins with, or -1. */
function findWay({ graph, split, adjacent, left, ownLeft }: Flow): { arcs: number[]; own: number } | undefined {
  const { caller, own, target } = split;
  const onward = new Int32Array(graph.nodeCount).fill(-1);
  const queue = [target];
  const ownOf = (node: number) => own?.findIndex(({ peer }, i) => peer === node && ownLeft[i]! > 0) ?? -1;
  const peers = new Set(own?.map(({ peer }) => peer));
  const wayFrom = (node: number, first: number) => {
    const arcs: number[] = [];
    for (let at = node; at !== target; at = arcHead(graph, onward[at]!)) arcs.push(onward[at]!);
    return { arcs, own: first };
  };
  for (let i = 0; i < queue.length; i++) {
    const node = queue[i]!;
    const first = peers.has(node) ? ownOf(node) : -1;
    if (first >= 0) return wayFrom(node, first);
    if (!own && node === caller) return wayFrom(node, -1);
    for (let at = adjacent.start[node]!; at < adjacent.start[node + 1]!; at++) {
      const arc = adjacent.arcs[at]!;
      const tail = arcTail(graph, arc);
      if (left[arc]! <= 0 || tail === target || onward[tail] !== -1 || (own && tail === caller)) continue;
      onward[tail] = arc;
      queue.push(tail);
    }
  }
  return undefined;
}

/** Whether the flow falls apart into routes of no more arcs than the limits are sure to allow. */
function routesAreShort(flow: Flow): boolean {
  const { graph, split, left, full, ownLeft, ownFull } = flow;
  const { caller, own, target, parts, cheap } = split;
  const leaving = new Map<number, number[]>();
  for (let arc = 0; arc < left.length; arc++) {
    for (let units = full[arc]! - left[arc]!; units > 0; units--) {
      const tail = arcTail(graph, arc);
      leaving.set(tail, [...(leaving.get(tail) ?? []), arc]);
    }
  }
  const starts = own
    ? own.flatMap(({ peer }, i) => new Array<number>(ownFull[i]! - ownLeft[i]!).fill(peer))
    : new Array<number>(parts).fill(caller);
  // A caller's own arc takes no fee and no lock.
  const longest = own ? cheap.count : cheap.count + 1;
  return starts.every((start) => {
    let node = start;
    for (let arcs = 0; node !== target; arcs++) {
      const arc = leaving.get(node)?.pop();
      if (arc === undefined || arcs === longest) return false;
      node = arcHead(graph, arc);
    }
    return true;
  });
}
