/** A whole payment: up to twelve attempts, each along the best route that what was met so far leaves open. */
import { setImmediate } from "node:timers/promises";
import { emptyMemory, remember } from "../network/memory.ts";
import type { PaymentFailureReason, PaymentRecord } from "./payment-book.ts";
import { type Payload, sendToRoute } from "./send-to-route.ts";
import { blockHeight, type LocalNode, type World } from "./world.ts";

/** What the payer decides, with what the invoice asks for. `secret` is hex. */
export type PaymentPlan = {
  hash: string;
  target: number;
  amountMsat: number;
  feeLimitMsat: number;
  finalCltvDelta: number;
  cltvLimit: number;
  timeoutSec: number;
  secret: string | undefined;
  paymentRequest: string;
  outgoingChannels?: ReadonlySet<bigint>;
  lastHop?: number;
};

const MAX_ATTEMPTS = 12;
/** LND adds this to what the payee asks for, against blocks found while the payment is under way. */
export const BLOCK_PADDING = 3;

/** Books the payment, so that a second call for the same hash is refused. @throws RpcRefusal ALREADY_EXISTS */
export function beginPayment(world: World, payer: LocalNode, plan: PaymentPlan): PaymentRecord {
  const { hash, amountMsat: valueMsat, paymentRequest } = plan;
  return payer.payments.begin({ hash, valueMsat, paymentRequest, createdAt: world.now() });
}

/** Runs a booked payment to its end. Who wants to see it follows the payment book. */
export async function sendPayment(
  world: World,
  payer: LocalNode,
  payment: PaymentRecord,
  plan: PaymentPlan,
): Promise<void> {
  try {
    const reason = await attemptAll(world, payer, payment, plan);
    if (reason) payer.payments.fail(payment, reason);
    // Who followed the payment has seen how it went; it is not kept.
    payer.payments.dropFailedAttempts(payment);
    // LND looks at the time once more when all is over, and notes down what it sees, whatever the end was.
    if (isOutOfTime(world, payment, plan)) payment.failureReason = "FAILURE_REASON_TIMEOUT";
  } catch (error) {
    // Only the journal can fail here. What it holds is unknown, so the payment stays in flight until a restart.
    if (payment.attempts.at(-1)?.status !== "IN_FLIGHT") payer.payments.fail(payment, "FAILURE_REASON_ERROR");
    throw error;
  }
}

function isOutOfTime(world: World, payment: PaymentRecord, { timeoutSec }: PaymentPlan): boolean {
  return world.now() >= payment.createdAt + timeoutSec;
}

async function attemptAll(
  world: World,
  payer: LocalNode,
  payment: PaymentRecord,
  plan: PaymentPlan,
): Promise<PaymentFailureReason | undefined> {
  const memory = emptyMemory();
  const payload: Payload = { secret: plan.secret, totalMsat: plan.amountMsat };
  if (plan.amountMsat > spendable(world, payer, plan.outgoingChannels)) return "FAILURE_REASON_INSUFFICIENT_BALANCE";
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    // A search of a large graph takes tens of milliseconds: others get their turn in between.
    await setImmediate();
    if (isOutOfTime(world, payment, plan)) return "FAILURE_REASON_TIMEOUT";
    const found = world.findRoute({
      ...plan,
      source: payer.index,
      height: blockHeight(world.now()),
      finalCltvDelta: plan.finalCltvDelta + BLOCK_PADDING,
      ownsSource: true,
      memory,
    });
    if (!found) return "FAILURE_REASON_NO_ROUTE";
    const result = await sendToRoute(world, payer, payment, found.route, payload);
    if (result.settled) return undefined;
    if (result.failure.sourceIndex >= found.route.hops.length) return "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS";
    remember(memory, payer.index, found.route, result.failure);
  }
  return "FAILURE_REASON_NO_ROUTE";
}

/** What the node can send over its enabled channels, or those of them it may use, all together. */
export function spendable(world: World, node: LocalNode, among?: ReadonlySet<bigint>): number {
  const { network } = world;
  let sum = 0;
  for (let arc = 0; arc < network.ends.length; arc++) {
    const isUsable = network.ends[arc] === node.index && network.enabled[arc];
    if (isUsable && (among?.has(network.channelIds[arc >> 1]!) ?? true)) sum += network.balanceMsat[arc]!;
  }
  return sum;
}
