/** lnrpc.Lightning/GetInfo: who the node is and how far it has come. */
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import type { CallOptions } from "./attempt-call.ts";
import { callLnd } from "./call.ts";
import type { LndClient } from "./connect.ts";
import { type Answer, booleanField, countField, messagesField, nodeKeyField, textField } from "./fields.ts";

/** `bestHeaderAt` is the stamp of the newest block, set by whoever mined it; 0 before there is one. `channelCount` counts open channels, whether their peer is online or not. `network` is mainnet, regtest, … */
export type NodeInfo = {
  nodePubkey: string;
  alias: string;
  blockHeight: number;
  bestHeaderAt: UnixSeconds;
  syncedToChain: boolean;
  syncedToGraph: boolean;
  channelCount: number;
  version: string;
  network?: string;
};

/** Permission info:read. @throws LND_UNAVAILABLE, LND_REFUSED */
export async function getInfo(client: LndClient, options?: CallOptions): Promise<NodeInfo> {
  return readInfo(await callLnd(client, "GetInfo", {}, options));
}

/** An lnrpc.GetInfoResponse. @throws LND_REFUSED */
export function readInfo(answer: Answer): NodeInfo {
  const [chain] = messagesField(answer, "chains", 16);
  return {
    nodePubkey: nodeKeyField(answer, "identity_pubkey"),
    alias: textField(answer, "alias", 64),
    blockHeight: countField(answer, "block_height", 0xffff_ffff),
    bestHeaderAt: readStamp(answer),
    syncedToChain: booleanField(answer, "synced_to_chain"),
    syncedToGraph: booleanField(answer, "synced_to_graph"),
    channelCount: countField(answer, "num_active_channels") + countField(answer, "num_inactive_channels"),
    version: textField(answer, "version", 200),
    ...(chain && { network: textField(chain, "network", 32) }),
  };
}

/** A node without a block has Go's zero time here, which lies before 1970. */
function readStamp(answer: Answer): UnixSeconds {
  const value = answer.fields["best_header_timestamp"];
  return unixSeconds(typeof value === "string" && /^\d{1,11}$/.test(value) ? Number(value) : 0);
}
