/**
 * Callers that stand for everybody: ends of channels drawn with probability proportional to the channel's capacity.
 *
 * Each channel end draws its own number from its own identity, so a channel that is added or closed moves at most itself
 * in or out of the draw, and an attacker is drawn in proportion to the bitcoin it locks up, not to the nodes it makes.
 */
import { arcTail, type ChannelGraph } from "../graph/channel-graph.ts";
import { mix } from "../graph/draws.ts";

/** A caller, and how many of the draws fell on it. */
export type ReferenceCaller = { readonly node: number; readonly weight: number };

/** Draws of a reference set: a single one weighs a sixty-fourth. */
const REFERENCE_DRAWS = 64;

/** Draws channel ends that can send, without replacement (Efraimidis and Spirakis 2006: the smallest −ln(u)/weight). */
export function drawReferences(graph: ChannelGraph, seed: number, draws = REFERENCE_DRAWS): ReferenceCaller[] {
  const keyed: { arc: number; key: number }[] = [];
  for (const arc of graph.rows.inArc) {
    const channel = arc >>> 1;
    const word = mix(mix(mix(seed ^ (arc % 2)) ^ graph.channelIdHigh[channel]!) ^ graph.channelIdLow[channel]!);
    const uniform = ((word >>> 0) + 0.5) / 0x1_0000_0000;
    const key = -Math.log(uniform) / graph.capacitySat[channel]!;
    // Sorting all of them to keep the first few would take ten times as long.
    if (keyed.length === draws && key >= keyed[draws - 1]!.key) continue;
    const place = keyed.findIndex((each) => each.key > key);
    keyed.splice(place < 0 ? keyed.length : place, 0, { arc, key });
    if (keyed.length > draws) keyed.pop();
  }
  const weights = new Map<number, number>();
  for (const { arc } of keyed) {
    const node = arcTail(graph, arc);
    weights.set(node, (weights.get(node) ?? 0) + 1);
  }
  return [...weights].map(([node, weight]) => ({ node, weight }));
}
