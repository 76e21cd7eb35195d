/** lnrpc.Lightning/DecodePayReq: what LND reads in an invoice of its own network. */
import { fromHex } from "../../core/bytes.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import type { CallOptions } from "./attempt-call.ts";
import { callLnd } from "./call.ts";
import type { LndClient } from "./connect.ts";
import { countField, hexField, msatField, nodeKeyField, secondsField, textField } from "./fields.ts";

/** An `amount` of 0 leaves it to the payer. `finalCltvDelta` is in blocks. */
export type DecodedInvoice = {
  destination: string;
  paymentHash: Uint8Array;
  amount: Msat;
  createdAt: UnixSeconds;
  expirySec: number;
  description: string;
  finalCltvDelta: number;
};

/**
 * An invoice LND cannot read, or one of another network, is LND_REFUSED: the same answer as for a macaroon without the
 * permission. To judge a foreign invoice use core/bolt11.
 *
 * Permission offchain:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function decodePayReq(client: LndClient, invoice: string, options?: CallOptions): Promise<DecodedInvoice> {
  const answer = await callLnd(client, "DecodePayReq", { pay_req: invoice }, options);
  return {
    destination: nodeKeyField(answer, "destination"),
    paymentHash: fromHex(hexField(answer, "payment_hash", 32)) as Uint8Array,
    amount: msatField(answer, "num_msat"),
    createdAt: secondsField(answer, "timestamp"),
    expirySec: countField(answer, "expiry"),
    description: textField(answer, "description", 1_024),
    finalCltvDelta: countField(answer, "cltv_expiry", 0xffff_ffff),
  };
}
