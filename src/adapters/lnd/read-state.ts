/** lnrpc.State/GetState: how far LND has started. Needs no macaroon and answers at any time. */
import { status } from "@grpc/grpc-js";
import { attemptCall } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { diagnoseConnection } from "./diagnose-connection.ts";
import { decodeAnswer } from "./fields.ts";
import type { Trouble } from "./trouble.ts";

/** What each state of LND (lnrpc.WalletState) before SERVER_ACTIVE asks of the operator. */
const NOT_READY: Readonly<Record<string, Trouble>> = {
  NON_EXISTING: { trouble: "wallet-missing", words: "LND has no wallet: create one with `lncli create`" },
  LOCKED: { trouble: "wallet-locked", words: "LND's wallet is locked: unlock it with `lncli unlock`" },
  UNLOCKED: { trouble: "starting", words: "LND is starting: try again in a moment" },
  RPC_ACTIVE: { trouble: "starting", words: "LND is starting: try again in a moment" },
  WAITING_TO_START: {
    trouble: "standby",
    words: "LND waits to become its cluster's leader: point LND_GRPC_HOST at the leader",
  },
};

const DEADLINE_MS = 3_000;

/** Why the node answers no calls yet; undefined when it does, or cannot say. Never throws. */
export async function readNotReady(client: LndClient): Promise<Trouble | undefined> {
  const reply = await attemptCall(client, "GetState", {}, { deadlineMs: Math.min(DEADLINE_MS, client.deadlineMs) });
  if (!reply.ok) return reply.failure.code === status.UNAVAILABLE ? diagnoseConnection(client) : undefined;
  try {
    const { state } = decodeAnswer("GetState", reply.bytes).fields;
    return typeof state === "string" && Object.hasOwn(NOT_READY, state) ? NOT_READY[state] : undefined;
  } catch {
    // Bytes that are no state: whoever sent them has not said that it is starting.
    return undefined;
  }
}
