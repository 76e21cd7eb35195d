/** A unary call whose every failure is an error. */
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { type Answer, decodeAnswer } from "./fields.ts";
import type { Rpc } from "./rpcs.ts";
import { translateFailure } from "./translate-failure.ts";

/** Makes a call and reads its answer. @throws LND_UNAVAILABLE, LND_REFUSED */
export async function callLnd(client: LndClient, rpc: Rpc, request: object, options?: CallOptions): Promise<Answer> {
  const reply = await attemptCall(client, rpc, request, options);
  if (!reply.ok) throw await translateFailure(client, reply.failure);
  return decodeAnswer(rpc, reply.bytes);
}
