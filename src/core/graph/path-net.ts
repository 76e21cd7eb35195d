/** A graph prepared for searches by cost: what they read of an arc lies together, in the order they read it. */
import type { ChannelGraph } from "./channel-graph.ts";
import { usableMsat, type Worlds } from "./worlds.ts";

/** The policies of enabled arcs, packed. One net serves all searches in a graph. */
export type PathNet = {
  readonly graph: ChannelGraph;
  /** Eight numbers per slot, see {@link preparePaths}. */
  readonly terms: Float64Array;
  /** Probability that each node is online. */
  readonly online: Float64Array;
  /** By node, four numbers: its lowest inbound base and rate, neither above 0, and its highest, neither below. */
  readonly inbound: Float64Array;
};

/** Numbers per slot, and the place of each. */
export const TERMS = 8;
export const [LEAST, MOST, BASE, PPM, DELTA, IN_BASE, IN_PPM, USABLE] = [0, 1, 2, 3, 4, 5, 6, 7];

/** Packs the policies of enabled arcs. */
export function preparePaths(worlds: Worlds): PathNet {
  const { graph } = worlds;
  const terms = new Float64Array(graph.rows.inArc.length * TERMS);
  const inbound = new Float64Array(graph.nodeCount * BOUNDS);
  const net = { graph, terms, online: worlds.offline.map((ratio) => 1 - ratio), inbound };
  for (let slot = 0; slot < graph.rows.inArc.length; slot++) packArc(net, slot);
  for (let node = 0; node < graph.nodeCount; node++) inbound.set(inboundBounds(net, node), node * BOUNDS);
  return net;
}

/** Packs the policies of a channel again, after they changed in place. @returns whether its ends ask other inbound fees than before */
export function repackChannel(net: PathNet, channel: number): boolean {
  const { graph, inbound } = net;
  for (const arc of [2 * channel, 2 * channel + 1]) {
    const slot = graph.rows.slotOfArc[arc]!;
    if (slot >= 0) packArc(net, slot);
  }
  let changed = false;
  for (const node of [graph.nodeA[channel]!, graph.nodeB[channel]!]) {
    const bounds = inboundBounds(net, node);
    changed ||= bounds.some((bound, i) => bound !== inbound[node * BOUNDS + i]);
    inbound.set(bounds, node * BOUNDS);
  }
  return changed;
}

function packArc({ graph, terms }: PathNet, slot: number): void {
  const { policies, rows } = graph;
  const arc = rows.inArc[slot]!;
  const at = slot * TERMS;
  const usable = usableMsat(graph, arc >>> 1);
  terms[at + LEAST] = policies.minHtlcMsat[arc]!;
  terms[at + MOST] = Math.min(policies.maxHtlcMsat[arc]!, usable);
  terms[at + BASE] = policies.feeBaseMsat[arc]!;
  terms[at + PPM] = policies.feePpm[arc]!;
  terms[at + DELTA] = policies.cltvDelta[arc]!;
  // Inbound fees are announced by the node that receives, in its own direction of the channel.
  terms[at + IN_BASE] = policies.inboundFeeBaseMsat[arc ^ 1]!;
  terms[at + IN_PPM] = policies.inboundFeePpm[arc ^ 1]!;
  terms[at + USABLE] = usable;
}

/** Which end of what an arc may cost. */
export type Bound = "least" | "most";

/**
 * The least or the most that the tail of an arc takes for forwarding an amount to which later fees, at most `growthMsat`, have been
 * added, over whichever of its channels it arrived.
 */
export function feeBound(net: PathNet, slot: number, amountMsat: number, growthMsat: number, bound: Bound): number {
  const { inbound, terms, graph } = net;
  const at = slot * TERMS;
  const side = graph.rows.inTail[slot]! * BOUNDS + (bound === "least" ? 0 : 2);
  const grown = amountMsat + growthMsat;
  const asksGrown = terms[at + BASE]! + Math.floor((grown * terms[at + PPM]!) / 1e6);
  const given = ((grown + asksGrown) * inbound[side + 1]!) / 1e6;
  if (bound === "most") return asksGrown + inbound[side]! + Math.ceil(given);
  const asks = terms[at + BASE]! + Math.floor((amountMsat * terms[at + PPM]!) / 1e6);
  return Math.max(0, asks + inbound[side]! + Math.floor(given));
}

const BOUNDS = 4;

function inboundBounds({ graph, terms }: PathNet, node: number): [number, number, number, number] {
  const { inStart } = graph.rows;
  let [lowBase, lowPpm, highBase, highPpm] = [0, 0, 0, 0];
  for (let slot = inStart[node]!; slot < inStart[node + 1]!; slot++) {
    const [base, ppm] = [terms[slot * TERMS + IN_BASE]!, terms[slot * TERMS + IN_PPM]!];
    lowBase = Math.min(lowBase, base);
    lowPpm = Math.min(lowPpm, ppm);
    highBase = Math.max(highBase, base);
    highPpm = Math.max(highPpm, ppm);
  }
  return [lowBase, lowPpm, highBase, highPpm];
}
