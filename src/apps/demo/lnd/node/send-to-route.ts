/** One attempt: an HTLC along a given route, and what becomes of it at the payee. */
import type { Failure } from "../network/failure.ts";
import type { Route } from "../network/route.ts";
import { type Leg, returnLegs, settleLegs } from "../network/walk-route.ts";
import { carryHtlc } from "./carry-htlc.ts";
import type { SettledEntry } from "./entries.ts";
import type { Attempt, PaymentRecord } from "./payment-book.ts";
import { blockHeight, type LocalNode, localNodeAt, type World } from "./world.ts";

/** What the payee finds in the last hop's payload (an MPP record). */
export type Payload = { secret: string | undefined; totalMsat: number };

export type AttemptResult =
  | { settled: true; attempt: Attempt }
  | { settled: false; attempt: Attempt; failure: Failure };

/**
 * Resolves when the payment is durable at both ends, or has failed.
 *
 * Nobody is told of a payment before the journal has it.
 */
export async function sendToRoute(
  world: World,
  payer: LocalNode,
  payment: PaymentRecord,
  route: Route,
  payload: Payload,
): Promise<AttemptResult> {
  const { network, now } = world;
  const attempt = payer.payments.startAttempt(payment, route, now());
  const carried = await carryHtlc(world, payer, route);
  const failed = (failure: Failure): AttemptResult => {
    payer.payments.failAttempt(payment, attempt, failure, now());
    return { settled: false, attempt, failure };
  };
  if (!carried.arrived) return failed(carried.failure);

  const height = blockHeight(now());
  const last = route.hops.at(-1)!;
  const payee = localNodeAt(world, last.node);
  const { channelId, forwardMsat: amountMsat, expiry } = last;
  const htlc = { channelId, amountMsat, expiry, height, ...payload };
  const accepted = payee ? payee.invoices.accept(payment.hash, htlc) : "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS";
  if (!payee || accepted !== true) {
    returnLegs(network, carried.legs);
    const code = accepted === true ? "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS" : accepted;
    return failed({ code, sourceIndex: route.hops.length, height });
  }

  const entry = writeSettled(world, { payer, payee, payment, route, legs: carried.legs });
  await world.journal.append(entry);
  settleLegs(network, carried.legs);
  payee.invoices.settle(payment.hash, { amountMsat, settledAt: entry.settledAt, settleIndex: entry.settleIndex });
  const homeward = route.hops.map((hop) => network.keys[hop.node]!).reverse();
  for (let held = world.holds.firstOf(homeward, "back"); held; held = world.holds.firstOf(homeward, "back")) {
    await held.opened;
  }
  payer.payments.succeed(payment, attempt, entry.preimage, entry.settledAt);
  return { settled: true, attempt };
}

function writeSettled(
  world: World,
  paid: { payer: LocalNode; payee: LocalNode; payment: PaymentRecord; route: Route; legs: Leg[] },
): SettledEntry {
  const { payer, payee, payment, route, legs } = paid;
  const { keys, ends, channelIds } = world.network;
  return {
    type: "settled",
    payer: payer.name,
    payee: payee.name,
    hash: payment.hash,
    preimage: payee.invoices.find(payment.hash)!.preimage,
    paymentRequest: payment.paymentRequest,
    valueMsat: payment.valueMsat,
    startedAt: payment.createdAt,
    settledAt: world.now(),
    settleIndex: payee.invoices.reserveSettleIndex(),
    hops: route.hops.map((hop) => ({ ...hop, channelId: hop.channelId.toString(), node: keys[hop.node]! })),
    totalMsat: route.totalMsat,
    totalTimeLock: route.totalTimeLock,
    legs: legs.map(({ arc, amountMsat }) => ({
      channelId: channelIds[arc >> 1]!.toString(),
      from: keys[ends[arc]!]!,
      amountMsat,
    })),
  };
}
