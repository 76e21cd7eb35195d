/** A server stream of LND, with its deadline, its breaker and cancellation. Nothing is judged here. */
import { status } from "@grpc/grpc-js";
import { type CallOptions, type Failure, failureOf, keepBytes, type Reply, unmade } from "./attempt-call.ts";
import { isClosed, type LndClient } from "./connect.ts";
import { type Ended, guardCall, timeOf } from "./guard-call.ts";
import { methodOf, type Rpc } from "./rpcs.ts";

/**
 * Yields messages as they come and reads no further ahead than gRPC's window. A stream that ends with a status other
 * than OK yields that failure last; one that ends well just ends. Leaving the loop cancels the call.
 *
 * `deadlineMs` bounds the whole stream; without it there is no bound.
 */
export async function* attemptStream(
  client: LndClient,
  rpc: Rpc,
  request: object,
  options: CallOptions = {},
): AsyncGenerator<Reply, void, undefined> {
  const { deadlineMs, signal, unguarded } = options;
  if (isClosed(client)) return yield unmade(rpc, "abort");
  const guard = guardCall(client, rpc, timeOf(client, { deadlineMs, unguarded }));
  if (!guard) return yield unmade(rpc, "breaker");
  const { path, requestSerialize } = methodOf(rpc);
  const { grpc, metadata } = client.channel;
  const stream = grpc.makeServerStreamRequest(path, requestSerialize, keepBytes, request, metadata);

  let ended: Ended | undefined;
  const end = (why: Ended) => {
    ended ??= why;
    stream.cancel();
  };
  const abort = () => end("abort");
  const timer = deadlineMs === undefined ? undefined : setTimeout(() => end("deadline"), deadlineMs);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });

  let failure: Failure | undefined;
  let hasAnswered = false;
  try {
    for await (const bytes of stream) {
      // The first message proves the node; how the stream ends, perhaps days later, is another story.
      if (!hasAnswered) guard.end(status.OK, undefined);
      hasAnswered = true;
      yield { ok: true, bytes: bytes as Buffer };
    }
  } catch (error) {
    failure = failureOf(rpc, error, ended);
    yield { ok: false, failure };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    // A stream that its reader left, or that ended without a word, has told nothing of the node.
    if (!hasAnswered) guard.end(failure?.code ?? status.CANCELLED, failure ? ended : "abort");
    // The status of a stream nobody reads any more still arrives, and an unheard error event would end the process.
    stream.on("error", () => {});
    stream.cancel();
  }
}
