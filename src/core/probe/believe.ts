/**
 * What recent evidence makes of the worlds that answers, ranks and the next probes are drawn from (docs/scoring.md §1).
 *
 * A channel has one interval for the share that end A holds, whichever direction was observed; where two observations
 * contradict each other the newer one wins. The interval is mixed with the prior, by a weight that fades with age down to a
 * floor, and what is older than the window is not used at all: then nothing is believed, and there is something to ask.
 */
import type { Evidence, Observation } from "../evidence/observation.ts";
import { type ChannelGraph, findNodeHex } from "../graph/channel-graph.ts";
import type { PairFact } from "../graph/pair-facts.ts";
import { type FittedPrior, offlineRatio } from "../graph/prior.ts";
import { type Beliefs, type ChannelBelief, usableMsat } from "../graph/worlds.ts";
import type { UnixSeconds } from "../units.ts";
import { openBeliefMemory, recallArc, recallFit, rememberGraph } from "./belief-memory.ts";
import { believeNodes, type Sighting } from "./believe-nodes.ts";
import { arcsBetween, findArc } from "./find-arc.ts";
import { fitPriorInSteps } from "./fit-prior.ts";

export { findArc };

/** Evidence that is older says nothing any more. */
export const EVIDENCE_WINDOW_SEC = 3 * 86_400;
/** Evidence that beliefs are made of, at most: the newest. */
export const EVIDENCE_LIMIT = 20_000;

/** How often the prior is fitted: what is older than the last whole hour tells of it. A new fit moves every channel. */
const FIT_STEP_SEC = 3_600;
/** How often beliefs fade: ages are counted to whole steps, so that every process believes the same of the same log. */
const FADE_STEP_SEC = 300;
const BOUND_HALF_LIFE_SEC = 43_200;
/** A floor of 0.8 is at most .001 of Brier from the best in every simulated drift; without drift it costs next to nothing. */
const WEIGHT_FLOOR = 0.8;
/** Blame can be mislaid, and a balance can move while its word travels: nothing that is remembered is certain. */
const WEIGHT_CEILING = 0.995;
/** The narrowest interval of shares: bounds a hair's breadth apart would leave worlds no room. */
const NARROWEST = 1e-6;
/** Observations between two steps: about a millisecond. */
const READ_AT_ONCE = 250;

/** How much was observed of a channel or of a node, and when last. */
export type Told = { readonly observations: number; readonly newestAt: UnixSeconds };

/** Beliefs, and what they rest on; all by index in the graph. */
export type Belief = {
  readonly worlds: Beliefs;
  /** When the word came that an arc is gone or disabled, for those that are blocked. */
  readonly blockedSince: ReadonlyMap<number, UnixSeconds>;
  readonly told: { readonly channels: ReadonlyMap<number, Told>; readonly nodes: ReadonlyMap<number, Told> };
};

/** The instants that ages are counted to. `graphAt` is when the graph was read: what it shows by itself is not overruled by older evidence. */
export type BeliefTimes = { readonly now: UnixSeconds; readonly graphAt: UnixSeconds };

/** The instant that ages are counted to at this time. */
export function beliefInstant(now: UnixSeconds): UnixSeconds {
  return (now - (now % FADE_STEP_SEC)) as UnixSeconds;
}

