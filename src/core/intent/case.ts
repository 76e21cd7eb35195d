/** One question about one sample of worlds, with the sets of worlds that its answer is read from. */
import { both, countBits, countWorlds, either, WORDS, WORLDS, type WorldSet, worldsAt } from "../graph/bits.ts";
import { type ChannelGraph, inboundCount } from "../graph/channel-graph.ts";
import type { ReachEngine } from "../graph/engine.ts";
import { policyAdmits } from "../graph/worlds.ts";
import { type Chance, chanceOf, groupRatios } from "../score/interval.ts";
import { meanOfCallers } from "../score/mean-of-callers.ts";
import type { ReferenceCaller } from "../score/references.ts";

/** Everything the parts of an answer share. */
export type IntentCase = {
  readonly engine: ReachEngine;
  readonly graph: ChannelGraph;
  /** Index of the caller, or -1 when the graph does not know it. */
  readonly caller: number;
  /** Who stands for a caller that the graph does not know. */
  readonly references: readonly ReferenceCaller[];
  readonly target: number;
  readonly amountMsat: number;
  /** By node: the worlds in which it reaches the target. */
  readonly reached: Int32Array;
  readonly chance: Chance;
};

/** Prepares a case: one backward pass, unless the engine remembers it. */
export function openCase(
  engine: ReachEngine,
  references: readonly ReferenceCaller[],
  caller: number,
  target: number,
  amountMsat: number,
): IntentCase {
  const reached = engine.toTarget(target, amountMsat);
  const parts = { engine, graph: engine.graph, caller, references, target, amountMsat, reached };
  return { ...parts, chance: chanceFrom(parts, reached) };
}

/** The caller's chance by a pass towards a target; a caller nobody knows has the mean of the reference callers. */
export function chanceFrom(who: Pick<IntentCase, "caller" | "references" | "target">, reached: Int32Array): Chance {
  if (who.caller >= 0) return chanceOf(groupRatios(reached, who.caller));
  return chanceOf(meanOfCallers(who.references, who.target, reached));
}

/** Enabled arcs into the target that admit the amount, by slot. */
export function lastHopSlots(question: IntentCase): number[] {
  const { graph, target, amountMsat } = question;
  const slots: number[] = [];
  for (let slot = graph.rows.inStart[target]!; slot < graph.rows.inStart[target + 1]!; slot++) {
    if (policyAdmits(graph, graph.rows.inArc[slot]!, amountMsat)) slots.push(slot);
  }
  return slots;
}

/** Enabled arcs out of the caller that admit the amount, as pairs of slot and peer. */
export function firstHops(question: IntentCase): { slot: number; peer: number }[] {
  const { graph, caller, amountMsat } = question;
  const { outStart, outArc, outHead, outSlot } = graph.rows;
  const hops: { slot: number; peer: number }[] = [];
  if (caller < 0) return hops;
  for (let out = outStart[caller]!; out < outStart[caller + 1]!; out++) {
    if (policyAdmits(graph, outArc[out]!, amountMsat)) hops.push({ slot: outSlot[out]!, peer: outHead[out]! });
  }
  return hops;
}

/** Worlds in which at least one of these arcs carries the amount to a node that is online. */
export function anyOf(question: IntentCase, slots: readonly number[]): WorldSet {
  const { words } = question.engine.masks(question.amountMsat);
  return slots.reduce((any, slot) => either(any, worldsAt(words, slot)), new Int32Array(WORDS));
}

/** Worlds in which a payment that already is at `peer` reaches the target: what a funded channel to it would give. */
export function throughPeer(question: IntentCase, peer: number): WorldSet {
  return both(worldsAt(question.reached, peer), worldsAt(question.engine.worlds.online, peer));
}

/** Share of all worlds. */
export function ratioOf(worlds: WorldSet): number {
  return countWorlds(worlds) / WORLDS;
}

/** A node, and the worlds in which the payment works with a funded channel to or from it. */
export type NewChannel = { readonly node: number; readonly worlds: WorldSet };

/**
 * The node whose funded channel adds most to the worlds `own`, where node p adds `sets[p] ∩ gates[p]`; undefined when
 * none adds anything. The node with more inbound channels wins a tie. Looks at every node, so it allocates nothing.
 */
export function bestChannel(
  question: IntentCase,
  own: WorldSet,
  sets: Int32Array,
  gates: (node: number) => number,
  gate: Int32Array,
): NewChannel | undefined {
  const { graph, caller, target } = question;
  let best = -1;
  let bestCount = countWorlds(own);
  for (let node = 0; node < graph.nodeCount; node++) {
    const inbound = inboundCount(graph, node);
    if (inbound === 0 || node === caller || node === target) continue;
    const at = gates(node);
    let count = 0;
    for (let g = 0; g < WORDS; g++) count += countBits(own[g]! | (sets[node * WORDS + g]! & gate[at + g]!));
    if (count < bestCount || (count === bestCount && (best < 0 || inbound <= inboundCount(graph, best)))) continue;
    best = node;
    bestCount = count;
  }
  if (best < 0) return undefined;
  const gained = worldsAt(sets, best).map((word, g) => word & gate[gates(best) + g]!);
  return { node: best, worlds: either(own, gained) };
}
