/** lnrpc.Lightning/QueryRoutes: the route LND would try first. A computation of our own node; nothing is sent. */
import { status } from "@grpc/grpc-js";
import { OracleError } from "../../core/errors.ts";
import type { Msat } from "../../core/units.ts";
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { decodeAnswer, messagesField, ratioField } from "./fields.ts";
import { getInfo } from "./get-info.ts";
import { type LndRoute, readRoute } from "./route.ts";
import { translateFailure } from "./translate-failure.ts";

/**
 * Keys are 66 lower-case hex digits. `source` is our own node when absent; another source is seen without its
 * balances. `feeLimit` is LND's own when absent: 5 %, or everything up to 1,000 sat.
 */
export type RouteQuestion = {
  target: string;
  amount: Msat;
  source?: string;
  feeLimit?: Msat;
  cltvLimit?: number;
  lastHop?: string;
  ignoredNodes?: string[];
  useMissionControl?: boolean;
};

/** `probability` is LND's own estimate, and always 1 without mission control. */
export type RouteAnswer = { route: LndRoute; probability: number };

/**
 * Undefined when there is no route: that the target is unknown, too far, too dear or beyond our own balance.
 *
 * LND gives "no route" the same gRPC status as a refused macaroon, UNKNOWN. GetInfo needs the same permission, so on a
 * node that is ready a GetInfo that succeeds proves that it was the route that was refused.
 *
 * Permission info:read. @throws SUBJECT_MALFORMED, AMOUNT_INVALID, LND_UNAVAILABLE, LND_REFUSED
 */
export async function queryRoutes(
  client: LndClient,
  question: RouteQuestion,
  options?: CallOptions,
): Promise<RouteAnswer | undefined> {
  const reply = await attemptCall(client, "QueryRoutes", writeQuestion(question), options);
  if (reply.ok) {
    const answer = decodeAnswer("QueryRoutes", reply.bytes);
    const [route] = messagesField(answer, "routes", 16);
    return route && { route: readRoute(route), probability: ratioField(answer, "success_prob") };
  }
  const error = await translateFailure(client, reply.failure);
  if (error.code !== "LND_REFUSED" || reply.failure.code !== status.UNKNOWN) throw error;
  await getInfo(client, options);
  return undefined;
}

function writeQuestion(question: RouteQuestion): object {
  const {
    target,
    amount,
    source,
    feeLimit,
    cltvLimit,
    lastHop,
    ignoredNodes = [],
    useMissionControl = true,
  } = question;
  for (const key of [target, source, lastHop, ...ignoredNodes]) {
    if (key !== undefined && !/^0[23][0-9a-f]{64}$/.test(key)) {
      throw new OracleError("SUBJECT_MALFORMED", `"${key.slice(0, 80)}" is not a node's public key`);
    }
  }
  // Zero would be answered like "no route".
  if (amount === 0n) throw new OracleError("AMOUNT_INVALID", "a route must carry something");
  return {
    pub_key: target,
    amt_msat: amount.toString(),
    use_mission_control: useMissionControl,
    ignored_nodes: ignoredNodes.map((key) => Buffer.from(key, "hex")),
    ...(source !== undefined && { source_pub_key: source }),
    ...(lastHop !== undefined && { last_hop_pubkey: Buffer.from(lastHop, "hex") }),
    ...(feeLimit !== undefined && { fee_limit: { fixed_msat: feeLimit.toString() } }),
    ...(cltvLimit !== undefined && { cltv_limit: cltvLimit }),
  };
}
