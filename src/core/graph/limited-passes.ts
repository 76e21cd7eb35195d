/** Passes that keep limits, with what they need from one question to the next: which arcs are cheap, and by way of which hub. */
import { everyWorld, WORDS, type WorldSet } from "./bits.ts";
import { findHubWithin } from "./hub.ts";
import {
  type Aim,
  cheapUnits,
  dearUnits,
  defaultLimits,
  isCheap,
  type Limit,
  nameOf,
  pickCheapArcs,
  UNITS,
} from "./limits.ts";
import type { PathNet } from "./path-net.ts";
import { type Hub, joinByHub, type Start } from "./reach.ts";
import { prepareRounds, type Rounds } from "./reach-rounds.ts";
import { prepareUnits, type Reach, type UnitsPass } from "./reach-units.ts";
import { remember } from "./remember.ts";
import type { Masks } from "./worlds.ts";

/** Amounts and limits of which costs are kept; a hub is kept for each amount with LND's limits. */
const KEPT = 16;

/** Cheap arcs of an amount within limits, and how to find them again. */
type Cheap = Rounds & { readonly aim: Pick<Aim, "amountMsat" | "limits"> };

/** Opens them over a net; `masksOf` draws the masks of an amount. */
export function openLimitedPasses(net: PathNet, masksOf: (amountMsat: number) => Masks) {
  const { graph } = net;
  const cheap = remember<Cheap>(KEPT);
  const units = remember<Uint8Array>(KEPT);
  const hubs = remember<Hub>(KEPT);
  // Made when first needed.
  let rounds: ReturnType<typeof prepareRounds> | undefined;
  let byUnits: UnitsPass | undefined;

  const passes = () => {
    rounds ??= prepareRounds(graph);
    return rounds;
  };
  const find = ({ amountMsat, limits }: Cheap["aim"]): Cheap => ({
    ...pickCheapArcs(net, amountMsat, limits),
    aim: { amountMsat, limits },
  });
  const cheapOf = (aim: Aim) => cheap.get(`${aim.amountMsat} ${nameOf(aim.limits)}`, () => find(aim));
  const unitsOf = ({ amountMsat, limits }: Aim, limit: Limit | undefined) =>
    units.get(`${limit} ${amountMsat} ${nameOf(limits)}`, () =>
      limit ? cheapUnits(net, amountMsat, limits, limit) : dearUnits(net, amountMsat, limits),
    );
  const runUnits = ({ target, amountMsat }: Aim, worlds: WorldSet, reach: Reach) => {
    byUnits ??= prepareUnits(graph);
    return byUnits(masksOf(amountMsat), [{ node: target, worlds }], reach);
  };
  /** One that many questions share, so that it is worth two passes. */
  const hubOf = (aim: Aim) => {
    if (nameOf(aim.limits) !== nameOf(defaultLimits(aim.amountMsat))) return undefined;
    return hubs.get(`${aim.amountMsat}`, () => findHubWithin(graph, masksOf(aim.amountMsat), passes(), cheapOf(aim)));
  };
  const forget = () => {
    for (const memory of [cheap, units, hubs]) memory.forget();
  };

  return {
    within(aim: Aim): Int32Array {
      const masks = masksOf(aim.amountMsat);
      const hub = hubOf(aim);
      const starts = [{ node: aim.target, worlds: everyWorld() }];
      if (!hub) return passes().backward(masks, starts, cheapOf(aim));
      return addNeighbours(net, masks, aim.target, cheapOf(aim), joinStarts(starts, hub));
    },
    withinFrom(aim: Aim, starts: readonly Start[]): Int32Array {
      const hub = hubOf(aim);
      if (hub) return joinStarts(starts, hub);
      const { isUsed, count } = cheapOf(aim);
      return passes().backward(masksOf(aim.amountMsat), starts, { isUsed, count: count - 1 });
    },
    withinUnder: (aim: Aim, masks: Masks): Int32Array =>
      passes().backward(masks, [{ node: aim.target, worlds: everyWorld() }], cheapOf(aim)),
    lookAgain: (aim: Aim, worlds: WorldSet): Int32Array =>
      runUnits(aim, worlds, { units: unitsOf(aim, undefined), most: UNITS, maxArcs: aim.limits.maxHops - 1 }),
    keeping(aim: Aim, limit: Limit, worlds: WorldSet): Int32Array {
      const most = limit === "maxHops" ? aim.limits.maxHops - 1 : UNITS;
      return runUnits(aim, worlds, { units: unitsOf(aim, limit), most, maxArcs: Number.POSITIVE_INFINITY });
    },
    forget,
    /**
     * After policies of these channels changed in place; `asksAnew` when that changed what some node asks for what arrives. True
     * when what is within limits may be another than it was.
     */
    refresh(channels: readonly number[], asksAnew: boolean): boolean {
      units.forget();
      const arcs = channels.flatMap((channel) => [2 * channel, 2 * channel + 1]);
      const slots = arcs.map((arc) => graph.rows.slotOfArc[arc]!).filter((slot) => slot >= 0);
      const isSame = ({ isUsed, aim }: Cheap) =>
        slots.every((slot) => (isUsed[slot] === 1) === isCheap(net, slot, aim.amountMsat, aim.limits));
      if (!asksAnew && [...cheap.all()].every(isSame)) return false;
      forget();
      return true;
    },
  };
}

function joinStarts(starts: readonly Start[], hub: Hub): Int32Array {
  const joined = joinByHub(starts, hub.reachedBy, hub.reaches);
  for (const { node, worlds } of starts) for (let g = 0; g < WORDS; g++) joined[node * WORDS + g]! |= worlds[g]!;
  return joined;
}

/** Adds the worlds in which a neighbour's cheap channel to the target carries: no way by the hub is that short. */
function addNeighbours(
  { graph }: PathNet,
  masks: Masks,
  target: number,
  { isUsed, count }: Rounds,
  sets: Int32Array,
): Int32Array {
  const { inStart, inTail } = graph.rows;
  for (let slot = inStart[target]!; slot < inStart[target + 1]! && count > 0; slot++) {
    if (isUsed[slot] === 0) continue;
    for (let g = 0; g < WORDS; g++) sets[inTail[slot]! * WORDS + g]! |= masks.words[slot * WORDS + g]!;
  }
  return sets;
}
