/** RPCs that tell about the node and the public graph. Permission info:read; GetState needs none. */
import { createHash } from "node:crypto";
import { headOf } from "../../network/network.ts";
import { INVOICE_FEATURES } from "../../node/add-invoice.ts";
import { RPC_STATUS, RpcRefusal } from "../../node/refusal.ts";
import { blockHeight } from "../../node/world.ts";
import { graphUpdateMessage } from "../graph-update.ts";
import { channelMessage, featuresMessage, nodeMessage } from "../messages.ts";
import { integerOf, isSet, type Message, nodeOf, textOf } from "../request.ts";
import { ownArcs } from "./channels.ts";
import type { RpcTable, Scene, Stream } from "./rpc.ts";

const VERSION = { app_major: 0, app_minor: 20, app_patch: 3, app_pre_release: "beta" };
const VERSION_TEXT = "0.20.3-beta";
/** What LND is built with by default; its clients refuse a node that lacks one they use. */
const BUILD_TAGS = ["routerrpc", "invoicesrpc", "signrpc", "walletrpc", "chainrpc"];

export const graphRpcs: RpcTable = {
  "/lnrpc.State/GetState": { permission: undefined, answer: ({ conduct }) => ({ state: conduct.state() }) },
  "/verrpc.Versioner/GetVersion": { permission: "info:read", answer: getVersion },
  "/lnrpc.Lightning/GetInfo": { permission: "info:read", answer: getInfo },
  "/lnrpc.Lightning/DescribeGraph": { permission: "info:read", answer: ({ graphBytes }) => graphBytes() },
  "/lnrpc.Lightning/GetNodeInfo": { permission: "info:read", answer: getNodeInfo },
  "/lnrpc.Lightning/GetChanInfo": { permission: "info:read", answer: getChannelInfo },
  "/lnrpc.Lightning/SubscribeChannelGraph": { permission: "info:read", stream: subscribe },
};

function getVersion(): Message {
  return { commit: "simulated", version: VERSION_TEXT, ...VERSION, build_tags: BUILD_TAGS };
}

function getInfo({ world, node }: Scene): Message {
  const { network } = world;
  const arcs = ownArcs(network, node.index);
  const active = arcs.filter((arc) => network.online[headOf(network, arc)]);
  const height = blockHeight(world.now());
  return {
    version: `${VERSION_TEXT} commit=simulated`,
    identity_pubkey: node.key,
    alias: network.aliases[node.index],
    color: "#3399ff",
    num_active_channels: active.length,
    num_inactive_channels: arcs.length - active.length,
    num_peers: new Set(active.map((arc) => headOf(network, arc))).size,
    block_height: height,
    block_hash: createHash("sha256").update(`block ${height}`).digest("hex"),
    best_header_timestamp: Math.floor(world.now()),
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
  const channels = ownArcs(network, index).map((arc) => arc >> 1);
  return {
    node: nodeMessage(network, index),
    num_channels: channels.length,
    total_capacity: channels.reduce((sum, channel) => sum + network.capacityMsat[channel]! / 1000, 0),
    channels: isSet(request, "include_channels") ? channels.map((channel) => channelMessage(network, channel)) : [],
  };
}

/** Changes from here on, and nothing of what there was. */
function subscribe({ world }: Scene, _request: Message, stream: Stream): void {
  const { network, gossip } = world;
  const unsubscribe = gossip.subscribe((change) => {
    stream.send(graphUpdateMessage(network, change, INVOICE_FEATURES));
  });
  stream.onClosed(unsubscribe);
}

function getChannelInfo({ world }: Scene, request: Message): Message {
  const { network } = world;
  const point = textOf(request, "chan_point");
  const id = integerOf(request, "chan_id");
  if (id === 0n && point === "") throw new RpcRefusal("specify either chan_id or chan_point");
  const channel = id === 0n ? network.channelPoints.indexOf(point) : network.channelOfId.get(id);
  if (channel === undefined || channel < 0 || network.closed[channel])
    throw new RpcRefusal(id === 0n ? `edge not found: op=${point}` : "edge not found", RPC_STATUS.notFound);
  const proof = isSet(request, "include_auth_proof") ? { auth_proof: ANNOUNCEMENT } : {};
  return { ...channelMessage(network, channel), ...proof };
}

/** Every channel of this network is public. Nobody checks these signatures, only that there are some. */
const ANNOUNCEMENT = Object.fromEntries(
  ["node_sig1", "bitcoin_sig1", "node_sig2", "bitcoin_sig2"].map((name) => [name, Buffer.alloc(70, 0x30)]),
);
