/**
 * The probability that a payer reaches a target within limits, between two bounds: worlds in which a route within the limits
 * certainly exists, and worlds in which one may. The lower one is what is said; both are in the interval.
 */
import { both, either, everyWorld, WORDS, type WorldSet, worldsAt } from "../graph/bits.ts";
import { type Path, pathFrom, pathOverOwn } from "../graph/cheapest-path.ts";
import type { ReachEngine } from "../graph/engine.ts";
import type { Aim, Limit } from "../graph/limits.ts";
import { hopsOverOwn, leaveOver, leaveOverAnnounced } from "../graph/own-channels.ts";
import type { Reached } from "../graph/reached.ts";
import type { Masks } from "../graph/worlds.ts";
import { type Chance, chanceBetween, chanceOf, groupRatios } from "../score/interval.ts";
import { isKnown, type Payer } from "./payer.ts";

/** The answer; the worlds behind it where one caller asks; and whether the limits may cost more than a little. */
export type Judgement = { readonly chance: Chance; readonly leaves: WorldSet; readonly isLimited: boolean };

/** A smaller part of the worlds may stay in doubt: it is in the interval, and a closer look takes as long as all the rest. */
const CLEAR_DOUBT = 0.02;

const LIMITS: readonly Limit[] = ["maxFeeMsat", "maxCltvDelta", "maxHops"];

/** One sender, how it leaves over sets of worlds by node, and the bounds found so far. */
type Sender = {
  readonly weight: number;
  readonly route: () => Path | undefined;
  readonly leave: (reached: Reached) => WorldSet;
  lower: WorldSet;
  upper: WorldSet;
};

/** A caller of which nothing is known has the mean of the references. */
export function judge(engine: ReachEngine, payer: Payer, aim: Aim): Judgement {
  const within = engine.within(aim);
  const reached = engine.toTarget(aim.target, aim.amountMsat);
  const senders = sendersOf(engine, payer, aim);
  for (const sender of senders) {
    sender.lower = sender.leave(within);
    sender.upper = sender.leave(reached);
  }
  const isLimited = doubtOf(senders) >= CLEAR_DOUBT;
  if (isLimited) closeGap(engine, payer, aim, senders);
  const leaves = isKnown(payer) ? senders[0]!.lower : new Int32Array(WORDS);
  const chance = chanceBetween(meanOf(senders, "lower"), meanOf(senders, "upper"));
  return { chance, leaves, isLimited };
}

/** The chance with other masks than the worlds', where nobody looks twice: what-ifs are worth one pass. */
export function judgeUnder(engine: ReachEngine, payer: Payer, aim: Aim, masks: Masks): Chance {
  return chanceBy(engine, payer, aim, engine.withinUnder(aim, masks), masks);
}

/** The chance if these were the worlds, by node, in which one that forwards reaches the target. */
export function chanceBy(engine: ReachEngine, payer: Payer, aim: Aim, within: Reached, masks?: Masks): Chance {
  const senders = sendersOf(engine, payer, aim, masks);
  for (const sender of senders) sender.lower = sender.leave(within);
  return chanceOf(meanOf(senders, "lower"));
}

/** Worlds in which a known payer reaches the target whatever the route costs. */
export function leavesWhatever(engine: ReachEngine, payer: Payer, aim: Aim): WorldSet {
  return sendersOf(engine, payer, aim)[0]!.leave(engine.toTarget(aim.target, aim.amountMsat));
}

/** The route that an LND-like sender with these channels tries first. */
export function routeOf(engine: ReachEngine, { caller, own }: Payer, aim: Aim): Path | undefined {
  if (own) return pathOverOwn(engine.net, engine.pathsTo(aim), caller, own);
  return caller < 0 ? undefined : pathFrom(engine.net, engine.pathsTo(aim), caller);
}

/** Worlds in which exactly this route works. */
export function worksOver(
  engine: ReachEngine,
  { own }: Payer,
  { amountMsat }: Pick<Aim, "amountMsat">,
  path: Path,
): WorldSet {
  const masks = engine.masks(amountMsat);
  // A channel the caller told us of holds the amount; whether its peer is online is no arc's business then.
  const first = own ? worldsAt(masks.online, path.nodes.at(-path.hops)!) : everyWorld();
  const { slotOfArc } = engine.graph.rows;
  return path.arcs.reduce((all, arc) => both(all, worldsAt(masks.words, slotOfArc[arc]!)), first);
}

/** Those who may pay: the caller, or everybody who stands for it. */
export function sendersOf(
  engine: ReachEngine,
  payer: Payer,
  aim: Aim,
  masks: Masks = engine.masks(aim.amountMsat),
): Sender[] {
  const { caller, own, references } = payer;
  const none = () => new Int32Array(WORDS);
  const announced = (node: number, weight: number): Sender => ({
    weight,
    route: () => pathFrom(engine.net, engine.pathsTo(aim), node),
    leave: (reached) => leaveOverAnnounced(engine.graph, masks, node, reached),
    lower: none(),
    upper: none(),
  });
  if (own) {
    const hops = hopsOverOwn(masks, own);
    const leave = (reached: Reached) => leaveOver(hops, reached);
    return [{ weight: 1, route: () => routeOf(engine, payer, aim), leave, lower: none(), upper: none() }];
  }
  if (caller >= 0) return [announced(caller, 1)];
  return references.filter(({ node }) => node !== aim.target).map(({ node, weight }) => announced(node, weight));
}

/** The part of the worlds in which it is in doubt, on average of the senders. */
function doubtOf(senders: readonly Sender[]): number {
  const ratio = (bound: "lower" | "upper") => meanOf(senders, bound).reduce((sum, each) => sum + each, 0) / WORDS;
  return ratio("upper") - ratio("lower");
}

/** Worlds of which it is in doubt whether a route within the limits exists. */
function gapOf(senders: readonly Sender[]): WorldSet {
  return senders.reduce(
    (gap, { lower, upper }) =>
      either(
        gap,
        upper.map((word, g) => word & ~lower[g]!),
      ),
    new Int32Array(WORDS),
  );
}

/** Settles what it can: by the route tried first, by a closer look from below, and from above by one limit after the other. */
function closeGap(engine: ReachEngine, payer: Payer, aim: Aim, senders: readonly Sender[]): void {
  for (const sender of senders) {
    const path = sender.route();
    if (path) sender.lower = either(sender.lower, worksOver(engine, payer, aim, path));
  }
  const again = engine.lookAgain(aim, gapOf(senders));
  for (const sender of senders) sender.lower = either(sender.lower, sender.leave(again));
  for (const limit of LIMITS) {
    if (doubtOf(senders) < CLEAR_DOUBT) return;
    const gap = gapOf(senders);
    const keeping = engine.keeping(aim, limit, gap);
    for (const sender of senders) sender.upper = both(sender.upper, either(sender.lower, sender.leave(keeping)));
  }
}

function meanOf(senders: readonly Sender[], bound: "lower" | "upper"): Float64Array {
  const groups = new Float64Array(WORDS);
  let total = 0;
  for (const sender of senders) {
    total += sender.weight;
    groupRatios(sender[bound]).forEach((ratio, g) => {
      groups[g]! += ratio * sender.weight;
    });
  }
  return groups.map((sum) => sum / Math.max(total, 1));
}
