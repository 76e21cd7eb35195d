/** RPCs that tell about the node and the public graph. Permission info:read; GetState needs none. */
import { createHash } from "node:crypto";
import { INVOICE_FEATURES } from "../../node/add-invoice.ts";
import { RPC_STATUS, RpcRefusal } from "../../node/refusal.ts";
import { blockHeight } from "../../node/world.ts";
import { channelMessage, featuresMessage, nodeMessage } from "../messages.ts";
import { integerOf, isSet, type Message, nodeOf, textOf } from "../request.ts";
import type { RpcTable, Scene } from "./rpc.ts";

const VERSION = { app_major: 0, app_minor: 20, app_patch: 3, app_pre_release: "beta" };
const VERSION_TEXT = "0.20.3-beta";
/** What LND is built with by default; its clients refuse a node that lacks one they use. */
const BUILD_TAGS = ["routerrpc", "invoicesrpc", "signrpc", "walletrpc", "chainrpc"];

export const graphRpcs: RpcTable = {
  "/lnrpc.State/GetState": { permission: undefined, answer: () => ({ state: "SERVER_ACTIVE" }) },
  "/verrpc.Versioner/GetVersion": { permission: "info:read", answer: getVersion },
  "/lnrpc.Lightning/GetInfo": { permission: "info:read", answer: getInfo },
  "/lnrpc.Lightning/DescribeGraph": { permission: "info:read", answer: ({ graphBytes }) => graphBytes() },
  "/lnrpc.Lightning/GetNodeInfo": { permission: "info:read", answer: getNodeInfo },
  "/lnrpc.Lightning/GetChanInfo": { permission: "info:read", answer: getChannelInfo },
  // Gossip of this world never changes; the stream stays open and silent.
  "/lnrpc.Lightning/SubscribeChannelGraph": { permission: "info:read", stream: () => undefined },
};

function getVersion(): Message {
  return { commit: "simulated", version: VERSION_TEXT, ...VERSION, build_tags: BUILD_TAGS };
}

function getInfo({ world, node }: Scene): Message {
  const { network } = world;
  const channels = channelsOf({ world }, node.index);
  const active = channels.filter((channel) => network.online[peerOver(network.ends, channel, node.index)]);
  const height = blockHeight(world.now());
  return {
    version: `${VERSION_TEXT} commit=simulated`,
    identity_pubkey: node.key,
    alias: network.aliases[node.index],
    color: "#3399ff",
    num_active_channels: active.length,
    num_inactive_channels: channels.length - active.length,
    num_peers: new Set(active.map((channel) => peerOver(network.ends, channel, node.index))).size,
    block_height: height,
    block_hash: createHash("sha256").update(`block ${height}`).digest("hex"),
    best_header_timestamp: world.now(),
    synced_to_chain: true,
    synced_to_graph: true,
    chains: [{ chain: "bitcoin", network: "regtest" }],
    uris: [],
    features: featuresMessage(INVOICE_FEATURES),
  };
}

function getNodeInfo({ world }: Scene, request: Message): Message {
  const { network } = world;
  const index = nodeOf(network, textOf(request, "pub_key"));
  if (index === undefined) throw new RpcRefusal("unable to find node", RPC_STATUS.notFound);
  const channels = channelsOf({ world }, index);
  return {
    node: nodeMessage(network, index),
    num_channels: channels.length,
    total_capacity: channels.reduce((sum, channel) => sum + network.capacityMsat[channel]! / 1000, 0),
    channels: isSet(request, "include_channels") ? channels.map((channel) => channelMessage(network, channel)) : [],
  };
}

function getChannelInfo({ world }: Scene, request: Message): Message {
  const { network } = world;
  const point = textOf(request, "chan_point");
  const channel =
    point === "" ? network.channelOfId.get(integerOf(request, "chan_id")) : network.channelPoints.indexOf(point);
  if (channel === undefined || channel < 0) throw new RpcRefusal("edge not found", RPC_STATUS.notFound);
  return channelMessage(network, channel);
}

function channelsOf({ world }: Pick<Scene, "world">, node: number): number[] {
  const { ends, channelCount } = world.network;
  const channels: number[] = [];
  for (let channel = 0; channel < channelCount; channel++) {
    if (ends[2 * channel] === node || ends[2 * channel + 1] === node) channels.push(channel);
  }
  return channels;
}

function peerOver(ends: Uint32Array, channel: number, node: number): number {
  return ends[2 * channel] === node ? ends[2 * channel + 1]! : ends[2 * channel]!;
}
