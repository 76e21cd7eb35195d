/** A node's channels as a list, the largest first. */
import { type ChannelGraph, channelId, nodeKeyHex, POLICY_ENABLED, POLICY_KNOWN } from "../graph/channel-graph.ts";
import { type ChannelRows, channelsOf } from "./gossip.ts";
import { fundingBlock } from "./seeds.ts";

/** Channels of a list, at most. */
export const MOST_LISTED = 100;

/** What one end announced for what it sends over a channel. */
export type ListedPolicy = {
  readonly enabled: boolean;
  readonly feeBaseMsat: number;
  readonly feePpm: number;
  readonly cltvDelta: number;
  readonly minHtlcMsat: number;
  readonly maxHtlcMsat: number;
  /** Unix seconds; null when not known. */
  readonly updatedAt: number | null;
};

/** One channel as its node sees it. */
export type ListedChannel = {
  /** The short channel id as LND prints it: a decimal number. */
  readonly channelId: string;
  readonly peer: string;
  readonly capacitySat: number;
  /** Null in graphs that number their channels. */
  readonly fundingBlock: number | null;
  /** What the peer announced, for payments to the node; and the node, for payments from it. Null: nothing. */
  readonly inbound: ListedPolicy | null;
  readonly outbound: ListedPolicy | null;
};

/** At most {@link MOST_LISTED}, by capacity and then by id. */
export function listChannels(graph: ChannelGraph, rows: ChannelRows, node: number): ListedChannel[] {
  const ordered = [...channelsOf(rows, node)].sort((a, b) => graph.capacitySat[b]! - graph.capacitySat[a]! || a - b);
  return ordered.slice(0, MOST_LISTED).map((channel) => {
    const isA = graph.nodeA[channel] === node;
    return {
      channelId: String(channelId(graph, channel)),
      peer: nodeKeyHex(graph, isA ? graph.nodeB[channel]! : graph.nodeA[channel]!),
      capacitySat: graph.capacitySat[channel]!,
      fundingBlock: fundingBlock(graph, channel) || null,
      inbound: listPolicy(graph, 2 * channel + (isA ? 1 : 0)),
      outbound: listPolicy(graph, 2 * channel + (isA ? 0 : 1)),
    };
  });
}

function listPolicy({ policies }: ChannelGraph, arc: number): ListedPolicy | null {
  const flags = policies.flags[arc]!;
  if ((flags & POLICY_KNOWN) === 0) return null;
  return {
    enabled: (flags & POLICY_ENABLED) !== 0,
    feeBaseMsat: policies.feeBaseMsat[arc]!,
    feePpm: policies.feePpm[arc]!,
    cltvDelta: policies.cltvDelta[arc]!,
    minHtlcMsat: policies.minHtlcMsat[arc]!,
    maxHtlcMsat: policies.maxHtlcMsat[arc]!,
    updatedAt: policies.updatedAt[arc]! || null,
  };
}
