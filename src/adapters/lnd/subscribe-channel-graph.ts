/** lnrpc.Lightning/SubscribeChannelGraph: changes of the public graph as the node hears of them. */
import { OracleError } from "../../core/errors.ts";
import { attemptStream } from "./attempt-stream.ts";
import type { LndClient } from "./connect.ts";
import { translateFailure } from "./translate-failure.ts";

/**
 * Yields the raw lnrpc.GraphTopologyUpdate messages (`decode-graph-update.ts` reads them).
 *
 * Nothing tells when the subscription has begun, and nothing that happened before is sent. What the messages leave out,
 * and in which order they come, is in `docs/lnd.md`. LND keeps what is not read in memory: read without pause.
 *
 * The stream has no end of its own: it returns when `signal` aborts and throws when it breaks; subscribing again, with a
 * pause, is the caller's.
 *
 * Permission info:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function* subscribeChannelGraph(
  client: LndClient,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const reply of attemptStream(client, "SubscribeChannelGraph", {}, { signal })) {
    if (!reply.ok) {
      if (signal.aborted) return;
      throw await translateFailure(client, reply.failure);
    }
    yield reply.bytes;
  }
  if (!signal.aborted) throw new OracleError("LND_UNAVAILABLE", "LND ended the stream of the graph: subscribe again");
}
