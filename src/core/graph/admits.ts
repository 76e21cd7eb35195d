/** What an arc may carry by what is announced: its policy, and the capacity of its channel. */
import type { ChannelGraph } from "./channel-graph.ts";
import { USABLE_RATIO } from "./prior.ts";

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
