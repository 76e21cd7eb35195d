/**
 * Who reaches whom by so many arcs at most, in all worlds at once. Rounds are synchronous: a node has what came to it by paths of as
 * many arcs as there were rounds, and no longer ones.
 */
import { WORDS } from "./bits.ts";
import type { ChannelGraph } from "./channel-graph.ts";
import { ceilingOf, type Start } from "./reach.ts";
import type { Masks } from "./worlds.ts";

/** Which arcs may be used, by slot 1 for those, and in how many rounds. */
export type Rounds = { readonly isUsed: Uint8Array; readonly count: number };

/** Passes over one graph. */
export type RoundsPasses = {
  /** By node: the worlds in which it, as one that forwards, reaches a start. */
  backward(masks: Masks, starts: readonly Start[], rounds: Rounds): Int32Array;
  /** By node: the worlds in which a start, as one that forwards, reaches it. */
  forward(masks: Masks, starts: readonly Start[], rounds: Rounds): Int32Array;
};

/** Arcs by the node they are met at: the node behind each, and its slot; without slots their place is the slot. */
type Rows = { readonly start: Uint32Array; readonly node: Uint32Array; readonly slot: Uint32Array | undefined };

/** Nodes with worlds that their neighbours have not been offered yet. Empty between passes. */
type Front = { readonly nodes: Int32Array; readonly news: Int32Array; readonly listed: Uint8Array; count: number };

type Pass = {
  readonly rows: Rows;
  readonly masks: Int32Array;
  readonly isUsed: Uint8Array;
  readonly reached: Int32Array;
  /** 1 for a node that nothing can be added to. */
  readonly full: Uint8Array;
  /** What can come to a node at most, at `width` times its index. */
  readonly ceilings: Int32Array;
  readonly width: number;
  front: Front;
  next: Front;
};

/** Prepares passes over a graph; they share the room they work in. */
export function prepareRounds(graph: ChannelGraph): RoundsPasses {
  const { inStart, inTail, outStart, outHead, outSlot } = graph.rows;
  const [front, next] = [openFront(graph.nodeCount), openFront(graph.nodeCount)];
  const against: Rows = { start: inStart, node: inTail, slot: undefined };
  const along: Rows = { start: outStart, node: outHead, slot: outSlot };
  const run = (
    rows: Rows,
    masks: Masks,
    starts: readonly Start[],
    rounds: Rounds,
    ceilings: Int32Array,
    width: number,
  ) => {
    const reached = new Int32Array(graph.nodeCount * WORDS);
    const full = new Uint8Array(graph.nodeCount);
    const { isUsed, count } = rounds;
    const pass: Pass = { rows, masks: masks.words, isUsed, reached, full, ceilings, width, front, next };
    for (const start of starts) begin(pass, start);
    for (let round = 0; round < count; round++) runRound(pass);
    clear(pass.front);
    return reached;
  };

  return {
    backward: (masks, starts, rounds) => run(against, masks, starts, rounds, ceilingOf(graph, masks, starts), 0),
    forward: (masks, starts, rounds) => run(along, masks, starts, rounds, masks.online, WORDS),
  };
}

function openFront(nodeCount: number): Front {
  return {
    nodes: new Int32Array(nodeCount),
    news: new Int32Array(nodeCount * WORDS),
    listed: new Uint8Array(nodeCount),
    count: 0,
  };
}

function begin({ front, reached }: Pass, { node, worlds }: Start): void {
  list(front, node);
  for (let g = 0; g < WORDS; g++) {
    front.news[node * WORDS + g]! |= worlds[g]!;
    reached[node * WORDS + g]! |= worlds[g]!;
  }
}

/** Offers what is new to the neighbours, whose news come in the next round. */
function runRound(pass: Pass): void {
  const { front } = pass;
  for (let i = 0; i < front.count; i++) offerAll(pass, front.nodes[i]!);
  clear(front);
  pass.front = pass.next;
  pass.next = front;
}

