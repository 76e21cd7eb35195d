/** One unary call to LND, with its deadline, its breaker and cancellation. Nothing is judged here. */
import { type ServiceError, status } from "@grpc/grpc-js";
import { isClosed, type LndClient } from "./connect.ts";
import { type Ended, guardCall, timeOf } from "./guard-call.ts";
import { methodOf, type Rpc } from "./rpcs.ts";

/**
 * `deadlineMs` is the client's own when absent. `unguarded` calls are made whatever the breaker says, and it does not hear of
 * them: for those who look whether the node is back.
 */
export type CallOptions = { deadlineMs?: number; signal?: AbortSignal | undefined; unguarded?: boolean };

/** A call without an answer: its gRPC status, and whether it was we who ended it, or did not begin it. */
export type Failure = { rpc: Rpc; code: status; details: string; cause: unknown; ended: Ended | undefined };

export type Reply = { ok: true; bytes: Buffer } | { ok: false; failure: Failure };

/**
 * Makes a call and gives back what came: bytes, or the gRPC status. For callers to whom some status is an answer.
 *
 * The deadline is a timer and not a point in time, so setting the clock ends no call.
 */
export function attemptCall(client: LndClient, rpc: Rpc, request: object, options: CallOptions = {}): Promise<Reply> {
  const { deadlineMs = client.deadlineMs, signal, unguarded } = options;
  const { path, requestSerialize } = methodOf(rpc);

  return new Promise((resolve) => {
    let ended: Ended | undefined;
    if (isClosed(client)) return resolve(unmade(rpc, "abort"));
    const guard = guardCall(client, rpc, timeOf(client, { deadlineMs, unguarded }));
    if (!guard) return resolve(unmade(rpc, "breaker"));
    const finish = (error: ServiceError | null, bytes?: Buffer) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      const reply: Reply = bytes && !error ? { ok: true, bytes } : { ok: false, failure: failureOf(rpc, error, ended) };
      guard.end(reply.ok ? status.OK : reply.failure.code, ended);
      resolve(reply);
    };
    const end = (why: Ended) => {
      ended ??= why;
      call.cancel();
    };
    const abort = () => end("abort");

    const { grpc, metadata } = client.channel;
    const call = grpc.makeUnaryRequest(path, requestSerialize, keepBytes, request, metadata, finish);
    const timer = setTimeout(() => end("deadline"), deadlineMs);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

/** A call that was never put on the wire. */
export function unmade(rpc: Rpc, why: Ended): Reply {
  return { ok: false, failure: failureOf(rpc, undefined, why) };
}

/** What is known of a call that ended with this error. */
export function failureOf(rpc: Rpc, error: unknown, ended?: Ended): Failure {
  const { code, details } = (error ?? {}) as Partial<ServiceError>;
  return { rpc, code: code ?? status.INTERNAL, details: details ?? "", cause: error, ended };
}

/** Decoding is left to `fields.ts`: unreadable bytes are then the node's fault, and no broken connection. */
export function keepBytes(bytes: Buffer): Buffer {
  return bytes;
}
