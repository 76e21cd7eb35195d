/** routerrpc.Router/SendToRouteV2: one HTLC along one chosen route. With a random hash it is a probe: nothing can settle. */
import { OracleError } from "../../core/errors.ts";
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import { type AttemptFailure, readAttemptFailure } from "./attempt-failure.ts";
import type { LndClient } from "./connect.ts";
import { type Answer, bytesField, decodeAnswer, wordField, wrong } from "./fields.ts";
import { opens } from "./payment.ts";
import { resolveFailure } from "./resolve-failure.ts";
import { type LndRoute, writeRoute } from "./route.ts";
import { trackPayment } from "./track-payment.ts";
import { translateFailure } from "./translate-failure.ts";

/** `unknown`: the HTLC may still be held somewhere. */
export type RouteResult =
  | { status: "succeeded"; preimage: Uint8Array }
  | ({ status: "failed" } & AttemptFailure)
  | { status: "unknown"; cause: unknown };

/** An HTLC is normally resolved within seconds; a held one may take until its time lock. */
const DEADLINE_MS = 60_000;

const STATUSES = { IN_FLIGHT: "in-flight", SUCCEEDED: "succeeded", FAILED: "failed" } as const;

/**
 * Sends and waits for the HTLC's end. Cannot be taken back: `signal` and the deadline (60 s) end the waiting only, and
 * LND keeps the attempt among its payments until it is deleted there. `paymentAddress` is the invoice's, or random in a
 * probe.
 *
 * Permission offchain:read and offchain:write.
 * @throws LND_UNAVAILABLE, LND_REFUSED only when nothing was sent
 */
export async function sendToRoute(
  client: LndClient,
  attempt: { paymentHash: Uint8Array; route: LndRoute; paymentAddress?: Uint8Array },
  options: CallOptions = {},
): Promise<RouteResult> {
  const { paymentHash, route, paymentAddress } = attempt;
  if (paymentHash.length !== 32 || (paymentAddress && paymentAddress.length !== 32)) {
    throw new OracleError("VALIDATION_FAILED", "a payment hash and a payment address have 32 bytes");
  }
  // Also shows, before anything is sent, that this node is ready and knows this macaroon.
  const earlier = await trackPayment(client, paymentHash, { signal: options.signal });
  if (earlier && earlier.status !== "failed") {
    throw new OracleError("LND_REFUSED", "LND has a payment with this hash, paid or under way: take a fresh one");
  }
  const request = { payment_hash: paymentHash, route: writeRoute(route, paymentAddress) };
  const reply = await attemptCall(client, "SendToRouteV2", request, { deadlineMs: DEADLINE_MS, ...options });
  if (reply.ok) {
    try {
      return readAttempt(decodeAnswer("SendToRouteV2", reply.bytes), paymentHash, route.hops.length);
    } catch (cause) {
      return { status: "unknown", cause };
    }
  }
  const resolved = await resolveFailure(client, paymentHash, reply.failure);
  // What is booked as ended under this hash is an earlier attempt: this one was refused.
  if (resolved.status !== "unknown") throw await translateFailure(client, reply.failure);
  return resolved;
}

function readAttempt(answer: Answer, paymentHash: Uint8Array, hopCount: number): RouteResult {
  const status = wordField(answer, "status", STATUSES);
  if (status === "succeeded") {
    const preimage = bytesField(answer, "preimage", 32);
    if (!opens(preimage, paymentHash)) throw wrong(answer, "preimage", "the preimage of the payment hash");
    return { status, preimage };
  }
  const failure = readAttemptFailure(answer, hopCount);
  if (status === "in-flight" || !failure) throw wrong(answer, "status", "an attempt that has ended");
  return { status, ...failure };
}
