/** Arcs of the graph by the public names that evidence gives them. */
import type { Direction } from "../evidence/observation.ts";
import { arcHead, arcTail, type ChannelGraph, findNodeHex, nodeKeyHex } from "../graph/channel-graph.ts";
import { findChannel } from "./find-channel.ts";

/** The arc of a direction, or -1 when the graph has no such channel between these nodes. */
export function findArc(graph: ChannelGraph, { channelId, from, to }: Direction): number {
  const channel = findChannel(graph, channelId);
  if (channel < 0) return -1;
  for (const arc of [2 * channel, 2 * channel + 1]) {
    if (nodeKeyHex(graph, arcTail(graph, arc)) === from && nodeKeyHex(graph, arcHead(graph, arc)) === to) return arc;
  }
  return -1;
}

/** Enabled arcs from one node to another. */
export function arcsBetween(graph: ChannelGraph, from: string, to: string): number[] {
  const [tail, head] = [findNodeHex(graph, from), findNodeHex(graph, to)];
  if (tail < 0 || head < 0) return [];
  const { inStart, inArc, inTail } = graph.rows;
  const arcs: number[] = [];
  for (let slot = inStart[head]!; slot < inStart[head + 1]!; slot++) if (inTail[slot] === tail) arcs.push(inArc[slot]!);
  return arcs;
}