/** What `evidence`, oldest first, says about this graph. `peersOf` gives the peers that speak for each node (core/graph/liveness.ts), if there is anything to believe. */
export function believe(
  graph: ChannelGraph,
  evidence: Iterable<Evidence>,
  times: BeliefTimes,
  peersOf: () => Uint32Array,
): Belief {
  const steps = believeInSteps(graph, evidence, times, peersOf);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in short steps, between which a caller may do other work. */
export function* believeInSteps(
  graph: ChannelGraph,
  evidence: Iterable<Evidence>,
  times: BeliefTimes,
  peersOf: () => Uint32Array,
  memory = openBeliefMemory(),
): Generator<void, Belief> {
  rememberGraph(memory, graph);
  const channels = new Map<number, ChannelBelief>();
  const sightings = new Map<number, Sighting>();
  /** By node: the age of the newest report that it was paid. No sample of anything, so no part of the fit. */
  const reports = new Map<number, number>();
  /** Whether a node was online, by those sightings that would have been made if it was not: payments that failed leave none. */
  const looked = new Map<number, boolean>();
  const blockedSince = new Map<number, UnixSeconds>();
  const told = { channels: new Map<number, Told>(), nodes: new Map<number, Told>() };
  const fitsUntil = times.now - (times.now % FIT_STEP_SEC);
  const ground = {
    now: times.now,
    count: 0,
    first: undefined as Evidence | undefined,
    last: undefined as Evidence | undefined,
  };
  const learnt = () => recallFit(memory, { ...ground }, () => fitPriorInSteps(graph, peersOf, channels, looked));
  const sight = (key: string, { source, observedAt }: Evidence, sighting: Sighting) => {
    const node = findNodeHex(graph, key);
    if (node >= 0 && source === "report") reports.set(node, sighting.ageSec);
    if (node < 0 || source === "report") return;
    sightings.set(node, sighting);
    if (source === "probe") looked.set(node, sighting.isOnline);
    note(told.nodes, node, observedAt);
  };
  let prior: FittedPrior | undefined;
  let pairs: PairFact[] = [];
  let read = 0;
  for (const each of evidence) {
    const { observedAt, observation: seen } = each;
    if (++read % READ_AT_ONCE === 0) yield;
    const ageSec = Math.max(0, times.now - observedAt);
    if (ageSec > EVIDENCE_WINDOW_SEC) continue;
    if (observedAt >= fitsUntil) prior ??= yield* learnt();
    ground.count += 1;
    ground.first ??= each;
    ground.last = each;
    const weight = Math.min(WEIGHT_CEILING, Math.max(WEIGHT_FLOOR, 2 ** (-ageSec / BOUND_HALF_LIFE_SEC)));
    switch (seen.kind) {
      case "holds-at-least":
      case "holds-below": {
        const arc = recallArc(memory, graph, seen);
        if (arc < 0) break;
        const [amountMsat, isLeast] = [Number(seen.amount), seen.kind === "holds-at-least"];
        narrow(channels, graph, { arc, amountMsat, isLeast }, weight);
        note(told.channels, arc >>> 1, observedAt);
        pairs = isLeast ? pairs : withoutArc(pairs, arc, amountMsat);
        break;
      }
      case "pair-holds-at-least": {
        const arcs = arcsBetween(graph, seen.from, seen.to);
        if (arcs.length > 0) pairs.push({ arcs, amountMsat: Number(seen.amount), weight });
        for (const arc of arcs) note(told.channels, arc >>> 1, observedAt);
        break;
      }
      case "online":
      case "reached":
        sight(seen.node, each, { isOnline: true, ageSec });
        break;
      case "offline":
        sight(seen.node, each, { isOnline: false, ageSec });
        break;
      case "channel-gone":
      case "policy-stale": {
        const arc = shutArc(graph, seen);
        if (arc >= 0 && observedAt > times.graphAt) blockedSince.set(arc, observedAt);
        break;
      }
    }
  }
  prior ??= yield* learnt();
  const { offline: factor } = prior;
  const offline = believeNodes(sightings, reports, (node) => Math.min(factor * offlineRatio(peersOf()[node]!), 1));
  const blocked = new Set(blockedSince.keys());
  return { worlds: { channels, offline, pairs, blocked, prior }, blockedSince, told };
}

/** The arc that was found gone or disabled; -1 where something lesser was at fault, or the graph has none. */
function shutArc(graph: ChannelGraph, seen: Observation & { kind: "channel-gone" | "policy-stale" }): number {
  return seen.kind === "channel-gone" || seen.fault === "disabled" ? findArc(graph, seen) : -1;
}

function note(into: Map<number, Told>, index: number, at: UnixSeconds): void {
  const { observations, newestAt } = into.get(index) ?? { observations: 0, newestAt: at };
  into.set(index, { observations: observations + 1, newestAt: at > newestAt ? at : newestAt });
}

/** Facts after an arc was found to hold less than an amount: it is none of those that may have held as much. */
function withoutArc(pairs: readonly PairFact[], arc: number, belowMsat: number): PairFact[] {
  return pairs.flatMap((fact) => {
    if (belowMsat > fact.amountMsat || !fact.arcs.includes(arc)) return [fact];
    const arcs = fact.arcs.filter((each) => each !== arc);
    return arcs.length === 0 ? [] : [{ ...fact, arcs }];
  });
}

/** Cuts a channel's interval at what the tail of an arc holds at least, or holds less than. */
function narrow(
  channels: Map<number, ChannelBelief>,
  graph: ChannelGraph,
  { arc, amountMsat, isLeast }: { arc: number; amountMsat: number; isLeast: boolean },
  weight: number,
): void {
  const channel = arc >>> 1;
  const fromA = (arc & 1) === 0;
  const share = Math.min(1, amountMsat / usableMsat(graph, channel));
  // End A holds x, end B the rest: what B has at least, A has at most.
  channels.set(channel, cut(channels.get(channel), isLeast === fromA, fromA ? share : 1 - share, weight));
}

/** An interval with a new bound. One that contradicts the other side drops it. */
function cut(belief: ChannelBelief | undefined, isLow: boolean, bound: number, weight: number): ChannelBelief {
  const { low, high } = belief ?? { low: 0, high: 1 };
  const share = Math.min(Math.max(bound, 0), 1);
  if (isLow) {
    const from = Math.min(Math.max(low, share), 1 - NARROWEST);
    return { low: from, high: high - from < NARROWEST ? 1 : high, weight };
  }
  const to = Math.max(Math.min(high, share), NARROWEST);
  return { low: to - low < NARROWEST ? 0 : low, high: to, weight };
}
