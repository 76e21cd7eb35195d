/** How a payment leaves its caller: over its announced channels, as the worlds have them, or over channels that it told us of. */
import { both, either, WORDS, type WorldSet, worldsAt } from "./bits.ts";
import type { ChannelGraph } from "./channel-graph.ts";
import { type Reached, reachedAt } from "./reached.ts";
import type { Masks } from "./worlds.ts";

/** A channel of the caller, announced or not, to a node of the graph, and what the caller can send over it now. */
export type OwnChannel = { readonly peer: number; readonly spendableMsat: number };

/** A channel out of the caller, and the worlds in which it carries the amount to a peer that is online. */
export type FirstHop = { readonly peer: number; readonly worlds: WorldSet };

/** Own channels that hold the amount: nothing but the peer is left to chance. */
export function hopsOverOwn({ amountMsat, online }: Masks, own: readonly OwnChannel[]): FirstHop[] {
  return own
    .filter(({ spendableMsat }) => spendableMsat >= amountMsat)
    .map(({ peer }) => ({ peer, worlds: worldsAt(online, peer) }));
}

/** Worlds in which some first hop leads to a peer that reaches the target: `reached` by node, as one that forwards. */
export function leaveOver(hops: readonly FirstHop[], reached: Reached): WorldSet {
  let leaves: WorldSet = new Int32Array(WORDS);
  for (const { peer, worlds } of hops) leaves = either(leaves, both(worlds, reachedAt(reached, peer)));
  return leaves;
}

/** The same over the announced channels of a node. Allocates one set, since hubs have thousands of channels. */
export function leaveOverAnnounced(
  { rows }: ChannelGraph,
  { words }: Masks,
  caller: number,
  { joined, far, near }: Reached,
): WorldSet {
  const leaves: WorldSet = new Int32Array(WORDS);
  for (let out = rows.outStart[caller]!; out < rows.outStart[caller + 1]!; out++) {
    const mask = rows.outSlot[out]! * WORDS;
    const peer = rows.outHead[out]! * WORDS;
    const whole = near.get(rows.outHead[out]!);
    for (let g = 0; g < WORDS; g++) leaves[g]! |= words[mask + g]! & (whole ? whole[g]! : far[peer + g]! & joined[g]!);
  }
  return leaves;
}
