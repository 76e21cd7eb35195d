/** RPCs about the node's own channels. Permission offchain:read. */
import { headOf, type Network } from "../../network/network.ts";
import { RpcRefusal } from "../../node/refusal.ts";
import { bytesOf, isSet, type Message } from "../request.ts";
import type { RpcTable, Scene } from "./rpc.ts";

export const channelRpcs: RpcTable = {
  "/lnrpc.Lightning/ListChannels": { permission: "offchain:read", answer: list },
  "/lnrpc.Lightning/ChannelBalance": { permission: "offchain:read", answer: balance },
};

/** The channel directions that leave a node, closed channels left out. */
export function ownArcs(network: Network, node: number): number[] {
  const arcs: number[] = [];
  for (let arc = 0; arc < network.ends.length; arc++) {
    if (network.ends[arc] === node && !network.closed[arc >> 1]) arcs.push(arc);
  }
  return arcs;
}

/** Each end keeps half a percent of a channel that no payment moves. */
function reserveSat(network: Network, arc: number): number {
  return Math.floor((network.capacityMsat[arc >> 1]! / 1000) * 0.005);
}

function list({ world, node }: Scene, request: Message): Message {
  const { network } = world;
  if (isSet(request, "active_only") && isSet(request, "inactive_only")) {
    throw new RpcRefusal("either `active_only` or `inactive_only` can be set, but not both");
  }
  if (isSet(request, "public_only") && isSet(request, "private_only")) {
    throw new RpcRefusal("either `public_only` or `private_only` can be set, but not both");
  }
  const peer = bytesOf(request, "peer");
  if (peer.length !== 0 && peer.length !== 33) {
    throw new RpcRefusal(`invalid \`peer\` key: invalid vertex length of ${peer.length}, want 33`);
  }
  const peerKey = peer.toString("hex");
  const arcs = ownArcs(network, node.index).filter((arc) => {
    const isActive = network.online[headOf(network, arc)] === 1;
    if (isSet(request, "private_only")) return false;
    if (peerKey !== "" && network.keys[headOf(network, arc)] !== peerKey) return false;
    return isActive ? !isSet(request, "inactive_only") : !isSet(request, "active_only");
  });
  return { channels: arcs.map((arc) => ownChannelMessage(network, arc)) };
}

/** lnrpc.Channel, from the side of the arc's tail. */
function ownChannelMessage(network: Network, arc: number): Message {
  const channel = arc >> 1;
  const reserve = reserveSat(network, arc);
  const lockedMsat = network.lockedMsat[arc]! + network.lockedMsat[arc ^ 1]!;
  const constraints = { chan_reserve_sat: reserve, max_accepted_htlcs: 483, csv_delay: 144, dust_limit_sat: 354 };
  return {
    active: network.online[headOf(network, arc)] === 1,
    remote_pubkey: network.keys[headOf(network, arc)],
    channel_point: network.channelPoints[channel],
    chan_id: network.channelIds[channel]!.toString(),
    capacity: network.capacityMsat[channel]! / 1000,
    local_balance: Math.floor(network.balanceMsat[arc]! / 1000) + reserve,
    remote_balance: Math.floor(network.balanceMsat[arc ^ 1]! / 1000) + reserve,
    unsettled_balance: Math.floor(lockedMsat / 1000),
    local_chan_reserve_sat: reserve,
    remote_chan_reserve_sat: reserve,
    local_constraints: constraints,
    remote_constraints: constraints,
    initiator: arc % 2 === 0,
  };
}

function balance({ world, node }: Scene): Message {
  const { network } = world;
  const arcs = ownArcs(network, node.index);
  const sum = (of: (arc: number) => number) => amountMessage(arcs.reduce((total, arc) => total + of(arc), 0));
  const reserveMsat = (arc: number) => 1000 * reserveSat(network, arc);
  const local = sum((arc) => network.balanceMsat[arc]! + reserveMsat(arc));
  return {
    balance: local.sat,
    local_balance: local,
    remote_balance: sum((arc) => network.balanceMsat[arc ^ 1]! + reserveMsat(arc)),
    unsettled_local_balance: sum((arc) => network.lockedMsat[arc ^ 1]!),
    unsettled_remote_balance: sum((arc) => network.lockedMsat[arc]!),
    pending_open_local_balance: amountMessage(0),
    pending_open_remote_balance: amountMessage(0),
  };
}

function amountMessage(msat: number): { sat: number; msat: number } {
  return { sat: Math.floor(msat / 1000), msat };
}
