/** Whether a probe will arrive along the path that was chosen for it: the prediction that is logged before it is sent. */
import { both, countWorlds, everyWorld, WORLDS, type WorldSet, worldsAt } from "../graph/bits.ts";
import { arcHead } from "../graph/channel-graph.ts";
import type { Masks, Worlds } from "../graph/worlds.ts";
import { lndApriori } from "../prediction/lnd-apriori.ts";
import { type Chance, chanceOfWorlds } from "../score/interval.ts";

/** How likely a probe arrives, with its 90 % interval; and what LND says of the same route. */
export type Arrival = Chance & { readonly lndApriori: number };

/** Names the computation behind an arrival. */
export const ARRIVAL_MODEL = "path-arrival-2";

/** Half a world is added either way: no count of worlds is certainty. */
export function arrivalOf(worlds: Worlds, masks: Masks, arcs: readonly number[]): Arrival {
  const arrivals = arrivalsOf(worlds, masks, arcs);
  const { interval } = chanceOfWorlds(arrivals);
  const { capacitySat } = worlds.graph;
  const hops = arcs.slice(1).map((arc) => ({
    amountMsat: masks.amountMsat,
    capacityMsat: capacitySat[arc >>> 1]! * 1000,
  }));
  return { probability: (countWorlds(arrivals) + 0.5) / (WORLDS + 1), interval, lndApriori: lndApriori(hops) };
}

/** The worlds in which a probe along `arcs` arrives. */
function arrivalsOf({ graph, online }: Worlds, masks: Masks, arcs: readonly number[]): WorldSet {
  const carried = arcs.map((arc, i) =>
    i === 0 ? worldsAt(online, arcHead(graph, arc)) : worldsAt(masks.words, graph.rows.slotOfArc[arc]!),
  );
  return carried.reduce(both, everyWorld());
}
