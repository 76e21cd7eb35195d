/**
 * Puts the oracle's node, the payer's and those of shops into a network: some large channels to well-connected live nodes,
 * and one between the first two, so that a first payment always finds a way.
 */
import type { ChannelDraft, NetworkDraft, Policy } from "./network.ts";

/** A node of ours. `ownShare` is what it holds of each channel it opens. */
export type OwnNode = { key: string; alias: string; ownShare: number };

const PEERS = 6;
const SHOP_PEERS = 3;
const CAPACITY_SAT = 50_000_000;
const DIRECT_CAPACITY_SAT = 100_000_000;

/** `payer` holds nearly all of the direct channel. None of these nodes nor their channels can be offline or refuse. */
export function placeNodes(
  draft: NetworkDraft,
  oracle: OwnNode,
  payer: OwnNode,
  updatedAt: number,
  shops: readonly OwnNode[] = [],
): NetworkDraft {
  const own = [oracle, payer, ...shops].map(({ key, alias }) => ({
    key,
    alias,
    lastUpdate: updatedAt,
    isOnline: true,
  }));
  const peers = wellConnected(draft, 2 * PEERS);
  let nextId = draft.channels.reduce((max, channel) => (channel.channelId > max ? channel.channelId : max), 0n);
  const open = (from: OwnNode, to: string, capacitySat: number, share: number): ChannelDraft => {
    nextId = ((nextId >> 40n) + 1n) << 40n;
    const policy = defaultPolicy(capacitySat, updatedAt);
    const channelPoint = `${nextId.toString(16).padStart(64, "0")}:0`;
    return { channelId: nextId, channelPoint, capacitySat, nodes: [from.key, to], policies: [policy, policy], share };
  };
  const opened = [open(payer, oracle.key, DIRECT_CAPACITY_SAT, 0.99)];
  // Taken in turn, so that each of the two has peers of every size.
  peers.forEach((peer, i) => {
    const from = i % 2 === 0 ? oracle : payer;
    opened.push(open(from, peer, CAPACITY_SAT, from.ownShare));
  });
  for (const shop of shops)
    for (const peer of peers.slice(0, SHOP_PEERS)) opened.push(open(shop, peer, CAPACITY_SAT, shop.ownShare));
  return { nodes: [...draft.nodes, ...own], channels: [...draft.channels, ...opened] };
}

/** Nodes with most channels that are usable both ways; none that is known to be offline. */
function wellConnected(draft: NetworkDraft, count: number): string[] {
  const degree = new Map<string, number>();
  for (const { nodes, policies } of draft.channels) {
    if (!policies.every((policy) => policy && !policy.disabled)) continue;
    for (const key of nodes) degree.set(key, (degree.get(key) ?? 0) + 1);
  }
  const offline = new Set(draft.nodes.filter((node) => node.isOnline === false).map((node) => node.key));
  return [...degree]
    .filter(([key]) => !offline.has(key))
    .sort(([keyA, a], [keyB, b]) => b - a || (keyA < keyB ? -1 : 1))
    .slice(0, count)
    .map(([key]) => key);
}

/** What LND announces when nobody chooses. */
function defaultPolicy(capacitySat: number, lastUpdate: number): Policy {
  return {
    feeBaseMsat: 1_000,
    feeRatePpm: 1,
    cltvDelta: 80,
    minHtlcMsat: 1_000,
    maxHtlcMsat: capacitySat * 990,
    disabled: false,
    lastUpdate,
  };
}
