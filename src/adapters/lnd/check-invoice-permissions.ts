/**
 * Whether a macaroon may do what selling needs, found out without making an invoice.
 *
 * LND refuses a forbidden call and a senseless one with the same status, save in two lookups: LookupInvoice
 * (invoices:read) says NOT_FOUND of a hash nobody has, and LookupInvoiceV2 (invoices:write) says INVALID_ARGUMENT when
 * it is asked for nothing at all. Only who is let in gets to hear either.
 */
import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { attemptCall, type CallOptions } from "./attempt-call.ts";
import type { LndClient } from "./connect.ts";
import { translateFailure } from "./translate-failure.ts";

/**
 * Returns when the macaroon grants invoices:read and invoices:write. Changes nothing on the node.
 *
 * @throws LND_REFUSED naming the permission that is missing, LND_UNAVAILABLE
 */
export async function checkInvoicePermissions(client: LndClient, options?: CallOptions): Promise<void> {
  const questions = [
    { rpc: "LookupInvoice", request: { r_hash: randomBytes(32) }, heard: status.NOT_FOUND },
    { rpc: "LookupInvoiceV2", request: {}, heard: status.INVALID_ARGUMENT },
  ] as const;
  for (const { rpc, request, heard } of questions) {
    const reply = await attemptCall(client, rpc, request, options);
    if (!reply.ok && reply.failure.code !== heard) throw await translateFailure(client, reply.failure);
  }
}
