/**
 * Who reaches whom within limits, in all worlds at once: Dijkstra's search by whole units (Dial 1969), of which each step moves
 * sets of worlds. A node and world are settled once, at the fewest units of any path there.
 *
 * Of the worlds that come to a node with the same units, the longest path counts for all where its length is bounded: what is
 * found is within the limits, and a little of what is within them may not be found.
 */
import { WORDS } from "./bits.ts";
import type { ChannelGraph } from "./channel-graph.ts";
import { UNITS } from "./limits.ts";
import { ceilingOf, type Start } from "./reach.ts";
import type { Masks } from "./worlds.ts";

/** The units of each arc by slot, and how many units and arcs a pass goes, the former at most {@link UNITS}. */
export type Reach = { readonly units: Uint8Array; readonly most: number; readonly maxArcs: number };

/** Backward passes: by node, the worlds in which it reaches a start within the limits, as one that forwards. */
export type UnitsPass = (masks: Masks, starts: readonly Start[], reach: Reach) => Int32Array;

const BUCKETS = UNITS + 1;
const FIRST_ROOM = 4096;

/** Sets of worlds that wait: each for a node, in the bucket of its units, with the length of its longest path. */
type Waiting = {
  /** By bucket and node: the entry that waits there, or 0. */
  readonly entryOf: Int32Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
  sets: Int32Array;
  nodes: Int32Array;
  next: Int32Array;
  arcs: Int32Array;
  free: number;
  used: number;
};

/** Prepares passes over a graph; they share the room they work in. */
export function prepareUnits(graph: ChannelGraph): UnitsPass {
  const waiting = openWaiting(graph.nodeCount);
  const news = new Int32Array(WORDS);

  return (masks, starts, reach) => {
    const pass: Pass = {
      graph,
      waiting,
      news,
      reach,
      masks: masks.words,
      reached: new Int32Array(graph.nodeCount * WORDS),
      full: new Uint8Array(graph.nodeCount),
      ceiling: ceilingOf(graph, masks, starts),
    };
    for (const { node, worlds } of starts) {
      const entry = entryAt(pass, 0, node, 0);
      for (let g = 0; g < WORDS; g++) waiting.sets[entry * WORDS + g]! |= worlds[g]!;
    }
    for (let bucket = 0; bucket <= reach.most; bucket++) drain(pass, bucket);
    return pass.reached;
  };
}

type Pass = {
  readonly graph: ChannelGraph;
  readonly waiting: Waiting;
  readonly news: Int32Array;
  readonly reach: Reach;
  readonly masks: Int32Array;
  readonly reached: Int32Array;
  /** 1 for a node that nothing can be added to. */
  readonly full: Uint8Array;
  readonly ceiling: Int32Array;
};

/** Settles whatever waits in a bucket, also what comes to it meanwhile. */
function drain(pass: Pass, bucket: number): void {
  const { graph, waiting, news, ceiling, reached, full } = pass;
  for (let entry = waiting.first[bucket]!; entry !== 0; entry = waiting.first[bucket]!) {
    const node = waiting.nodes[entry]!;
    const arcs = waiting.arcs[entry]!;
    let [any, missing] = [0, 0];
    for (let g = 0; g < WORDS; g++) {
      const had = reached[node * WORDS + g]!;
      const added = waiting.sets[entry * WORDS + g]! & ~had;
      news[g] = added;
      reached[node * WORDS + g] = had | added;
      any |= added;
      missing |= ceiling[g]! & ~(had | added);
    }
    if (missing === 0) full[node] = 1;
    waiting.first[bucket] = waiting.next[entry]!;
    waiting.entryOf[bucket * graph.nodeCount + node] = 0;
    waiting.next[entry] = waiting.free;
    waiting.free = entry;
    if (any !== 0 && arcs < pass.reach.maxArcs) spread(pass, bucket, node, arcs + 1);
  }
}

