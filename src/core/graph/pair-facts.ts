/**
 * What is known of several channels between two nodes together. A node may forward over any of them (BOLT 4, non-strict
 * forwarding), so an amount that came through proves only that the best of them held it.
 */
import { policyAdmits, usableMsat } from "./admits.ts";
import { WORDS, type WorldSet } from "./bits.ts";
import { arcHead, type ChannelGraph } from "./channel-graph.ts";

/** Some of these arcs, all from one node to one other, held this amount. `weight` fades it into what the worlds say by themselves. */
export type PairFact = { readonly arcs: readonly number[]; readonly amountMsat: number; readonly weight: number };

/**
 * Where no channel of the pair holds the amount although one did, the widest that admits it is given it: slightly
 * approximate, since it should be drawn among them, and right about the pair.
 */
export function carryPair(
  graph: ChannelGraph,
  masks: { readonly amountMsat: number; readonly words: Int32Array; readonly online: Int32Array },
  arcs: readonly number[],
  fadedOf: (channel: number) => WorldSet,
): void {
  const { amountMsat, words, online } = masks;
  const { slotOfArc } = graph.rows;
  const admitting = arcs.filter((arc) => slotOfArc[arc]! >= 0 && policyAdmits(graph, arc, amountMsat));
  const widest = admitting.sort((a, b) => usableMsat(graph, b >>> 1) - usableMsat(graph, a >>> 1) || a - b)[0];
  if (widest === undefined) return;
  const faded = fadedOf(widest >>> 1);
  const head = arcHead(graph, widest) * WORDS;
  const into = slotOfArc[widest]! * WORDS;
  for (let g = 0; g < WORDS; g++) {
    let held = 0;
    for (const arc of admitting) held |= words[slotOfArc[arc]! * WORDS + g]!;
    words[into + g]! |= ~held & online[head + g]! & ~faded[g]!;
  }
}
