/** One HTLC through the truth. Forwarding is not strict (BOLT 4), and who reports a failure tells the truth. */
import { arcHead } from "../graph/channel-graph.ts";
import { policyAdmits } from "../graph/worlds.ts";
import { pairOfArc, type Route, type Router } from "./search.ts";
import type { Truth } from "./truth.ts";

/** Where an attempt ended: over all arcs, or before crossing `arcs[index]` and why. */
export type Ending =
  | { readonly arrived: true }
  | { readonly arrived: false; readonly index: number; readonly reason: "offline" | "liquidity" | "policy" };

/** Sends along a route. The first arc is the caller's own: it forwards over that one or none. */
export function attempt(router: Router, truth: Truth, { arcs, crossingMsat }: Omit<Route, "probability">): Ending {
  for (const [index, arc] of arcs.entries()) {
    if (truth.online[arcHead(router.graph, arc)] === 0) return { arrived: false, index, reason: "offline" };
    const amountMsat = crossingMsat[index]!;
    const carried = index === 0 ? holds(truth, arc, amountMsat) : carries(router, truth, arc, amountMsat);
    // The caller's own policy binds others, not itself.
    if (!carried) {
      const refused = index > 0 && truth.refuses[arc] === 1;
      return { arrived: false, index, reason: refused ? "policy" : "liquidity" };
    }
  }
  return { arrived: true };
}

function carries(router: Router, truth: Truth, arc: number, amountMsat: number): boolean {
  const { pairs, graph } = router;
  const pair = pairOfArc(router, arc);
  for (let i = pairs.start[pair]!; i < pairs.start[pair + 1]!; i++) {
    const other = pairs.arcs[i]!;
    const admits = truth.refuses[other] === 0 && policyAdmits(graph, other, amountMsat);
    if (admits && holds(truth, other, amountMsat)) return true;
  }
  return false;
}

function holds({ balanceMsat }: Truth, arc: number, amountMsat: number): boolean {
  return balanceMsat[arc]! >= amountMsat;
}