/** Offers what is new at a node to the tails of its arcs. Written out, since nothing runs more often. */
function spread(pass: Pass, bucket: number, node: number, arcs: number): void {
  const { graph, masks, news, reach, waiting, reached, full } = pass;
  const { inStart, inTail } = graph.rows;
  const last = inStart[node + 1]!;
  for (let slot = inStart[node]!; slot < last; slot++) {
    const tail = inTail[slot]!;
    const units = bucket + reach.units[slot]!;
    if (full[tail] !== 0 || units > reach.most) continue;
    const m = slot * WORDS;
    const r = tail * WORDS;
    const a0 = news[0]! & masks[m]! & ~reached[r]!;
    const a1 = news[1]! & masks[m + 1]! & ~reached[r + 1]!;
    const a2 = news[2]! & masks[m + 2]! & ~reached[r + 2]!;
    const a3 = news[3]! & masks[m + 3]! & ~reached[r + 3]!;
    const a4 = news[4]! & masks[m + 4]! & ~reached[r + 4]!;
    const a5 = news[5]! & masks[m + 5]! & ~reached[r + 5]!;
    const a6 = news[6]! & masks[m + 6]! & ~reached[r + 6]!;
    const a7 = news[7]! & masks[m + 7]! & ~reached[r + 7]!;
    if ((a0 | a1 | a2 | a3 | a4 | a5 | a6 | a7) === 0) continue;
    const entry = entryAt(pass, units, tail, arcs) * WORDS;
    const { sets } = waiting;
    sets[entry]! |= a0;
    sets[entry + 1]! |= a1;
    sets[entry + 2]! |= a2;
    sets[entry + 3]! |= a3;
    sets[entry + 4]! |= a4;
    sets[entry + 5]! |= a5;
    sets[entry + 6]! |= a6;
    sets[entry + 7]! |= a7;
  }
}

function openWaiting(nodeCount: number): Waiting {
  return {
    entryOf: new Int32Array(BUCKETS * nodeCount),
    first: new Int32Array(BUCKETS),
    last: new Int32Array(BUCKETS),
    sets: new Int32Array(FIRST_ROOM * WORDS),
    nodes: new Int32Array(FIRST_ROOM),
    next: new Int32Array(FIRST_ROOM),
    arcs: new Int32Array(FIRST_ROOM),
    free: 0,
    used: 1,
  };
}

/** The entry of a node in a bucket, empty if it is new there. It counts the longest path that comes to it. */
function entryAt({ graph, waiting }: Pass, bucket: number, node: number, arcs: number): number {
  const place = bucket * graph.nodeCount + node;
  const known = waiting.entryOf[place]!;
  if (known !== 0) {
    if (waiting.arcs[known]! < arcs) waiting.arcs[known] = arcs;
    return known;
  }
  const entry = takeEntry(waiting);
  waiting.entryOf[place] = entry;
  waiting.nodes[entry] = node;
  waiting.arcs[entry] = arcs;
  waiting.next[entry] = 0;
  for (let at = entry * WORDS; at < (entry + 1) * WORDS; at++) waiting.sets[at] = 0;
  if (waiting.first[bucket] === 0) waiting.first[bucket] = entry;
  else waiting.next[waiting.last[bucket]!] = entry;
  waiting.last[bucket] = entry;
  return entry;
}

function takeEntry(waiting: Waiting): number {
  const { free } = waiting;
  if (free !== 0) {
    waiting.free = waiting.next[free]!;
    return free;
  }
  if (waiting.used === waiting.nodes.length) grow(waiting);
  return waiting.used++;
}

function grow(waiting: Waiting): void {
  const room = 2 * waiting.nodes.length;
  const { sets, nodes, next, arcs } = waiting;
  waiting.sets = new Int32Array(room * WORDS);
  waiting.nodes = new Int32Array(room);
  waiting.next = new Int32Array(room);
  waiting.arcs = new Int32Array(room);
  waiting.sets.set(sets);
  waiting.nodes.set(nodes);
  waiting.next.set(next);
  waiting.arcs.set(arcs);
}
