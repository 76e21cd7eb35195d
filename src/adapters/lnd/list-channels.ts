/** lnrpc.Lightning/ListChannels: the node's own open channels, and what they can send now. */
import { type Msat, msat } from "../../core/units.ts";
import type { CallOptions } from "./attempt-call.ts";
import { callLnd } from "./call.ts";
import type { LndClient } from "./connect.ts";
import { booleanField, countField, messageField, messagesField, nodeKeyField, uint64Field } from "./fields.ts";

/** `spendable` leaves the reserve that the peer demands, and what LND keeps for the fee of our own commitment. */
export type OwnChannel = { channelId: bigint; peer: string; spendable: Msat };

/** No node has had so many. */
const MAX_CHANNELS = 100_000;
/** Weight of four HTLCs in a commitment transaction (BOLT 3): LND takes what is left with this, and less with two. */
const SPARE_WEIGHT = 4n * 172n;
const MSAT = 1_000n;

/**
 * Announced channels whose peer is connected. Unannounced ones are nobody's business, and never used.
 *
 * Permission offchain:read. @throws LND_UNAVAILABLE, LND_REFUSED
 */
export async function listChannels(client: LndClient, options?: CallOptions): Promise<OwnChannel[]> {
  const answer = await callLnd(client, "ListChannels", { active_only: true, public_only: true }, options);
  return messagesField(answer, "channels", MAX_CHANNELS).map((channel) => {
    const balance = BigInt(countField(channel, "local_balance"));
    const reserve = BigInt(countField(messageField(channel, "local_constraints") ?? channel, "chan_reserve_sat"));
    const feePerKw = BigInt(countField(channel, "fee_per_kw"));
    const weight = BigInt(countField(channel, "commit_weight"));
    // Who opened the channel pays for the commitment. LND keeps as much again, in case fees rise.
    const fee = booleanField(channel, "initiator") ? (feePerKw * (weight + SPARE_WEIGHT)) / 1_000n + 1n : 0n;
    const spendable = balance - reserve - fee;
    return {
      channelId: uint64Field(channel, "chan_id"),
      peer: nodeKeyField(channel, "remote_pubkey"),
      spendable: msat(spendable > 0n ? spendable * MSAT : 0n),
    };
  });
}
