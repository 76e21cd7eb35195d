/** lnrpc.Lightning/GetInfo: who the node is and how far it has come. */
import type { CallOptions } from "./attempt-call.ts";
import { callLnd } from "./call.ts";
import type { LndClient } from "./connect.ts";
import { booleanField, countField, messagesField, nodeKeyField, textField } from "./fields.ts";

/** `channelCount` counts open channels, whether their peer is online or not. `network` is mainnet, regtest, … */
export type NodeInfo = {
  nodePubkey: string;
  alias: string;
  blockHeight: number;
  syncedToChain: boolean;
  syncedToGraph: boolean;
  channelCount: number;
  version: string;
  network?: string;
};

/** Permission info:read. @throws LND_UNAVAILABLE, LND_REFUSED */
export async function getInfo(client: LndClient, options?: CallOptions): Promise<NodeInfo> {
  const answer = await callLnd(client, "GetInfo", {}, options);
  const [chain] = messagesField(answer, "chains", 16);
  return {
    nodePubkey: nodeKeyField(answer, "identity_pubkey"),
    alias: textField(answer, "alias", 64),
    blockHeight: countField(answer, "block_height", 0xffff_ffff),
    syncedToChain: booleanField(answer, "synced_to_chain"),
    syncedToGraph: booleanField(answer, "synced_to_graph"),
    channelCount: countField(answer, "num_active_channels") + countField(answer, "num_inactive_channels"),
    version: textField(answer, "version", 200),
    ...(chain && { network: textField(chain, "network", 32) }),
  };
}
