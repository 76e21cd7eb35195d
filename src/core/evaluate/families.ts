/**
 * Ways in which a channel's balance may really be spread. None is known to be the truth: a model that is right only where
 * its own prior is the truth is no use, so every predictor is measured in all of them.
 */
import { type ChannelGraph, POLICY_ENABLED } from "../graph/channel-graph.ts";
import { shareBelow } from "../graph/prior.ts";
import type { Random } from "./random.ts";

/** `hubdrain` is a stress: balances are drained in a common direction, which no predictor here is told. */
export const FAMILIES = ["ldk", "softu", "bimodal", "uniform", "hubdrain"] as const;
export type Family = (typeof FAMILIES)[number];

/** Slope of the drained end's odds against the difference of the fees' logarithms: an assumption, as all of `softu` is. */
const TILT = 0.55;
const DRAINED_RATIO = 0.33;
/** A direction that is disabled counts as if it charged this power of ten. */
const DISABLED_LOG_FEE = 1.5;
/** Probability that the drained end of a channel faces the node with more channels. */
const HUB_SIDE_RATIO = 0.85;
const DRAINED_MEAN = 0.05;

/** Draws the share of a channel that its end A holds, in [0, 1]. `degrees` is by node. */
export function drawShare(
  family: Family,
  graph: ChannelGraph,
  channel: number,
  degrees: Uint32Array,
  random: Random,
): number {
  switch (family) {
    case "ldk":
      return invertPrior(random());
    case "softu":
      return drawTilted(feeTilt(graph, channel), random);
    case "bimodal":
      return random() < 0.5 ? drawDrained(random) : 1 - drawDrained(random);
    case "uniform":
      return random();
    case "hubdrain": {
      const towardsA = degrees[graph.nodeA[channel]!]! > degrees[graph.nodeB[channel]!]!;
      const drainedA = random() < HUB_SIDE_RATIO === !towardsA;
      return drainedA ? drawDrained(random) : 1 - drawDrained(random);
    }
  }
}

/** Share of an end that was drained: exponential, cut at the whole. */
function drawDrained(random: Random): number {
  return Math.min(1, -DRAINED_MEAN * Math.log(1 - random()));
}

function drawTilted(tilt: number, random: Random): number {
  if (random() < DRAINED_RATIO) {
    const left = 0.05 * random();
    return random() < 1 / (1 + Math.exp(-TILT * tilt)) ? left : 1 - left;
  }
  const share = random();
  const shift = Math.min(Math.max(-0.09 * tilt, -0.25), 0.25);
  return Math.min(Math.max(share + shift * 4 * share * (1 - share), 0), 1);
}

/** By how many powers of ten end A charges more than end B. */
function feeTilt(graph: ChannelGraph, channel: number): number {
  return logFee(graph, 2 * channel) - logFee(graph, 2 * channel + 1);
}

function logFee({ policies }: ChannelGraph, arc: number): number {
  const isEnabled = (policies.flags[arc]! & POLICY_ENABLED) !== 0;
  return isEnabled ? Math.log10(1 + policies.feePpm[arc]!) : DISABLED_LOG_FEE;
}

/** The share below which a part `ratio` of the fitted prior lies, by bisection to 2^-30. */
function invertPrior(ratio: number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (shareBelow(middle) < ratio) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
