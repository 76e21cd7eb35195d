/**
 * Which end of a channel holds its money, as far as announcements tell: fees lean on balances, payments drain towards
 * hubs or away from them, and a direction that nothing is left in gets disabled. How much each of these says, and in which
 * direction, is learnt from evidence (core/probe/fit-prior.ts); without any they say nothing.
 */
import { type ChannelGraph, POLICY_ENABLED } from "./channel-graph.ts";
import { sigmoid, type Tilt } from "./prior.ts";

/** By how much end B exceeds end A: in powers of ten of the fee rate, in being the larger node, in having disabled its direction. */
export type TiltFeatures = { readonly fee: number; readonly size: number; readonly disabled: number };

/** A fee rate a million times the other says no more than one a thousand times: who sets it to be believed gains no more. */
const MOST_FEE = 3;

/**
 * What is announced of a channel's two ends. A fee difference counts only where both directions are enabled. `peers` is by node
 * (liveness.ts): peers that exist only behind a node make it no larger.
 */
export function tiltFeatures(graph: ChannelGraph, peers: Uint32Array, channel: number): TiltFeatures {
  const { flags, feePpm } = graph.policies;
  const offA = (flags[2 * channel]! & POLICY_ENABLED) === 0 ? 1 : 0;
  const offB = (flags[2 * channel + 1]! & POLICY_ENABLED) === 0 ? 1 : 0;
  const fee = offA + offB > 0 ? 0 : Math.log10((1 + feePpm[2 * channel + 1]!) / (1 + feePpm[2 * channel]!));
  return {
    fee: Math.min(Math.max(fee, -MOST_FEE), MOST_FEE),
    size: sizeOrder(graph, peers, channel),
    disabled: offB - offA,
  };
}

/** 1 where more peers speak for end B than for end A, −1 where fewer do. */
export function sizeOrder({ nodeA, nodeB }: ChannelGraph, peers: Uint32Array, channel: number): number {
  return Math.sign(peers[nodeB[channel]!]! - peers[nodeA[channel]!]!);
}

/** Probability that the full end of a channel, if it has one, is end A. */
export function leanOf(graph: ChannelGraph, peers: Uint32Array, tilt: Tilt, channel: number): number {
  if (tilt.fee === 0 && tilt.size === 0 && tilt.disabled === 0) return 0.5;
  const { fee, size, disabled } = tiltFeatures(graph, peers, channel);
  return sigmoid(tilt.fee * fee + tilt.size * size + tilt.disabled * disabled);
}
