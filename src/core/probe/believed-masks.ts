/** Masks under a belief: those of the worlds, less what is known to be gone, plus what a pair of nodes is known to carry. */
import { WORDS } from "../graph/bits.ts";
import { arcHead } from "../graph/channel-graph.ts";
import { mix } from "../graph/draws.ts";
import { withoutSlots } from "../graph/reach.ts";
import { drawMasks, type Masks, policyAdmits, usableMsat, type Worlds } from "../graph/worlds.ts";
import type { Belief, PairFact } from "./believe.ts";

/** Masks of one amount. */
export function believedMasks(worlds: Worlds, belief: Belief, amountMsat: number): Masks {
  const { graph } = worlds;
  const slots = [...belief.blocked].map((arc) => graph.rows.slotOfArc[arc]!).filter((slot) => slot >= 0);
  const masks = withoutSlots(drawMasks(worlds, amountMsat), slots);
  for (const fact of belief.pairs) if (amountMsat <= fact.amountMsat) carryPair(worlds, masks, fact);
  return masks;
}

/**
 * Where no channel of the pair holds the amount although one did, the widest that admits it is given it: slightly
 * approximate, since it should be drawn among them, and right about the pair.
 */
function carryPair(worlds: Worlds, masks: Masks, { arcs, weight }: PairFact): void {
  const { graph, online } = worlds;
  const admitting = arcs.filter((arc) => policyAdmits(graph, arc, masks.amountMsat));
  const widest = admitting.sort((a, b) => usableMsat(graph, b >>> 1) - usableMsat(graph, a >>> 1))[0];
  if (widest === undefined) return;
  const head = arcHead(graph, widest) * WORDS;
  const into = graph.rows.slotOfArc[widest]! * WORDS;
  for (let g = 0; g < WORDS; g++) {
    let held = 0;
    for (const arc of admitting) held |= masks.words[graph.rows.slotOfArc[arc]! * WORDS + g]!;
    masks.words[into + g]! |= ~held & online[head + g]! & believingWorlds(widest, g, weight);
  }
}

/** The worlds of a group in which a fact of this weight has not faded. */
function believingWorlds(arc: number, group: number, weight: number): number {
  let worlds = 0;
  for (let world = 0; world < 32; world++) {
    const draw = (mix(mix(arc ^ 0x27d4eb2f) ^ (32 * group + world)) >>> 0) / 0x1_0000_0000;
    if (draw < weight) worlds |= 1 << world;
  }
  return worlds;
}
