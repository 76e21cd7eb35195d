/**
 * The prior as the evidence log has it (docs/scoring.md §1): what holds of channels and nodes that nobody has tried, learnt from
 * those that somebody has. Everything is rounded, so that what is drawn from it stays the same until there is something to say.
 */
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { type FittedPrior, offlineRatio, UNFITTED } from "../graph/prior.ts";
import type { ChannelBelief } from "../graph/worlds.ts";
import { fitOffline } from "./fit-offline.ts";
import { fitSharesInSteps } from "./fit-shares.ts";

/** Steps that numbers are rounded to: powers of two, so that the results are exact. */
const EDGE_STEP = 1 / 8;
const TILT_STEP = 1 / 32;
const OFFLINE_STEP = 1 / 16;
/** Spreads are rounded up, and never to nothing: that channels are alike but for their ends is itself an assumption. */
const SPREAD_STEP = 1 / 8;

/** Fits to the intervals of channels, and to whether nodes were online when last looked at, both by index in the graph; without any, the result is UNFITTED. */
export function* fitPriorInSteps(
  graph: ChannelGraph,
  peersOf: () => Uint32Array,
  channels: ReadonlyMap<number, ChannelBelief>,
  looked: ReadonlyMap<number, boolean>,
): Generator<void, FittedPrior> {
  if (channels.size + looked.size === 0) return UNFITTED;
  const peers = peersOf();
  const { edge, deviation, tilt } = yield* fitSharesInSteps(graph, peers, channels);
  yield;
  const { factor, spread } = fitOffline(
    [...looked].map(([node, isOnline]) => ({ prior: offlineRatio(peers[node]!), isOnline })),
  );
  return {
    edge: round(edge, EDGE_STEP),
    edgeSpread: roundUp(deviation),
    offline: round(factor, OFFLINE_STEP),
    offlineSpread: roundUp(spread),
    tilt: {
      fee: round(tilt.fee, TILT_STEP),
      size: round(tilt.size, TILT_STEP),
      disabled: round(tilt.disabled, TILT_STEP),
    },
  };
}

function round(value: number, step: number): number {
  // Adding 0 turns −0 into 0.
  return Math.round(value / step) * step + 0;
}

function roundUp(spread: number): number {
  return Math.max(Math.ceil(spread / SPREAD_STEP - 1e-9), 1) * SPREAD_STEP;
}
