/** RPCs with which an operator changes how the node behaves: its policies, its memory, its macaroons. */
import { headOf, type Policy } from "../../network/network.ts";
import { RPC_STATUS, RpcRefusal } from "../../node/refusal.ts";
import type { Permission } from "../permissions.ts";
import { bytesOf, isSet, listOf, type Message, messageOf, numberOf, textOf } from "../request.ts";
import { ownArcs } from "./channels.ts";
import type { RpcTable, Scene } from "./rpc.ts";

export const operatorRpcs: RpcTable = {
  "/lnrpc.Lightning/UpdateChannelPolicy": { permission: "offchain:write", answer: update },
  "/routerrpc.Router/UpdateChanStatus": { permission: "offchain:write", answer: setStatus },
  // This node remembers nothing from one payment to the next.
  "/routerrpc.Router/ResetMissionControl": { permission: "offchain:write", answer: () => ({}) },
  "/lnrpc.Lightning/BakeMacaroon": { permission: "macaroon:generate", answer: bake },
};

const MIN_TIME_LOCK_DELTA = 18;

/** One channel, or all of them (`global`). Limits that are 0 stay as they are. */
function update(scene: Scene, request: Message): Message {
  const { network, gossip } = scene.world;
  const delta = numberOf(request, "time_lock_delta");
  if (delta < MIN_TIME_LOCK_DELTA) {
    throw new RpcRefusal(`time lock delta of ${delta} is too small, minimum supported is ${MIN_TIME_LOCK_DELTA}`);
  }
  const maxHtlcMsat = numberOf(request, "max_htlc_msat");
  const change: Partial<Policy> = {
    feeBaseMsat: numberOf(request, "base_fee_msat"),
    feeRatePpm: numberOf(request, "fee_rate_ppm") || Math.round(Number(request["fee_rate"] ?? 0) * 1_000_000),
    cltvDelta: delta,
    ...(maxHtlcMsat > 0 && { maxHtlcMsat }),
    ...(isSet(request, "min_htlc_msat_specified") && { minHtlcMsat: numberOf(request, "min_htlc_msat") }),
  };
  const arcs = isSet(request, "global") ? ownArcs(network, scene.node.index) : [arcOfPoint(scene, request)];
  for (const arc of arcs) gossip.setPolicy(network.channelIds[arc >> 1]!, scene.node.key, change);
  return { failed_updates: [] };
}

/** Says that a channel is closed for forwarding, or open again. AUTO leaves it to whether the peer is there. */
function setStatus(scene: Scene, request: Message): Message {
  const { network, gossip } = scene.world;
  const arc = arcOfPoint(scene, request);
  const action = textOf(request, "action");
  const disabled = action === "DISABLE" || (action === "AUTO" && !network.online[headOf(network, arc)]);
  if (disabled === !network.enabled[arc]) return {};
  gossip.setPolicy(network.channelIds[arc >> 1]!, scene.node.key, { disabled });
  return {};
}

function bake(scene: Scene, request: Message): Message {
  const wanted = (listOf(request, "permissions") as Message[]).map(
    (row): Permission => `${textOf(row, "entity")}:${textOf(row, "action")}`,
  );
  if (wanted.length === 0)
    throw new RpcRefusal("permission list cannot be empty. specify at least one action/entity pair");
  return { macaroon: scene.bake(wanted) };
}

function arcOfPoint({ world, node }: Scene, request: Message): number {
  const { network } = world;
  const point = messageOf(request, "chan_point") ?? {};
  const bytes = Buffer.from(bytesOf(point, "funding_txid_bytes")).reverse().toString("hex");
  const text = `${bytes || textOf(point, "funding_txid_str")}:${numberOf(point, "output_index")}`;
  const arc = ownArcs(network, node.index).find((own) => network.channelPoints[own >> 1] === text);
  if (arc === undefined) throw new RpcRefusal(`unable to find channel ${text}`, RPC_STATUS.unknown);
  return arc;
}
