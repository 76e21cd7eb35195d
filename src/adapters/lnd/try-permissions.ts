/**
 * Which permissions a macaroon grants, found out without changing anything on the node.
 *
 * LND refuses a forbidden call and a senseless one with the same status, save in a few calls: only who is let in hears
 * that a hash nobody has is not found, or that a request without a subject is no request.
 */
import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { attemptCall, type CallOptions, type Failure, type Reply } from "./attempt-call.ts";
import { attemptStream } from "./attempt-stream.ts";
import type { LndClient } from "./connect.ts";
import type { Rpc } from "./rpcs.ts";

/** A permission that one of our calls needs, in LND's own words. */
export type Permission = "info:read" | "invoices:read" | "invoices:write" | "offchain:read" | "offchain:write";

/** `undecided` is a failure that says nothing of permissions. `bytes` is the answer to the call, if it has one. */
export type Trial =
  | { permission: Permission; verdict: "granted"; bytes?: Buffer }
  | { permission: Permission; verdict: "refused" | "undecided"; failure: Failure };

/** A call, and the status that only who is let in hears. Sending has no such call. */
const TRIALS: Partial<Record<Permission, { rpc: Rpc; request(): object; heard: status }>> = {
  "info:read": { rpc: "GetInfo", request: () => ({}), heard: status.OK },
  "invoices:read": { rpc: "LookupInvoice", request: () => ({ r_hash: randomBytes(32) }), heard: status.NOT_FOUND },
  "invoices:write": { rpc: "LookupInvoiceV2", request: () => ({}), heard: status.INVALID_ARGUMENT },
  "offchain:read": {
    rpc: "TrackPaymentV2",
    request: () => ({ payment_hash: randomBytes(32), no_inflight_updates: true }),
    heard: status.NOT_FOUND,
  },
};

/** How LND refuses: UNKNOWN, also while it is starting. The other two are what gRPC has for it. */
const REFUSALS = new Set([status.UNKNOWN, status.PERMISSION_DENIED, status.UNAUTHENTICATED]);

/** Tries each of these permissions that can be tried, at once, whatever breakers say. Never throws. */
export function tryPermissions(
  client: LndClient,
  permissions: readonly Permission[],
  options: CallOptions = {},
): Promise<Trial[]> {
  const looking = { ...options, unguarded: true };
  return Promise.all(
    permissions.flatMap((permission) => {
      const trial = TRIALS[permission];
      return trial ? [makeTrial(client, permission, trial, looking)] : [];
    }),
  );
}

async function makeTrial(
  client: LndClient,
  permission: Permission,
  { rpc, request, heard }: { rpc: Rpc; request(): object; heard: status },
  options: CallOptions,
): Promise<Trial> {
  const reply = await (rpc === "TrackPaymentV2"
    ? firstReply(client, rpc, request(), options)
    : attemptCall(client, rpc, request(), options));
  if (reply.ok) return { permission, verdict: "granted", bytes: reply.bytes };
  const { failure } = reply;
  if (failure.ended) return { permission, verdict: "undecided", failure };
  if (failure.code === heard) return { permission, verdict: "granted" };
  return { permission, verdict: REFUSALS.has(failure.code) ? "refused" : "undecided", failure };
}

async function firstReply(client: LndClient, rpc: Rpc, request: object, options: CallOptions): Promise<Reply> {
  const { deadlineMs = client.deadlineMs } = options;
  for await (const reply of attemptStream(client, rpc, request, { ...options, deadlineMs })) return reply;
  return { ok: true, bytes: Buffer.alloc(0) };
}
