/** A change of the public graph as lnrpc.GraphTopologyUpdate. What LND leaves out is left out. */
import type { GraphChange } from "../network/gossip.ts";
import { headOf, type Network } from "../network/network.ts";
import { featuresMessage, policyMessage } from "./messages.ts";
import type { Message } from "./request.ts";

/** One message per announcement, as LND sends them. */
export function graphUpdateMessage(network: Network, change: GraphChange, features: readonly number[]): Message {
  switch (change.type) {
    case "policy":
      return { channel_updates: [edgeUpdateMessage(network, change.arc)] };
    case "closed":
      return { closed_chans: [closedMessage(network, change.channel, change.height)] };
    case "node":
      return { node_updates: [nodeUpdateMessage(network, change.node, features)] };
  }
}

function edgeUpdateMessage(network: Network, arc: number): Message {
  const channel = arc >> 1;
  return {
    chan_id: network.channelIds[channel]!.toString(),
    chan_point: pointMessage(network.channelPoints[channel]!),
    capacity: network.capacityMsat[channel]! / 1000,
    // LND does not say when the policy was announced.
    routing_policy: { ...policyMessage(network, arc), last_update: 0 },
    advertising_node: network.keys[network.ends[arc]!],
    connecting_node: network.keys[headOf(network, arc)],
  };
}

function closedMessage(network: Network, channel: number, height: number): Message {
  return {
    chan_id: network.channelIds[channel]!.toString(),
    capacity: network.capacityMsat[channel]! / 1000,
    closed_height: height,
    chan_point: pointMessage(network.channelPoints[channel]!),
  };
}

function nodeUpdateMessage(network: Network, node: number, features: readonly number[]): Message {
  const alias = network.aliases[node];
  return { identity_key: network.keys[node], alias, color: "#3399ff", features: featuresMessage(features) };
}

/** The transaction's id as bytes, which are in the opposite order of its text. */
function pointMessage(point: string): Message {
  const [txid = "", index = "0"] = point.split(":");
  return { funding_txid_bytes: Buffer.from(txid, "hex").reverse(), output_index: Number(index) };
}