/** Offers a node's news to all its neighbours. Written out, since nothing runs more often. */
function offerAll(pass: Pass, node: number): void {
  const { rows, masks, isUsed, reached, full } = pass;
  const { start, node: ends, slot: slots } = rows;
  const { news } = pass.front;
  const from = node * WORDS;
  const n0 = news[from]!;
  const n1 = news[from + 1]!;
  const n2 = news[from + 2]!;
  const n3 = news[from + 3]!;
  const n4 = news[from + 4]!;
  const n5 = news[from + 5]!;
  const n6 = news[from + 6]!;
  const n7 = news[from + 7]!;
  const last = start[node + 1]!;
  for (let at = start[node]!; at < last; at++) {
    const end = ends[at]!;
    const slot = slots === undefined ? at : slots[at]!;
    if (full[end] !== 0 || isUsed[slot] === 0) continue;
    const m = slot * WORDS;
    const r = end * WORDS;
    const fresh =
      (n0 & masks[m]! & ~reached[r]!) |
      (n1 & masks[m + 1]! & ~reached[r + 1]!) |
      (n2 & masks[m + 2]! & ~reached[r + 2]!) |
      (n3 & masks[m + 3]! & ~reached[r + 3]!) |
      (n4 & masks[m + 4]! & ~reached[r + 4]!) |
      (n5 & masks[m + 5]! & ~reached[r + 5]!) |
      (n6 & masks[m + 6]! & ~reached[r + 6]!) |
      (n7 & masks[m + 7]! & ~reached[r + 7]!);
    if (fresh !== 0) take(pass, from, m, end);
  }
}

/** Adds to `node` the news at `from` that pass the mask, and lists it. Written out as well. */
function take(pass: Pass, from: number, mask: number, node: number): void {
  const { masks, reached, ceilings, next } = pass;
  const sets = pass.front.news;
  const { news } = next;
  const to = node * WORDS;
  const ceiling = node * pass.width;
  const a0 = sets[from]! & masks[mask]! & ~reached[to]!;
  const a1 = sets[from + 1]! & masks[mask + 1]! & ~reached[to + 1]!;
  const a2 = sets[from + 2]! & masks[mask + 2]! & ~reached[to + 2]!;
  const a3 = sets[from + 3]! & masks[mask + 3]! & ~reached[to + 3]!;
  const a4 = sets[from + 4]! & masks[mask + 4]! & ~reached[to + 4]!;
  const a5 = sets[from + 5]! & masks[mask + 5]! & ~reached[to + 5]!;
  const a6 = sets[from + 6]! & masks[mask + 6]! & ~reached[to + 6]!;
  const a7 = sets[from + 7]! & masks[mask + 7]! & ~reached[to + 7]!;
  news[to]! |= a0;
  news[to + 1]! |= a1;
  news[to + 2]! |= a2;
  news[to + 3]! |= a3;
  news[to + 4]! |= a4;
  news[to + 5]! |= a5;
  news[to + 6]! |= a6;
  news[to + 7]! |= a7;
  const r0 = reached[to]! | a0;
  const r1 = reached[to + 1]! | a1;
  const r2 = reached[to + 2]! | a2;
  const r3 = reached[to + 3]! | a3;
  const r4 = reached[to + 4]! | a4;
  const r5 = reached[to + 5]! | a5;
  const r6 = reached[to + 6]! | a6;
  const r7 = reached[to + 7]! | a7;
  reached[to] = r0;
  reached[to + 1] = r1;
  reached[to + 2] = r2;
  reached[to + 3] = r3;
  reached[to + 4] = r4;
  reached[to + 5] = r5;
  reached[to + 6] = r6;
  reached[to + 7] = r7;
  const missing =
    (ceilings[ceiling]! & ~r0) |
    (ceilings[ceiling + 1]! & ~r1) |
    (ceilings[ceiling + 2]! & ~r2) |
    (ceilings[ceiling + 3]! & ~r3) |
    (ceilings[ceiling + 4]! & ~r4) |
    (ceilings[ceiling + 5]! & ~r5) |
    (ceilings[ceiling + 6]! & ~r6) |
    (ceilings[ceiling + 7]! & ~r7);
  if (missing === 0) pass.full[node] = 1;
  list(next, node);
}

function list(front: Front, node: number): void {
  if (front.listed[node] !== 0) return;
  front.listed[node] = 1;
  front.nodes[front.count++] = node;
}

function clear(front: Front): void {
  const { nodes, news, listed } = front;
  for (let i = 0; i < front.count; i++) {
    const node = nodes[i]!;
    listed[node] = 0;
    for (let at = node * WORDS; at < (node + 1) * WORDS; at++) news[at] = 0;
  }
  front.count = 0;
}
