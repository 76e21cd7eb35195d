/** What is hidden behind a channel graph in a simulation: balances, who is offline, who turns payments away. */
import { type ChannelGraph, inboundCount, outboundCount } from "../graph/channel-graph.ts";
import { usableMsat } from "../graph/worlds.ts";
import { drawShare, type Family } from "./families.ts";
import { type Random, randomStream } from "./random.ts";

export type Truth = {
  readonly graph: ChannelGraph;
  readonly family: Family;
  /** By arc: what its tail can send over it, in msat. */
  readonly balanceMsat: Float64Array;
  /** By node: 1 online, 0 offline for the whole run. */
  readonly online: Uint8Array;
  /** By arc: 1 turns every payment away whatever was announced. */
  readonly refuses: Uint8Array;
};

/** Share of arcs that are not what they announce. */
const REFUSING_RATIO = 0.02;

/** Draws a truth. Same graph, family and seed, same truth. */
export function drawTruth(graph: ChannelGraph, family: Family, seed: number): Truth {
  const truth: Truth = {
    graph,
    family,
    balanceMsat: new Float64Array(2 * graph.channelCount),
    online: new Uint8Array(graph.nodeCount),
    refuses: new Uint8Array(2 * graph.channelCount),
  };
  redraw(truth, { balances: 1, online: 1 }, randomStream(seed, family));
  const random = randomStream(seed, "refusals");
  for (let arc = 0; arc < truth.refuses.length; arc++) truth.refuses[arc] = random() < REFUSING_RATIO ? 1 : 0;
  return truth;
}

/** The same truth later: these shares of balances and of online states are drawn again. */
export function driftTruth(truth: Truth, ratios: { balances: number; online: number }, seed: number): Truth {
  const later = { ...truth, balanceMsat: truth.balanceMsat.slice(), online: truth.online.slice() };
  redraw(later, ratios, randomStream(seed, "drift"));
  return later;
}

function redraw(truth: Truth, ratios: { balances: number; online: number }, random: Random): void {
  const { graph, family, balanceMsat, online } = truth;
  const degrees = degreesOf(graph);
  for (let channel = 0; channel < graph.channelCount; channel++) {
    if (random() >= ratios.balances) continue;
    const share = drawShare(family, graph, channel, degrees, random);
    balanceMsat[2 * channel] = share * usableMsat(graph, channel);
    balanceMsat[2 * channel + 1] = (1 - share) * usableMsat(graph, channel);
  }
  for (let node = 0; node < graph.nodeCount; node++) {
    if (random() < ratios.online) online[node] = random() < 0.01 + 0.14 * Math.exp(-degrees[node]! / 6) ? 0 : 1;
  }
}

/** By node: live channels. */
export function degreesOf(graph: ChannelGraph): Uint32Array {
  const { slotOfArc } = graph.rows;
  const degrees = new Uint32Array(graph.nodeCount);
  for (let channel = 0; channel < graph.channelCount; channel++) {
    if (slotOfArc[2 * channel]! < 0 && slotOfArc[2 * channel + 1]! < 0) continue;
    degrees[graph.nodeA[channel]!]!++;
    degrees[graph.nodeB[channel]!]!++;
  }
  return degrees;
}

/** The node the probes come from: well connected, but no hub (the 121st by live channels; a tenth down in a small graph). */
export function pickVantage(graph: ChannelGraph): number {
  const degrees = degreesOf(graph);
  const nodes = Array.from(degrees.keys()).filter((node) => inboundCount(graph, node) * outboundCount(graph, node) > 0);
  nodes.sort((a, b) => degrees[b]! - degrees[a]! || a - b);
  return nodes[Math.min(120, Math.floor(nodes.length / 10))]!;
}
