/** A server stream of LND, with its deadline and cancellation. Nothing is judged here. */
import { type Failure, failureOf, keepBytes, type Reply } from "./attempt-call.ts";
import { isClosed, type LndClient } from "./connect.ts";
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
  options: { deadlineMs?: number; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Reply, void, undefined> {
  const { deadlineMs, signal } = options;
  if (isClosed(client)) return yield { ok: false, failure: failureOf(rpc, undefined, "abort") };
  const { path, requestSerialize } = methodOf(rpc);
  const stream = client.grpc.makeServerStreamRequest(path, requestSerialize, keepBytes, request, client.metadata);

  let ended: Failure["ended"];
  const end = (why: Failure["ended"]) => {
    ended ??= why;
    stream.cancel();
  };
  const abort = () => end("abort");
  const timer = deadlineMs === undefined ? undefined : setTimeout(() => end("deadline"), deadlineMs);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });

  try {
    for await (const bytes of stream) yield { ok: true, bytes: bytes as Buffer };
  } catch (error) {
    yield { ok: false, failure: failureOf(rpc, error, ended) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    // The status of a stream nobody reads any more still arrives, and an unheard error event would end the process.
    stream.on("error", () => {});
    stream.cancel();
  }
}
