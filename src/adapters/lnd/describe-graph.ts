/** lnrpc.Lightning/DescribeGraph: every public node and channel the node knows, as the bytes LND sent. */
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { translateFailure } from "./translate-failure.ts";

/** LND reads the whole graph from its database for each call, and mainnet's is 25 MB. */
const DEADLINE_MS = 120_000;

/**
 * The raw lnrpc.ChannelGraph (256 MiB at most). Decoding it as objects stops the event loop for a second, so it is
 * left to `decode-channel-graph.ts` in a worker. Private channels and announcement signatures are not asked for.
 *
 * Permission info:read. Costs the node a full read of its graph. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function describeGraphBytes(client: LndClient, options: CallOptions = {}): Promise<Buffer> {
  const request = { include_unannounced: false, include_auth_proof: false };
  const reply = await attemptCall(client, "DescribeGraph", request, { deadlineMs: DEADLINE_MS, ...options });
  if (!reply.ok) throw await translateFailure(client, reply.failure);
  return reply.bytes;
}
