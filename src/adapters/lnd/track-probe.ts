/** routerrpc.Router/TrackPaymentV2, for a probe whose answer was missed: how its HTLC came back, if it has. */
import { status } from "@grpc/grpc-js";
import { OracleError } from "../../core/errors.ts";
import type { CallOptions } from "./attempt-call.ts";
import { type AttemptFailure, readAttemptFailure } from "./attempt-failure.ts";
import { attemptStream } from "./attempt-stream.ts";
import type { LndClient } from "./connect.ts";
import { decodeAnswer, messagesField } from "./fields.ts";
import { readPayment } from "./payment.ts";
import { translateFailure } from "./translate-failure.ts";

/** `failed` without a failure: LND has forgotten how. `succeeded`: somebody knew the preimage of a random hash. */
export type ProbeState = { status: "in-flight" | "succeeded" } | { status: "failed"; failure?: AttemptFailure };

/** A probe is one attempt; LND keeps no more of a payment than this. */
const MAX_ATTEMPTS = 1_000;

/**
 * The present state; undefined when LND never began the probe, or has deleted it. `hopCount` bounds who can have failed.
 *
 * Permission offchain:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function trackProbe(
  client: LndClient,
  paymentHash: Uint8Array,
  hopCount: number,
  options: CallOptions = {},
): Promise<ProbeState | undefined> {
  const { deadlineMs = client.deadlineMs, signal } = options;
  const request = { payment_hash: paymentHash, no_inflight_updates: false };
  for await (const reply of attemptStream(client, "TrackPaymentV2", request, { deadlineMs, signal })) {
    if (!reply.ok) {
      if (reply.failure.code === status.NOT_FOUND) return undefined;
      throw await translateFailure(client, reply.failure);
    }
    const payment = decodeAnswer("TrackPaymentV2", reply.bytes);
    const outcome = readPayment(payment, paymentHash);
    if (outcome.status !== "failed") return { status: outcome.status };
    const attempt = messagesField(payment, "htlcs", MAX_ATTEMPTS).at(-1);
    const failure = attempt && readAttemptFailure(attempt, hopCount);
    return { status: "failed", ...(failure && { failure }) };
  }
  throw new OracleError("LND_UNAVAILABLE", "LND said nothing of the probe: try again in a moment");
}
