/**
 * Who reaches whom, in all worlds at once.
 *
 * Each pass is the least fixed point of monotone ORs over sets of worlds, so the order of its work list does not matter.
 * One backward pass answers every caller of a target, one forward pass every target of a caller; both agree on each pair.
 * The caller is taken to be online; every later node, the target included, must be.
 */
import { everyWorld, WORDS, type WorldSet } from "./bits.ts";
import type { ChannelGraph } from "./channel-graph.ts";
import type { Masks } from "./worlds.ts";

/** Where a pass begins, and in which worlds. */
export type Start = { readonly node: number; readonly worlds: WorldSet };

/** By node: the worlds in which it can send the masks' amount to `target`. */
export function reachTarget(graph: ChannelGraph, masks: Masks, target: number): Int32Array {
  return reachAnyOf(graph, masks, [{ node: target, worlds: everyWorld() }]);
}

/** The same for several ends at once, such as a target and a peer that a new channel would join to it. */
export function reachAnyOf(graph: ChannelGraph, masks: Masks, starts: readonly Start[]): Int32Array {
  const { inStart, inTail } = graph.rows;
  const pass = startPass(graph, starts);
  const ceiling = ceilingOf(graph, masks, starts);
  while (pass.left > 0) {
    const node = pop(pass);
    const last = inStart[node + 1]!;
    for (let slot = inStart[node]!; slot < last; slot++) {
      const tail = inTail[slot]!;
      if (pass.full[tail] === 0) spread(pass, node * WORDS, masks.words, slot * WORDS, tail, ceiling, 0);
    }
  }
  return pass.reached;
}

/** By node: the worlds in which one of the callers can send the masks' amount to it. */
export function reachFromAnyOf(graph: ChannelGraph, masks: Masks, starts: readonly Start[]): Int32Array {
  const { outStart, outHead, outSlot } = graph.rows;
  const pass = startPass(graph, starts);
  while (pass.left > 0) {
    const node = pop(pass);
    const last = outStart[node + 1]!;
    for (let out = outStart[node]!; out < last; out++) {
      const head = outHead[out]!;
      if (pass.full[head] === 0) {
        spread(pass, node * WORDS, masks.words, outSlot[out]! * WORDS, head, masks.online, head * WORDS);
      }
    }
  }
  return pass.reached;
}

/** Masks in which these slots carry nothing: the same worlds without those arcs. */
export function withoutSlots(masks: Masks, slots: Iterable<number>): Masks {
  const words = masks.words.slice();
  for (const slot of slots) words.fill(0, slot * WORDS, (slot + 1) * WORDS);
  return { ...masks, words };
}

/** What a backward pass can bring to any node: whatever some arc into a start lets through, where the start holds. */
export function ceilingOf(graph: ChannelGraph, masks: Masks, starts: readonly Start[]): WorldSet {
  const { inStart } = graph.rows;
  const ceiling = new Int32Array(WORDS);
  for (const { node, worlds } of starts) {
    for (let slot = inStart[node]!; slot < inStart[node + 1]!; slot++) {
      for (let g = 0; g < WORDS; g++) ceiling[g]! |= masks.words[slot * WORDS + g]! & worlds[g]!;
    }
  }
  return ceiling;
}

/** What a pass has found, and a ring of nodes to visit, each in it at most once. */
type Pass = {
  readonly reached: Int32Array;
  /** 1 for a node that no further visit can add anything to. */
  readonly full: Uint8Array;
  readonly ring: Int32Array;
  readonly waiting: Uint8Array;
  first: number;
  left: number;
};

function startPass(graph: ChannelGraph, starts: readonly Start[]): Pass {
  const { nodeCount } = graph;
  const pass: Pass = {
    reached: new Int32Array(nodeCount * WORDS),
    full: new Uint8Array(nodeCount),
    ring: new Int32Array(nodeCount),
    waiting: new Uint8Array(nodeCount),
    first: 0,
    left: 0,
  };
  for (const { node, worlds } of starts) {
    for (let g = 0; g < WORDS; g++) pass.reached[node * WORDS + g]! |= worlds[g]!;
    push(pass, node);
  }
  return pass;
}

function push(pass: Pass, node: number): void {
  if (pass.waiting[node] !== 0) return;
  let at = pass.first + pass.left++;
  if (at >= pass.ring.length) at -= pass.ring.length;
  pass.ring[at] = node;
  pass.waiting[node] = 1;
}

function pop(pass: Pass): number {
  const node = pass.ring[pass.first]!;
  pass.waiting[node] = 0;
  pass.left--;
  if (++pass.first === pass.ring.length) pass.first = 0;
  return node;
}

/**
 * Adds to `node` the worlds at `from` that pass the mask, and queues it if that is news. A node that holds all of its
 * ceiling is full: hubs soon are, and most arcs lead to hubs. Written out, since nothing runs more often.
 */
function spread(
  pass: Pass,
  from: number,
  masks: Int32Array,
  mask: number,
  node: number,
  ceilings: Int32Array,
  ceiling: number,
): void {
  const reached = pass.reached;
  const to = node * WORDS;
  const r0 = reached[to]!;
  const r1 = reached[to + 1]!;
  const r2 = reached[to + 2]!;
  const r3 = reached[to + 3]!;
  const r4 = reached[to + 4]!;
  const r5 = reached[to + 5]!;
  const r6 = reached[to + 6]!;
  const r7 = reached[to + 7]!;
  const w0 = r0 | (reached[from]! & masks[mask]!);
  const w1 = r1 | (reached[from + 1]! & masks[mask + 1]!);
  const w2 = r2 | (reached[from + 2]! & masks[mask + 2]!);
  const w3 = r3 | (reached[from + 3]! & masks[mask + 3]!);
  const w4 = r4 | (reached[from + 4]! & masks[mask + 4]!);
  const w5 = r5 | (reached[from + 5]! & masks[mask + 5]!);
  const w6 = r6 | (reached[from + 6]! & masks[mask + 6]!);
  const w7 = r7 | (reached[from + 7]! & masks[mask + 7]!);
  const news = (w0 ^ r0) | (w1 ^ r1) | (w2 ^ r2) | (w3 ^ r3) | (w4 ^ r4) | (w5 ^ r5) | (w6 ^ r6) | (w7 ^ r7);
  if (news === 0) return;
  reached[to] = w0;
  reached[to + 1] = w1;
  reached[to + 2] = w2;
  reached[to + 3] = w3;
  reached[to + 4] = w4;
  reached[to + 5] = w5;
  reached[to + 6] = w6;
  reached[to + 7] = w7;
  const missing =
    (ceilings[ceiling]! & ~w0) |
    (ceilings[ceiling + 1]! & ~w1) |
    (ceilings[ceiling + 2]! & ~w2) |
    (ceilings[ceiling + 3]! & ~w3) |
    (ceilings[ceiling + 4]! & ~w4) |
    (ceilings[ceiling + 5]! & ~w5) |
    (ceilings[ceiling + 6]! & ~w6) |
    (ceilings[ceiling + 7]! & ~w7);
  if (missing === 0) pass.full[node] = 1;
  push(pass, node);
}
