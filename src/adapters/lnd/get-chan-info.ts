/** lnrpc.Lightning/GetChanInfo: one channel as the node knows it, both directions and the times of their policies. */
import { status } from "@grpc/grpc-js";
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { getInfo } from "./get-info.ts";
import { translateFailure } from "./translate-failure.ts";

/**
 * The raw lnrpc.ChannelEdge (`decode-channel.ts` reads it), with the signatures of its announcement if it has one;
 * undefined when the node has no such channel, or holds it for dead.
 *
 * For a channel it holds for dead LND answers UNKNOWN, as it does for a refused macaroon. GetInfo needs the same
 * permission, so a GetInfo that succeeds proves that it was the channel.
 *
 * Permission info:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function channelInfoBytes(
  client: LndClient,
  channelId: bigint,
  options?: CallOptions,
): Promise<Buffer | undefined> {
  const request = { chan_id: channelId.toString(), include_auth_proof: true };
  const reply = await attemptCall(client, "GetChanInfo", request, options);
  if (reply.ok) return reply.bytes;
  if (reply.failure.code === status.NOT_FOUND) return undefined;
  const error = await translateFailure(client, reply.failure);
  if (error.code !== "LND_REFUSED" || reply.failure.code !== status.UNKNOWN) throw error;
  await getInfo(client, options);
  return undefined;
}
