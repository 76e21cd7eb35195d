/** One question about one sample of worlds, with the sets of worlds that its answer is read from. */
import { both, countBits, countWorlds, either, WORDS, WORLDS, type WorldSet, worldsAt } from "../graph/bits.ts";
import type { ChannelGraph } from "../graph/channel-graph.ts";
import type { Path } from "../graph/cheapest-path.ts";
import type { ReachEngine } from "../graph/engine.ts";
import { type Aim, defaultLimits, nameOf, type RouteLimits } from "../graph/limits.ts";
import { type FirstHop, hopsOverOwn } from "../graph/own-channels.ts";
import { type Reached, reachedAt } from "../graph/reached.ts";
import { policyAdmits } from "../graph/worlds.ts";
import type { Chance } from "../score/interval.ts";
import { judge, routeOf } from "./judge.ts";
import type { Payer } from "./payer.ts";

/** A change smaller than this is not worth a sentence: the sampling error of a difference is about half of it. */
export const CLEAR_GAIN = 0.05;

/** Everything the parts of an answer share. */
export type IntentCase = Payer & {
  readonly engine: ReachEngine;
  readonly graph: ChannelGraph;
  readonly target: number;
  readonly amountMsat: number;
  readonly limits: RouteLimits;
  /** The same limits for another amount: LND's depend on it. */
  readonly limitsAt: (amountMsat: number) => RouteLimits;
  /** By node: the worlds in which it, as one that forwards, surely reaches the target within the limits. */
  readonly within: Reached;
  /** Worlds in which the caller surely does; none for a caller of which nothing is known. */
  readonly leaves: WorldSet;
  /** Whether the caller set a limit itself, or LND's cost it something here: only then other ends are held to them too. */
  readonly isLimited: boolean;
  readonly path: Path | undefined;
  readonly chance: Chance;
};

/** Prepares a case: one backward pass, unless the engine remembers it, and another where limits leave a doubt. */
export function openCase(
  engine: ReachEngine,
  payer: Payer,
  target: number,
  amountMsat: number,
  limitsAt: (amountMsat: number) => RouteLimits,
): IntentCase {
  const aim = { target, amountMsat, limits: limitsAt(amountMsat) };
  const { chance, leaves, ...judged } = judge(engine, payer, aim);
  const isLimited = judged.isLimited || nameOf(aim.limits) !== nameOf(defaultLimits(amountMsat));
  const path = routeOf(engine, payer, aim);
  const within = engine.within(aim);
  return { ...payer, engine, graph: engine.graph, ...aim, limitsAt, within, leaves, isLimited, path, chance };
}

/** The chance of the same payer with another amount, target or limit, as a question about that would find it. */
export function chanceOfOther(question: IntentCase, other: Partial<Aim>): Chance {
  const amountMsat = other.amountMsat ?? question.amountMsat;
  const limits = other.limits ?? question.limitsAt(amountMsat);
  return judge(question.engine, question, { target: other.target ?? question.target, amountMsat, limits }).chance;
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

/** Who sends how much, and in which worlds. */
type Leaving = Pick<IntentCase, "engine" | "graph" | "caller" | "own" | "amountMsat">;

/** Channels out of the caller that admit the amount or, where it told what they hold, that hold it. */
export function firstHops(question: Leaving): FirstHop[] {
  const { engine, graph, caller, own, amountMsat } = question;
  const masks = engine.masks(amountMsat);
  if (own) return hopsOverOwn(masks, own);
  const { outStart, outArc, outHead, outSlot } = graph.rows;
  const hops: FirstHop[] = [];
  if (caller < 0) return hops;
  for (let out = outStart[caller]!; out < outStart[caller + 1]!; out++) {
    if (!policyAdmits(graph, outArc[out]!, amountMsat)) continue;
    hops.push({ peer: outHead[out]!, worlds: worldsAt(masks.words, outSlot[out]!) });
  }
  return hops;
}

/** Peers the caller could send the amount through if it held it there. */
export function peersOf(question: IntentCase): number[] {
  return question.own?.map(({ peer }) => peer) ?? firstHops(question).map(({ peer }) => peer);
}

/** Worlds in which at least one of these arcs carries the amount to a node that is online. */
export function anyOf(question: IntentCase, slots: readonly number[]): WorldSet {
  const { words } = question.engine.masks(question.amountMsat);
  return slots.reduce((any, slot) => either(any, worldsAt(words, slot)), new Int32Array(WORDS));
}

/** Worlds in which a payment that already is at `peer` reaches the target: what a funded channel to it would give. */
export function throughPeer(question: IntentCase, peer: number): WorldSet {
  return both(reachedAt(question.within, peer), worldsAt(question.engine.worlds.online, peer));
}

/** By node: the worlds in which the caller reaches it, whatever it takes. */
export function onwardFrom(question: Leaving): Reached {
  const { engine, caller, own, amountMsat } = question;
  const starts = firstHops(question).map(({ peer, worlds }) => ({ node: peer, worlds }));
  const pass = () => engine.onward(amountMsat, starts);
  // What the caller told us is in this pass, and stays in it.
  return own ? pass() : engine.remember(`onward ${caller} ${amountMsat}`, pass);
}

/** Worlds in which the caller surely reaches another node within the limits, less so many hops. */
export function leavesFor(question: IntentCase, node: number, sparedHops: number): WorldSet {
  const { engine, amountMsat, limits } = question;
  const spared = { ...limits, maxHops: limits.maxHops - sparedHops };
  return judge(engine, question, { target: node, amountMsat, limits: spared }).leaves;
}

/** Share of all worlds. */
export function ratioOf(worlds: WorldSet): number {
  return countWorlds(worlds) / WORLDS;
}

/** A node, and the worlds in which the payment works with a funded channel to or from it. */
export type NewChannel = { readonly node: number; readonly worlds: WorldSet };

/**
 * The node whose funded channel adds most to the worlds the caller has, where node p adds `sets[p] ∩ gates[p]`; undefined when
 * none adds anything. Well-connected nodes are looked at, the one with most inbound channels first, which wins a tie.
 */
export function bestChannel(
  question: IntentCase,
  { joined, far, near }: Reached,
  gates: (node: number) => number,
): NewChannel | undefined {
  const { caller, target, leaves, engine } = question;
  const gate = engine.worlds.online;
  let best = -1;
  let bestCount = countWorlds(leaves);
  for (const node of engine.wellConnected()) {
    if (node === caller || node === target) continue;
    const at = gates(node);
    let count = 0;
    const whole = near.get(node);
    for (let g = 0; g < WORDS; g++) {
      const word = whole ? whole[g]! : far[node * WORDS + g]! & joined[g]!;
      count += countBits(leaves[g]! | (word & gate[at + g]!));
    }
    if (count < bestCount || (count === bestCount && best >= 0)) continue;
    best = node;
    bestCount = count;
  }
  if (best < 0) return undefined;
  const gained = reachedAt({ joined, far, near }, best).map((word, g) => word & gate[gates(best) + g]!);
  return { node: best, worlds: either(leaves, gained) };
}
