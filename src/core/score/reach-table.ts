/** Who is reached by the reference callers, for every node at once: one forward pass per caller and amount. */
import { countBits, everyWorld, GROUP, WORDS } from "../graph/bits.ts";
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { findHub } from "../graph/hub.ts";
import { lookAhead, writeOut } from "../graph/reached.ts";
import { drawMasks, type Worlds } from "../graph/worlds.ts";
import type { ReferenceCaller } from "./references.ts";
import type { RankTerm } from "./terms.ts";

/** By term, node and group: the probability of the term. */
export type ReachTable = readonly Float64Array[];

/** The probabilities of these terms for every node. Memory is 64 bytes per term and node, beside one pass. */
export function tableReach(
  worlds: Worlds,
  references: readonly ReferenceCaller[],
  terms: readonly RankTerm[],
): ReachTable {
  const { graph } = worlds;
  const table = terms.map(() => new Float64Array(graph.nodeCount * WORDS));
  for (const amount of new Set(terms.map(({ amountMsat }) => amountMsat))) {
    const masks = drawMasks(worlds, amount);
    const hub = findHub(graph, masks);
    const places = terms.flatMap((term, i) =>
      term.amountMsat === amount ? { place: term.place, sums: table[i]! } : [],
    );
    for (const { node: caller, weight } of references) {
      const reached = writeOut(lookAhead(graph, masks, hub, [{ node: caller, worlds: everyWorld() }]));
      for (const { place, sums } of places) {
        if (place === "node") addReached(sums, reached, caller, weight);
        else addBeside(sums, worlds, reached, caller, weight);
      }
    }
  }
  for (const sums of table) divide(sums, references);
  return table;
}

/** Adds the worlds in which each node is reached. A caller says nothing about itself. */
function addReached(sums: Float64Array, reached: Int32Array, caller: number, weight: number): void {
  for (let i = 0; i < reached.length; i++) {
    const word = reached[i]!;
    if (word !== 0 && Math.floor(i / WORDS) !== caller) sums[i]! += weight * countBits(word);
  }
}

/** Adds the worlds in which a neighbour with an enabled direction to a node is reached, while the node is online. */
function addBeside(sums: Float64Array, worlds: Worlds, reached: Int32Array, caller: number, weight: number): void {
  const { graph, online } = worlds;
  for (let node = 0; node < graph.nodeCount; node++) {
    if (node === caller) continue;
    for (let g = 0; g < WORDS; g++) {
      const word = besideWord(graph, reached, node, g) & online[node * WORDS + g]!;
      if (word !== 0) sums[node * WORDS + g]! += weight * countBits(word);
    }
  }
}

/** The worlds of a group in which some neighbour with an enabled direction to the node is reached. */
function besideWord({ rows: { inStart, inTail } }: ChannelGraph, reached: Int32Array, node: number, g: number): number {
  const last = inStart[node + 1]!;
  let word = 0;
  for (let slot = inStart[node]!; slot < last && word !== -1; slot++) word |= reached[inTail[slot]! * WORDS + g]!;
  return word;
}

/** Sums become means. The weight of a caller falls to the others where it is the node itself. */
function divide(sums: Float64Array, references: readonly ReferenceCaller[]): void {
  const total = references.reduce((sum, { weight }) => sum + weight, 0);
  const own = new Map(references.map(({ node, weight }) => [node, weight]));
  for (let i = 0; i < sums.length; i++) {
    sums[i]! /= GROUP * Math.max(total - (own.get(Math.floor(i / WORDS)) ?? 0), 1);
  }
}
