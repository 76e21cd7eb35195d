/** What is announced about a node: counts, sizes, and what it and its neighbours ask for. */
import { type ChannelGraph, inboundCount, outboundCount } from "../graph/channel-graph.ts";

/** The tenth, the half and nine tenths of some values stay at or below these. */
export type Quantiles = { readonly p10: number; readonly p50: number; readonly p90: number };

/** What enabled directions ask for. */
export type PolicyFacts = {
  readonly feeBaseMsat: Quantiles;
  readonly feePpm: Quantiles;
  readonly cltvDelta: Quantiles;
  readonly maxHtlcMsat: Quantiles;
};

/** Facts about one node. A channel is live when one of its directions is enabled. */
export type GossipFacts = {
  readonly channels: number;
  readonly liveChannels: number;
  readonly livePeers: number;
  readonly capacitySat: number;
  readonly enabledInbound: number;
  readonly enabledOutbound: number;
  readonly inboundSat: number;
  readonly outboundSat: number;
  /** Of its own enabled directions, and of those towards it; null where there are none. */
  readonly ownPolicies: PolicyFacts | null;
  readonly policiesTowards: PolicyFacts | null;
};

/** By node: its channels. Built once per graph. */
export type ChannelRows = { readonly start: Uint32Array; readonly channels: Uint32Array };

/** Lists every node's channels, dead ones included. */
export function rowsOfChannels({ nodeCount, channelCount, nodeA, nodeB }: ChannelGraph): ChannelRows {
  const start = new Uint32Array(nodeCount + 1);
  for (const ends of [nodeA, nodeB]) for (const node of ends) start[node + 1]!++;
  for (let node = 0; node < nodeCount; node++) start[node + 1]! += start[node]!;
  const next = start.slice();
  const channels = new Uint32Array(2 * channelCount);
  for (let channel = 0; channel < channelCount; channel++) {
    for (const node of [nodeA[channel]!, nodeB[channel]!]) channels[next[node]!++] = channel;
  }
  return { start, channels };
}

/** A node's channels. */
export function channelsOf({ start, channels }: ChannelRows, node: number): Uint32Array {
  return channels.subarray(start[node]!, start[node + 1]!);
}

/** Distinct neighbours over live channels. */
export function livePeers({ rows }: ChannelGraph, node: number): Set<number> {
  const { inStart, inTail, outStart, outHead } = rows;
  const peers = new Set(inTail.subarray(inStart[node]!, inStart[node + 1]!));
  for (const peer of outHead.subarray(outStart[node]!, outStart[node + 1]!)) peers.add(peer);
  return peers;
}

/** Reads the facts off the graph. */
export function gossipFacts(graph: ChannelGraph, rows: ChannelRows, node: number): GossipFacts {
  const { inStart, inArc, outStart, outArc } = graph.rows;
  const inbound = inArc.subarray(inStart[node]!, inStart[node + 1]!);
  const outbound = outArc.subarray(outStart[node]!, outStart[node + 1]!);
  const all = channelsOf(rows, node);
  const sum = (channels: Iterable<number>) => {
    let total = 0;
    for (const channel of channels) total += graph.capacitySat[channel]!;
    return total;
  };
  return {
    channels: all.length,
    liveChannels: new Set([...inbound, ...outbound].map((arc) => arc >>> 1)).size,
    livePeers: livePeers(graph, node).size,
    capacitySat: sum(all),
    enabledInbound: inboundCount(graph, node),
    enabledOutbound: outboundCount(graph, node),
    inboundSat: sum(inbound.map((arc) => arc >>> 1)),
    outboundSat: sum(outbound.map((arc) => arc >>> 1)),
    ownPolicies: policyFacts(graph, outbound),
    policiesTowards: policyFacts(graph, inbound),
  };
}

function policyFacts({ policies }: ChannelGraph, arcs: Uint32Array): PolicyFacts | null {
  if (arcs.length === 0) return null;
  const of = (column: { [arc: number]: number }) => quantiles(Float64Array.from(arcs, (arc) => column[arc]!));
  return {
    feeBaseMsat: of(policies.feeBaseMsat),
    feePpm: of(policies.feePpm),
    cltvDelta: of(policies.cltvDelta),
    maxHtlcMsat: of(policies.maxHtlcMsat),
  };
}

/** Quantiles by rank: each is one of the values. */
export function quantiles(values: Float64Array): Quantiles {
  const ordered = values.slice().sort();
  const at = (share: number) => ordered[Math.ceil(share * ordered.length) - 1]!;
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9) };
}
