/** A sender as LND is: it tries its best route, learns from the failure for this payment alone, and tries again. */

import { attempt, type Ending } from "./attempt.ts";
import { APRIORI_OWN_RATIO } from "./lnd-apriori.ts";
import type { Payment } from "./payments.ts";
import { type Estimate, findRoute, pairOfArc, type Route, type Router } from "./search.ts";
import type { Truth } from "./truth.ts";

/** A payment's attempts, in order. */
export type Try = { readonly route: Route; readonly ending: Ending };

/** Tries up to `most` routes; own balances are known. An empty list means that no route was found. */
export function send(router: Router, truth: Truth, payment: Payment, estimate: Estimate, most: number): Try[] {
  const failed = new Map<number, number>();
  const tries: Try[] = [];
  const beliefs = {
    estimate: (slot: number, pair: number, amountMsat: number) =>
      failed.size > 0 && amountMsat >= (failed.get(pair) ?? Number.POSITIVE_INFINITY)
        ? 0
        : estimate(slot, pair, amountMsat),
    ownRatio: APRIORI_OWN_RATIO,
    // An own channel whose peer is away is seen at once; it fails with the pair.
    ownMsat: (arc: number) => (failed.get(pairOfArc(router, arc)) === 0 ? -1 : truth.balanceMsat[arc]!),
  };
  while (tries.length < most) {
    const route = findRoute(router, payment, beliefs);
    if (!route) break;
    const ending = attempt(router, truth, route);
    tries.push({ route, ending });
    if (ending.arrived) break;
    blame(router, failed, route, ending);
  }
  return tries;
}

/** Whether the last attempt arrived. */
export function arrived(tries: readonly Try[]): boolean {
  return tries.at(-1)?.ending.arrived ?? false;
}

function blame(router: Router, failed: Map<number, number>, route: Route, ending: Ending & { arrived: false }): void {
  const pair = pairOfArc(router, route.arcs[ending.index]!);
  if (ending.reason === "liquidity") {
    failed.set(pair, Math.min(failed.get(pair) ?? Number.POSITIVE_INFINITY, route.crossingMsat[ending.index]!));
    return;
  }
  failed.set(pair, 0);
  const back = router.pairs.back[pair]!;
  if (back >= 0) failed.set(back, 0);
}
