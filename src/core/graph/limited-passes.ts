/** Passes that keep limits, with what they need from one question to the next: which arcs are cheap, and by way of which hub. */
import { everyWorld, WORDS, type WorldSet } from "./bits.ts";
import type { ChannelGraph } from "./channel-graph.ts";
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
import type { Start } from "./reach.ts";
import { prepareRounds, type Rounds } from "./reach-rounds.ts";
import { prepareUnits, type Reach, type UnitsPass } from "./reach-units.ts";
import { addTo, type Hub, heldIn, joinByHub, type Reached } from "./reached.ts";
import { remember } from "./remember.ts";
import type { Masks } from "./worlds.ts";

/** Amounts and limits of which costs are kept; a hub is kept for each amount with LND's limits. */
const KEPT = 16;

/** Cheap arcs of an amount within limits, and how to find them again. */
type Cheap = Rounds & { readonly aim: Pick<Aim, "amountMsat" | "limits"> };

/** Opens them over a net, prepared when it is needed; `masksOf` draws the masks of an amount. */
export function openLimitedPasses(graph: ChannelGraph, netOf: () => PathNet, masksOf: (amountMsat: number) => Masks) {
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
    ...pickCheapArcs(netOf(), amountMsat, limits),
    aim: { amountMsat, limits },
  });
  const cheapOf = (aim: Aim) => cheap.get(`${aim.amountMsat} ${nameOf(aim.limits)}`, () => find(aim));
  const unitsOf = ({ amountMsat, limits }: Aim, limit: Limit | undefined) =>
    units.get(`${limit} ${amountMsat} ${nameOf(limits)}`, () =>
      limit ? cheapUnits(netOf(), amountMsat, limits, limit) : dearUnits(netOf(), amountMsat, limits),
    );
  const runUnits = ({ target, amountMsat }: Aim, worlds: WorldSet, reach: Reach) => {
    byUnits ??= prepareUnits(graph);
    return heldIn(byUnits(masksOf(amountMsat), [{ node: target, worlds }], reach));
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
    cheapArcs: (aim: Aim): Rounds => cheapOf(aim),
    within(aim: Aim): Reached {
      const masks = masksOf(aim.amountMsat);
      const hub = hubOf(aim);
      const starts = [{ node: aim.target, worlds: everyWorld() }];
      if (!hub) return heldIn(passes().backward(masks, starts, cheapOf(aim)));
      const reached = joinByHub(hub, starts);
      addNeighbours(graph, masks, aim.target, cheapOf(aim), reached);
      return reached;
    },
    withinFrom(aim: Aim, starts: readonly Start[]): Reached {
      const hub = hubOf(aim);
      if (hub) return joinByHub(hub, starts);
      const { isUsed, count } = cheapOf(aim);
      return heldIn(passes().backward(masksOf(aim.amountMsat), starts, { isUsed, count: count - 1 }));
    },
    withinUnder: (aim: Aim, masks: Masks): Reached =>
      heldIn(passes().backward(masks, [{ node: aim.target, worlds: everyWorld() }], cheapOf(aim))),
    lookAgain: (aim: Aim, worlds: WorldSet): Reached =>
      runUnits(aim, worlds, { units: unitsOf(aim, undefined), most: UNITS, maxArcs: aim.limits.maxHops - 1 }),
    keeping(aim: Aim, limit: Limit, worlds: WorldSet): Reached {
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
        slots.every((slot) => (isUsed[slot] === 1) === isCheap(netOf(), slot, aim.amountMsat, aim.limits));
      if (!asksAnew && [...cheap.all()].every(isSame)) return false;
      forget();
      return true;
    },
  };
}

/** Adds the worlds in which a neighbour's cheap channel to the target carries: no way by the hub is that short. */
function addNeighbours(
  graph: ChannelGraph,
  masks: Masks,
  target: number,
  { isUsed, count }: Rounds,
  reached: Parameters<typeof addTo>[0],
): void {
  const { inStart, inTail } = graph.rows;
  for (let slot = inStart[target]!; slot < inStart[target + 1]! && count > 0; slot++) {
    if (isUsed[slot] === 0) continue;
    addTo(reached, inTail[slot]!, masks.words, slot * WORDS);
  }
}
