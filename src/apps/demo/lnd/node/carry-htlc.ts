/** One HTLC on its way to the payee: through the balances nobody sees, past whoever holds it up. */
import type { Failure } from "../network/failure.ts";
import type { Route } from "../network/route.ts";
import { type Leg, lockLegs, returnLegs, walkRoute } from "../network/walk-route.ts";
import { blockHeight, type LocalNode, type World } from "./world.ts";

export type Carried = { arrived: true; legs: Leg[] } | { arrived: false; failure: Failure };

/**
 * Resolves when the HTLC is at the payee, its money locked along `legs`, or has come back and nothing is locked. What
 * nobody holds up is carried in one go, so no two payments spend the same money.
 */
export async function carryHtlc(world: World, payer: LocalNode, route: Route): Promise<Carried> {
  const { network, holds, now } = world;
  for (;;) {
    const walk = walkRoute(network, payer.index, route, blockHeight(now()));
    const reached = walk.legs.map((_, position) => network.keys[route.hops[position]!.node]!);
    const held = holds.firstOf(reached, "there");
    if (!held) {
      if (walk.arrived) lockLegs(network, walk.legs);
      return walk;
    }
    const legs = walk.legs.slice(0, held.position + 1);
    lockLegs(network, legs);
    const goesOn = await held.opened;
    returnLegs(network, legs);
    if (!goesOn) return { arrived: false, failure: turnedBack(route, held.position) };
  }
}

/** By the node that held it. The payee can blame no channel. */
function turnedBack(route: Route, position: number): Failure {
  const isPayee = position === route.hops.length - 1;
  const code = isPayee ? "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS" : "TEMPORARY_CHANNEL_FAILURE";
  return { code, sourceIndex: position + 1 };
}
