/**
 * What probes say of the prior of balances: how much of it sits at the ends, and which end is the full one.
 *
 * An observation is a share that an end holds, or does not; all of one channel leave an interval. Its probability under the
 * prior is linear in the weight at the ends and in the lean, so the likelihood of all channels is cheap to follow uphill. The
 * maximum is drawn towards the prior that stands without evidence (log-odds are normal around it), from which few
 * observations hardly move it; of what features seem to say, only what stands out of its own noise is kept. A step solves with
 * the gradients' outer products in place of the curvature (Berndt, Hall, Hall and Hausman 1974), and is halved until it climbs.
 */
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { endsBelow, middleBelow, sigmoid, type Tilt } from "../graph/prior.ts";
import { tiltFeatures } from "../graph/tilt.ts";
import type { ChannelBelief } from "../graph/worlds.ts";
import { solve } from "../solve.ts";
import { standOut } from "./stand-out.ts";

/** Log-odds of the weight at the ends, its standard deviation, and what the full end is told by. */
export type FittedShares = { readonly edge: number; readonly deviation: number; readonly tilt: Tilt };

/** Standard deviations before any evidence: of the weight's log-odds (that of the eight shapes), and of what a feature adds. */
const DEVIATIONS = [1, 1, 1, 1] as const;
const SIZE = DEVIATIONS.length;
/** Blame can be mislaid: so many observations may mean nothing. */
const ASTRAY_RATIO = 0.005;
const MOST_STEPS = 25;
const MOST_HALVINGS = 12;
const CLOSE_ENOUGH = 1e-3;
/** No weight and no feature is surer than this, in log-odds. */
const MOST_LOG_ODDS = 4;
/** Channels read between two steps. */
const READ_AT_ONCE = 250;

/**
 * By channel, seven numbers: the probability of its interval where end A is the full one, and where end B is, for the middle
 * and for the ends of the prior; and its three features.
 */
type Rows = { readonly count: number; readonly values: Float64Array };
const WIDTH = 7;

/** Fits to intervals by channel, with the peers that speak for each node, in short steps between which a caller may do other work. */
export function* fitSharesInSteps(
  graph: ChannelGraph,
  peers: Uint32Array,
  channels: ReadonlyMap<number, ChannelBelief>,
): Generator<void, FittedShares> {
  const rows = yield* readRows(graph, peers, channels);
  let at: number[] = new Array(SIZE).fill(0);
  let here = climb(rows, at);
  for (let step = 0; step < MOST_STEPS && rows.count > 0; step++) {
    yield;
    const change = solve(here.curvature, here.gradient);
    let next = here;
    let to = at;
    for (let halving = 0, scale = 1; halving < MOST_HALVINGS; halving++, scale /= 2) {
      to = at.map((x, j) => Math.min(Math.max(x + scale * change[j]!, -MOST_LOG_ODDS), MOST_LOG_ODDS));
      next = climb(rows, to);
      if (next.height > here.height) break;
    }
    if (next.height <= here.height) break;
    const moved = Math.max(...to.map((x, j) => Math.abs(x - at[j]!)));
    [at, here] = [to, next];
    if (moved < CLOSE_ENOUGH) break;
  }
  const variance = (j: number) =>
    solve(
      here.curvature,
      Array.from({ length: SIZE }, (_, k) => (j === k ? 1 : 0)),
    )[j]!;
  const effect = (j: number) => standOut(at[j]!, variance(j));
  const tilt = { fee: effect(1), size: effect(2), disabled: effect(3) };
  return { edge: at[0]!, deviation: Math.sqrt(variance(0)), tilt };
}

function* readRows(
  graph: ChannelGraph,
  peers: Uint32Array,
  channels: ReadonlyMap<number, ChannelBelief>,
): Generator<void, Rows> {
  const values = new Float64Array(channels.size * WIDTH);
  let count = 0;
  for (const [channel, { low, high }] of channels) {
    // Over which of several channels an HTLC went is not told, but which of them could not carry it is: half the story.
    if (hasParallel(graph, channel)) continue;
    const between = (below: (share: number, lean: number) => number, lean: number) =>
      (high < 1 ? below(high, lean) : 1) - (low > 0 ? below(low, lean) : 0);
    const { fee, size, disabled } = tiltFeatures(graph, peers, channel);
    values.set(
      [
        between(middleBelow, 1),
        between(middleBelow, 0),
        between(endsBelow, 1),
        between(endsBelow, 0),
        fee,
        size,
        disabled,
      ],
      WIDTH * count++,
    );
    if (count % READ_AT_ONCE === 0) yield;
  }
  return { count, values };
}

/** Whether another channel with an enabled direction joins the same two nodes. */
function hasParallel({ rows, nodeA, nodeB }: ChannelGraph, channel: number): boolean {
  const degree = (node: number) => rows.outStart[node + 1]! - rows.outStart[node]!;
  const [a, b] = [nodeA[channel]!, nodeB[channel]!];
  const [node, peer] = degree(a) <= degree(b) ? [a, b] : [b, a];
  for (let out = rows.outStart[node]!; out < rows.outStart[node + 1]!; out++)
    if (rows.outHead[out]! === peer && rows.outArc[out]! >>> 1 !== channel) return true;
  for (let slot = rows.inStart[node]!; slot < rows.inStart[node + 1]!; slot++)
    if (rows.inTail[slot]! === peer && rows.inArc[slot]! >>> 1 !== channel) return true;
  return false;
}

type Slope = { readonly height: number; readonly gradient: number[]; readonly curvature: number[][] };

/** The penalised log-likelihood at a point, which way it rises, and how it bends. */
function climb({ count, values }: Rows, at: readonly number[]): Slope {
  const [logOdds = 0, fee = 0, size = 0, disabled = 0] = at;
  const edge = sigmoid(logOdds);
  const gradient = at.map((x, j) => -x / DEVIATIONS[j]! ** 2);
  const curvature = at.map((_, j) => at.map((__, k) => (j === k ? 1 / DEVIATIONS[j]! ** 2 : 0)));
  let height = -at.reduce((sum, x, j) => sum + x ** 2 / DEVIATIONS[j]! ** 2, 0) / 2;
  const slope = new Float64Array(SIZE);
  for (let i = 0, from = 0; i < count; i++, from += WIDTH) {
    const [middleA, middleB] = [values[from]!, values[from + 1]!];
    const [endsA, endsB] = [values[from + 2]!, values[from + 3]!];
    const lean = sigmoid(fee * values[from + 4]! + size * values[from + 5]! + disabled * values[from + 6]!);
    const middle = (1 - lean) * middleB + lean * middleA;
    const ends = (1 - lean) * endsB + lean * endsA;
    const likely = ASTRAY_RATIO + (1 - ASTRAY_RATIO) * ((1 - edge) * middle + edge * ends);
    const swing = (1 - edge) * (middleA - middleB) + edge * (endsA - endsB);
    const rise = ((1 - ASTRAY_RATIO) / likely) * lean * (1 - lean) * swing;
    slope[0] = ((1 - ASTRAY_RATIO) / likely) * edge * (1 - edge) * (ends - middle);
    for (let j = 1; j < SIZE; j++) slope[j] = rise * values[from + 3 + j]!;
    height += Math.log(likely);
    for (let j = 0; j < SIZE; j++) {
      gradient[j]! += slope[j]!;
      for (let k = 0; k < SIZE; k++) curvature[j]![k]! += slope[j]! * slope[k]!;
    }
  }
  return { height, gradient, curvature };
}
