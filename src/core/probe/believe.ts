/**
 * What recent evidence makes of the worlds in which the next probes are chosen.
 *
 * A channel has one interval for the share that end A holds, whichever direction was observed; where two observations
 * contradict each other the newer one wins. The interval is mixed with the prior, by a weight that fades with age down to a
 * floor, and what is older than the window is not used at all: then nothing is believed, and there is something to ask.
 */
import type { Direction, Evidence } from "../evidence/observation.ts";
import { arcHead, arcTail, type ChannelGraph, findNodeHex, nodeKeyHex } from "../graph/channel-graph.ts";
import { type Beliefs, type ChannelBelief, usableMsat } from "../graph/worlds.ts";
import type { UnixSeconds } from "../units.ts";
import { findChannel } from "./find-channel.ts";

/** Evidence that is older says nothing any more. */
export const EVIDENCE_WINDOW_SEC = 3 * 86_400;

const BOUND_HALF_LIFE_SEC = 43_200;
/** A floor of 0.8 is at most .001 of Brier from the best in every simulated drift; without drift it costs next to nothing. */
const WEIGHT_FLOOR = 0.8;
const ONLINE_HALF_LIFE_SEC = 86_400;
const OFFLINE_HALF_LIFE_SEC = 7_200;
/** How much a fresh sighting moves the probability of being offline, towards 0 or towards 1. */
const ONLINE_FACTOR = 0.02;
const OFFLINE_CERTAINTY = 0.97;
/** The narrowest interval of shares: bounds a hair's breadth apart would leave worlds no room. */
const NARROWEST = 1e-6;

/** The best of the channels from `tail` to `head` held this amount. */
export type PairFact = {
  readonly arcs: readonly number[];
  readonly amountMsat: number;
  readonly weight: number;
};

export type Belief = {
  readonly worlds: Beliefs;
  readonly pairs: readonly PairFact[];
  /** Arcs that are gone, or disabled by a policy the graph does not have yet. */
  readonly blocked: ReadonlySet<number>;
};

/**
 * What `evidence`, oldest first, says about this graph at `now`. `graphAt` is when the graph was read: what it shows by
 * itself is not overruled by older evidence. `priorOffline` is by node.
 */
export function believe(
  graph: ChannelGraph,
  evidence: Iterable<Evidence>,
  times: { readonly now: UnixSeconds; readonly graphAt: UnixSeconds },
  priorOffline: (node: number) => number,
): Belief {
  const channels = new Map<number, ChannelBelief>();
  const offline = new Map<number, number>();
  const pairs: PairFact[] = [];
  const blocked = new Set<number>();
  for (const { observedAt, observation: seen } of evidence) {
    const ageSec = Math.max(0, times.now - observedAt);
    if (ageSec > EVIDENCE_WINDOW_SEC) continue;
    const weight = Math.max(WEIGHT_FLOOR, 2 ** (-ageSec / BOUND_HALF_LIFE_SEC));
    switch (seen.kind) {
      case "holds-at-least":
      case "holds-below": {
        const arc = findArc(graph, seen);
        if (arc < 0) break;
        const share = Math.min(1, Number(seen.amount) / usableMsat(graph, arc >>> 1));
        // End A holds x, end B the rest: what B has at least, A has at most.
        const isLow = (seen.kind === "holds-at-least") === ((arc & 1) === 0);
        channels.set(arc >>> 1, narrow(channels.get(arc >>> 1), isLow, (arc & 1) === 0 ? share : 1 - share, weight));
        break;
      }
      case "pair-holds-at-least": {
        const arcs = arcsBetween(graph, seen.from, seen.to);
        if (arcs.length > 0) pairs.push({ arcs, amountMsat: Number(seen.amount), weight });
        break;
      }
      case "online":
      case "reached":
        fade(offline, findNodeHex(graph, seen.node), (prior) => prior * ONLINE_FACTOR, ageSec / ONLINE_HALF_LIFE_SEC);
        break;
      case "offline":
        fade(
          offline,
          findNodeHex(graph, seen.node),
          (prior) => 1 - (1 - prior) * (1 - OFFLINE_CERTAINTY),
          ageSec / OFFLINE_HALF_LIFE_SEC,
        );
        break;
      case "channel-gone":
      case "policy-stale": {
        const arc = findArc(graph, seen);
        const lasts = seen.kind === "channel-gone" || seen.fault === "disabled";
        if (arc >= 0 && lasts && observedAt > times.graphAt) blocked.add(arc);
        break;
      }
    }
  }
  return { worlds: { channels, offline }, pairs, blocked };

  function fade(into: Map<number, number>, node: number, told: (prior: number) => number, halfLives: number): void {
    if (node < 0) return;
    const prior = priorOffline(node);
    into.set(node, prior + (told(prior) - prior) * 2 ** -halfLives);
  }
}

/** Cuts an interval at a new bound. One that contradicts the other side drops it. */
function narrow(belief: ChannelBelief | undefined, isLow: boolean, bound: number, weight: number): ChannelBelief {
  const { low, high } = belief ?? { low: 0, high: 1 };
  const share = Math.min(Math.max(bound, 0), 1);
  if (isLow) {
    const from = Math.min(Math.max(low, share), 1 - NARROWEST);
    return { low: from, high: high - from < NARROWEST ? 1 : high, weight };
  }
  const to = Math.max(Math.min(high, share), NARROWEST);
  return { low: to - low < NARROWEST ? 0 : low, high: to, weight };
}

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
function arcsBetween(graph: ChannelGraph, from: string, to: string): number[] {
  const [tail, head] = [findNodeHex(graph, from), findNodeHex(graph, to)];
  if (tail < 0 || head < 0) return [];
  const { inStart, inArc, inTail } = graph.rows;
  const arcs: number[] = [];
  for (let slot = inStart[head]!; slot < inStart[head + 1]!; slot++) if (inTail[slot] === tail) arcs.push(inArc[slot]!);
  return arcs;
}
