/** What beliefs of one graph were found from before, so that one more observation does not find all of it again. */
import type { Direction, Evidence } from "../evidence/observation.ts";
import type { ChannelGraph } from "../graph/channel-graph.ts";
import type { FittedPrior } from "../graph/prior.ts";
import type { UnixSeconds } from "../units.ts";
import { findArc } from "./find-arc.ts";

/** What a fit was made of: so many entries from one to another, aged to an instant. Entries between two that are the same can only come or go. */
export type FitGround = {
  readonly now: UnixSeconds;
  readonly count: number;
  readonly first: Evidence | undefined;
  readonly last: Evidence | undefined;
};

/** Opened once, and kept by whoever believes; it begins anew with another graph. */
export type BeliefMemory = {
  graph: ChannelGraph | undefined;
  arcs: WeakMap<Direction, number>;
  fit: { readonly ground: FitGround; readonly prior: FittedPrior } | undefined;
};

export const openBeliefMemory = (): BeliefMemory => ({ graph: undefined, arcs: new WeakMap(), fit: undefined });

export function rememberGraph(memory: BeliefMemory, graph: ChannelGraph): void {
  if (memory.graph !== graph) Object.assign(memory, openBeliefMemory(), { graph });
}

/** For a graph whose policies have changed in place: fees and directions that are off are what is fitted to. */
export function forgetFit(memory: BeliefMemory): void {
  memory.fit = undefined;
}

/** As {@link findArc}. */
export function recallArc(memory: BeliefMemory, graph: ChannelGraph, seen: Direction): number {
  const known = memory.arcs.get(seen);
  if (known !== undefined) return known;
  const arc = findArc(graph, seen);
  memory.arcs.set(seen, arc);
  return arc;
}

/** The fit on this ground: the one that was made on it before, or else a new one. */
export function* recallFit(
  memory: BeliefMemory,
  ground: FitGround,
  make: () => Generator<void, FittedPrior>,
): Generator<void, FittedPrior> {
  const known = memory.fit?.ground;
  const isSame =
    known?.now === ground.now &&
    known.count === ground.count &&
    known.first === ground.first &&
    known.last === ground.last;
  if (memory.fit && isSame) return memory.fit.prior;
  const prior = yield* make();
  memory.fit = { ground, prior };
  return prior;
}
