/** What changes in the public graph while it runs, and who hears of it. */
import { addChannelPlace, addNodePlace } from "./grow.ts";
import { type ChannelDraft, indexArcs, type Network, type Policy, placeChannel, placePolicy } from "./network.ts";
import { arcOf } from "./walk-route.ts";

/**
 * One announcement, as it reaches the nodes of this world. A channel that opens is two of `policy`, for LND's clients
 * are told of ends and not of channels.
 */
export type GraphChange =
  | { type: "policy"; arc: number }
  | { type: "closed"; channel: number; height: number }
  | { type: "node"; node: number };

export type Gossip = ReturnType<typeof createGossip>;

/** `now` stamps announcements; `height` is the block a closing is seen in. Keys are 33 bytes as hex. */
export function createGossip(network: Network, now: () => number, height: () => number) {
  const listeners = new Set<(change: GraphChange) => void>();
  let version = 0;
  const tell = (change: GraphChange) => {
    version++;
    for (const listener of [...listeners]) listener(change);
  };

  return {
    /** Counts up with every announcement. */
    version: () => version,

    /** Calls back at every announcement, until the returned function is called. */
    subscribe(listener: (change: GraphChange) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /**
     * What one end of a channel asks from here on; what is not named stays. Each announcement is stamped later than
     * the one before, or no node would take it. @throws RangeError when the node has no end of that channel
     */
    setPolicy(channelId: bigint, nodeKey: string, change: Partial<Omit<Policy, "lastUpdate">>): void {
      const arc = arcAt(network, channelId, nodeKey);
      const before = policyOf(network, arc);
      const lastUpdate = Math.max(Math.floor(now()), before.lastUpdate + 1);
      placePolicy(network, arc, { ...before, ...change, lastUpdate });
      if (change.disabled === false) network.linkDown[arc] = 0;
      if (before.disabled !== (change.disabled ?? before.disabled)) indexArcs(network);
      tell({ type: "policy", arc });
    },

    /** A node that is not in the network yet comes into it. @throws RangeError when the id is taken */
    openChannel(draft: ChannelDraft): void {
      if (network.channelOfId.has(draft.channelId)) throw new RangeError(`there is a channel ${draft.channelId}`);
      for (const key of draft.nodes) if (!network.indexOfKey.has(key)) addNodePlace(network, key);
      const channel = addChannelPlace(network);
      placeChannel(network, draft, channel, 0, new Set(draft.nodes));
      network.channelPoints[channel] = draft.channelPoint;
      indexArcs(network);
      for (const arc of [2 * channel, 2 * channel + 1]) if (network.hasPolicy[arc]) tell({ type: "policy", arc });
    },

    /** Its balances leave the network with it. @throws RangeError when there is no such channel */
    closeChannel(channelId: bigint): void {
      const channel = network.channelOfId.get(channelId);
      if (channel === undefined) throw new RangeError(`there is no channel ${channelId}`);
      network.channelOfId.delete(channelId);
      network.closed[channel] = 1;
      for (const arc of [2 * channel, 2 * channel + 1]) {
        network.enabled[arc] = 0;
        network.balanceMsat[arc] = 0;
      }
      indexArcs(network);
      tell({ type: "closed", channel, height: height() });
    },

    /** A node's new name. @throws RangeError when there is no such node */
    announceNode(nodeKey: string, alias: string): void {
      const node = nodeAt(network, nodeKey);
      network.aliases[node] = alias;
      network.nodeUpdates[node] = Math.max(Math.floor(now()), network.nodeUpdates[node]! + 1);
      tell({ type: "node", node });
    },

    /** Nobody announces this: it shows when a payment gets there. @throws RangeError when there is no such node */
    setOnline(nodeKey: string, isOnline: boolean): void {
      network.online[nodeAt(network, nodeKey)] = isOnline ? 1 : 0;
    },

    /** Moves what the two ends of a channel hold: `nodeKey` has `balanceMsat` of it from here on. */
    setBalance(channelId: bigint, nodeKey: string, balanceMsat: number): void {
      const arc = arcAt(network, channelId, nodeKey);
      const whole = network.balanceMsat[arc]! + network.balanceMsat[arc ^ 1]!;
      if (balanceMsat > whole) throw new RangeError(`channel ${channelId} holds ${whole} msat`);
      network.balanceMsat[arc] = balanceMsat;
      network.balanceMsat[arc ^ 1] = whole - balanceMsat;
    },
  };
}

function policyOf(network: Network, arc: number): Policy {
  return {
    feeBaseMsat: network.feeBaseMsat[arc]!,
    feeRatePpm: network.feeRatePpm[arc]!,
    cltvDelta: network.cltvDelta[arc]!,
    minHtlcMsat: network.minHtlcMsat[arc]!,
    maxHtlcMsat: network.maxHtlcMsat[arc]!,
    disabled: !network.enabled[arc],
    lastUpdate: network.policyUpdates[arc]!,
  };
}

function arcAt(network: Network, channelId: bigint, nodeKey: string): number {
  const arc = arcOf(network, channelId, nodeAt(network, nodeKey));
  if (arc === undefined) throw new RangeError(`${nodeKey} has no end of channel ${channelId}`);
  return arc;
}

function nodeAt(network: Network, key: string): number {
  const node = network.indexOfKey.get(key);
  if (node === undefined) throw new RangeError(`there is no node ${key}`);
  return node;
}
