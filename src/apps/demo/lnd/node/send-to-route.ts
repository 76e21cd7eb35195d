/** One attempt: an HTLC along a given route, and what becomes of it at the payee. */
import type { Failure } from "../network/failure.ts";
import type { Route } from "../network/route.ts";
import { returnLegs } from "../network/walk-route.ts";
import { carryHtlc } from "./carry-htlc.ts";
import type { Resolution } from "./invoice-htlc.ts";
import type { Attempt, PaymentRecord } from "./payment-book.ts";
import { receiveHtlc } from "./receive-htlc.ts";
import { blockHeight, type LocalNode, localNodeAt, type World } from "./world.ts";

/** What the payee finds in the last hop's payload (an MPP record). */
export type Payload = { secret: string | undefined; totalMsat: number };

export type AttemptResult =
  | { settled: true; attempt: Attempt }
  | { settled: false; attempt: Attempt; failure: Failure };

/** Resolves when the payment is durable at both ends, or has failed. */
export async function sendToRoute(
  world: World,
  payer: LocalNode,
  payment: PaymentRecord,
  route: Route,
  payload: Payload,
): Promise<AttemptResult> {
  const { network, now } = world;
  const attempt = payer.payments.startAttempt(payment, route, payload, now());
  const failed = (failure: Failure): AttemptResult => {
    payer.payments.failAttempt(payment, attempt, failure, now());
    return { settled: false, attempt, failure };
  };
  const carried = await carryHtlc(world, payer, route);
  if (!carried.arrived) return failed(carried.failure);

  const last = route.hops.at(-1)!;
  const payee = localNodeAt(world, last.node);
  const { channelId, expiry } = last;
  const { amountMsat } = carried.legs.at(-1)!;
  const height = blockHeight(now());
  const part = { payer: payer.name, payment, route, legs: carried.legs };
  const end: Resolution = payee
    ? await receiveHtlc(world, payee, payment.hash, { channelId, amountMsat, expiry, height, ...payload, part })
    : { code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS" };
  if ("code" in end) {
    returnLegs(network, carried.legs);
    return failed({ code: end.code, sourceIndex: route.hops.length, height });
  }

  await comeBack(world, route);
  payer.payments.settleAttempt(payment, attempt, end.preimage, now());
  return { settled: true, attempt };
}

/** The preimage on its way to the payer, past whoever holds it up. */
async function comeBack({ network, holds }: World, route: Route): Promise<void> {
  const homeward = route.hops.map((hop) => network.keys[hop.node]!).reverse();
  for (let held = holds.firstOf(homeward, "back"); held; held = holds.firstOf(homeward, "back")) await held.opened;
}
