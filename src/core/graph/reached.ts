/**
 * Who reaches a target, or whom a caller reaches, as it is kept: by way of the hub, and the few that the hub does not account for.
 *
 * Where the hub reaches a target, whoever reaches the hub does; what is left is a search around the target in the worlds in which the
 * hub does not reach it, which is over after a handful of nodes. So a set is put together for the nodes that somebody looks at, and
 * a hundred passes take less room than one that is written out.
 */
import { everyWorld, WORDS, type WorldSet } from "./bits.ts";
import type { ChannelGraph } from "./channel-graph.ts";
import type { Start } from "./reach.ts";
import type { Masks } from "./worlds.ts";

/**
 * One node that much is reached through, in each world perhaps another, with whom it is reached by: by node, the worlds in
 * which it reaches the hub, and those in which the hub reaches it. Made by `findHub` from the very masks they are used with.
 */
export type Hub = { readonly reaches: Int32Array; readonly reachedBy: Int32Array };

/** By node, a set of worlds: what `far` has of it within `joined`, or all of it in `near`. */
export type Reached = {
  /** Worlds in which the hub is joined to a start. */
  readonly joined: WorldSet;
  /** By node: the worlds in which it is joined to the hub, in the other direction. */
  readonly far: Int32Array;
  /** Nodes about the starts with more than that. */
  readonly near: ReadonlyMap<number, WorldSet>;
};

/** The set of one node. */
export function reachedAt({ joined, far, near }: Reached, node: number): WorldSet {
  const set = new Int32Array(WORDS);
  const whole = near.get(node);
  for (let g = 0; g < WORDS; g++) set[g] = whole ? whole[g]! : far[node * WORDS + g]! & joined[g]!;
  return set;
}

/** Sets that are all written out. */
export function heldIn(sets: Int32Array): Reached {
  return { joined: everyWorld(), far: sets, near: new Map() };
}

/** All sets, written out. */
export function writeOut(reached: Reached): Int32Array {
  const { joined, far } = reached;
  const sets = new Int32Array(far.length);
  for (let at = 0; at < far.length; at += WORDS) {
    for (let g = 0; g < WORDS; g++) sets[at + g] = far[at + g]! & joined[g]!;
  }
  for (const [node, set] of reached.near) sets.set(set, node * WORDS);
  return sets;
}

/** Those who join a start by way of the hub, and the starts themselves; nothing is searched for besides. */
export function joinByHub(hub: Hub, starts: readonly Start[]): Growing {
  const reached = joinedBy(starts, hub.reachedBy, hub.reaches);
  for (const { node, worlds } of starts) addTo(reached, node, worlds, 0);
  return reached;
}

/** Gives a node more worlds: those at a place of an array of sets. */
export function addTo(reached: Growing, node: number, worlds: Int32Array, at: number): void {
  const set = reached.near.get(node) ?? reachedAt(reached, node);
  for (let g = 0; g < WORDS; g++) set[g]! |= worlds[at + g]!;
  reached.near.set(node, set);
}

/** By node: the worlds in which it can send the masks' amount to one of the starts. The same as `reachAnyOf` finds. */
export function lookBack(graph: ChannelGraph, masks: Masks, hub: Hub, starts: readonly Start[]): Reached {
  const { inStart, inTail } = graph.rows;
  return look(starts, hub.reachedBy, hub.reaches, (node, offer) => {
    for (let slot = inStart[node]!; slot < inStart[node + 1]!; slot++) offer(inTail[slot]!, masks.words, slot * WORDS);
  });
}

/** By node: the worlds in which one of the starts can send the masks' amount to it. The same as `reachFromAnyOf` finds. */
export function lookAhead(graph: ChannelGraph, masks: Masks, hub: Hub, starts: readonly Start[]): Reached {
  const { outStart, outHead, outSlot } = graph.rows;
  return look(starts, hub.reaches, hub.reachedBy, (node, offer) => {
    for (let out = outStart[node]!; out < outStart[node + 1]!; out++) {
      offer(outHead[out]!, masks.words, outSlot[out]! * WORDS);
    }
  });
}

type Offer = (node: number, masks: Int32Array, mask: number) => void;

/** What is found while it is being found. */
type Growing = Reached & { readonly near: Map<number, WorldSet> };

function joinedBy(starts: readonly Start[], near: Int32Array, far: Int32Array): Growing {
  const joined = new Int32Array(WORDS);
  for (const { node, worlds } of starts) {
    for (let g = 0; g < WORDS; g++) joined[g]! |= worlds[g]! & near[node * WORDS + g]!;
  }
  return { joined, far, near: new Map() };
}

/** `near` are the starts' sets towards the hub, `far` everybody's from there on; `spread` offers what a node has to its neighbours. */
function look(
  starts: readonly Start[],
  near: Int32Array,
  far: Int32Array,
  spread: (node: number, offer: Offer) => void,
): Reached {
  const reached = joinedBy(starts, near, far);
  const { joined, near: found } = reached;
  const waiting: number[] = [];
  for (const { node, worlds } of starts) {
    const set = reachedAt(reached, node);
    if (worlds.every((word, g) => (word & ~set[g]!) === 0)) continue;
    addTo(reached, node, worlds, 0);
    waiting.push(node);
  }
  let [from, giver]: [WorldSet, number] = [joined, -1];
  const offer: Offer = (node, masks, mask) => {
    let news = 0;
    const held = found.get(node);
    for (let g = 0; g < WORDS; g++) {
      const has = held ? held[g]! : far[node * WORDS + g]! & joined[g]!;
      news |= from[g]! & masks[mask + g]! & ~has;
    }
    if (news === 0 || node === giver) return;
    const set = held ?? reachedAt(reached, node);
    for (let g = 0; g < WORDS; g++) set[g]! |= from[g]! & masks[mask + g]!;
    found.set(node, set);
    waiting.push(node);
  };
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    [from, giver] = [found.get(node)!, node];
    spread(node, offer);
  }
  return reached;
}
