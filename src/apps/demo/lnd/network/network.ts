/**
 * The simulated Lightning network: what gossip tells (nodes, channels, policies) and what it does not
 * (balances, who is offline, who refuses).
 *
 * Channel c joins end 2c (the lexicographically lower key) and end 2c+1. Arc r leaves from end r, so arc r^1 is
 * the way back, and `balanceMsat[r]` is what the tail of arc r can send over it. Amounts are doubles that hold
 * whole msat: exact, because no channel reaches 2^53 msat (90,000 BTC).
 */
import { OracleError } from "../../../../core/errors.ts";
import { shareAt, uniform } from "./chance.ts";

/** How one end of a channel forwards, as it announces it. Inbound fees do not exist in this world. */
export type Policy = {
  feeBaseMsat: number;
  feeRatePpm: number;
  cltvDelta: number;
  minHtlcMsat: number;
  maxHtlcMsat: number;
  disabled: boolean;
  lastUpdate: number;
};

/** A channel to be added. `policies[0]` is that of `nodes[0]`, for payments it sends. */
export type ChannelDraft = {
  channelId: bigint;
  channelPoint: string;
  capacitySat: number;
  nodes: [string, string];
  policies: [Policy | undefined, Policy | undefined];
  /** Share of the balance that `nodes[0]` holds; drawn from the seed when absent. */
  share?: number;
};

/** A node as it announces itself. */
export type NodeDraft = { key: string; alias: string; lastUpdate: number; isOnline?: boolean };

/** Everything a network is built from. */
export type NetworkDraft = { nodes: NodeDraft[]; channels: ChannelDraft[] };

export type Network = {
  nodeCount: number;
  /** Closed ones included: their places are not given out again. */
  channelCount: number;
  keys: string[];
  indexOfKey: Map<string, number>;
  aliases: string[];
  nodeUpdates: Uint32Array;
  online: Uint8Array;
  channelIds: BigUint64Array;
  channelOfId: Map<bigint, number>;
  channelPoints: string[];
  capacityMsat: Float64Array;
  closed: Uint8Array;
  /** Node at end r, which is the tail of arc r. */
  ends: Uint32Array;
  hasPolicy: Uint8Array;
  enabled: Uint8Array;
  /** 1: the end at the arc's tail has lost its peer, so nothing goes over it, whatever it announces. */
  linkDown: Uint8Array;
  /** 1: turns every payment away for its fee, whatever it announces. */
  refuses: Uint8Array;
  feeBaseMsat: Float64Array;
  feeRatePpm: Float64Array;
  cltvDelta: Uint16Array;
  minHtlcMsat: Float64Array;
  maxHtlcMsat: Float64Array;
  policyUpdates: Uint32Array;
  balanceMsat: Float64Array;
  /** What HTLCs on their way have taken from a balance and not yet given to anybody. */
  lockedMsat: Float64Array;
  /** Enabled arcs by the node they lead to, then by the node they leave: `inArcs[inStart[v] … inStart[v+1])`. */
  inStart: Uint32Array;
  inArcs: Uint32Array;
};

/** One percent stays with each channel as its reserve, and moves no payment. */
const USABLE = 0.99;
const REFUSING_ARCS = 0.02;

/** Node at which arc r arrives. */
export function headOf(network: Network, arc: number): number {
  return network.ends[arc ^ 1]!;
}

/** What the tail of an arc asks for sending `amount` over it: base plus rate, rounded down as LND does. */
export function feeOf(network: Network, arc: number, amount: number): number {
  const rate = network.feeRatePpm[arc]!;
  const product = amount * rate;
  const proportional =
    product < Number.MAX_SAFE_INTEGER
      ? Math.floor(product / 1_000_000)
      : Number((BigInt(amount) * BigInt(rate)) / 1_000_000n);
  return network.feeBaseMsat[arc]! + proportional;
}

/** @throws GRAPH_MALFORMED when a channel joins a node to itself or two channels share an id */
export function buildNetwork(draft: NetworkDraft, seed: number, trusted: ReadonlySet<string>): Network {
  const network = allocate(draft);
  draft.channels.forEach((channel, c) => {
    placeChannel(network, channel, c, seed, trusted);
  });
  drawOnline(network, draft, seed, trusted);
  indexArcs(network);
  return network;
}

function allocate({ nodes, channels }: NetworkDraft): Network {
  const indexOfKey = new Map(nodes.map((node, index) => [node.key, index]));
  if (indexOfKey.size !== nodes.length) throw malformed("two nodes share a key");
  const arcs = 2 * channels.length;
  return {
    nodeCount: nodes.length,
    channelCount: channels.length,
    keys: nodes.map((node) => node.key),
    indexOfKey,
    aliases: nodes.map((node) => node.alias),
    nodeUpdates: Uint32Array.from(nodes, (node) => node.lastUpdate),
    online: new Uint8Array(nodes.length),
    channelIds: new BigUint64Array(channels.length),
    channelOfId: new Map(),
    channelPoints: channels.map((channel) => channel.channelPoint),
    capacityMsat: new Float64Array(channels.length),
    closed: new Uint8Array(channels.length),
    ends: new Uint32Array(arcs),
    hasPolicy: new Uint8Array(arcs),
    enabled: new Uint8Array(arcs),
    linkDown: new Uint8Array(arcs),
    refuses: new Uint8Array(arcs),
    feeBaseMsat: new Float64Array(arcs),
    feeRatePpm: new Float64Array(arcs),
    cltvDelta: new Uint16Array(arcs),
    minHtlcMsat: new Float64Array(arcs),
    maxHtlcMsat: new Float64Array(arcs),
    policyUpdates: new Uint32Array(arcs),
    balanceMsat: new Float64Array(arcs),
    lockedMsat: new Float64Array(arcs),
    inStart: new Uint32Array(nodes.length + 1),
    inArcs: new Uint32Array(0),
  };
}

/** Writes a channel to its place `c`, for which there is room. */
export function placeChannel(
  network: Network,
  channel: ChannelDraft,
  c: number,
  seed: number,
  trusted: ReadonlySet<string>,
): void {
  const [first, second] = channel.nodes;
  if (first === second) throw malformed(`channel ${channel.channelId} joins a node to itself`);
  if (network.channelOfId.has(channel.channelId)) throw malformed(`two channels have the id ${channel.channelId}`);
  network.channelIds[c] = channel.channelId;
  network.channelOfId.set(channel.channelId, c);
  network.capacityMsat[c] = channel.capacitySat * 1000;

  const inOrder = first < second;
  const share = channel.share ?? shareAt(uniform(seed, `share ${channel.channelId}`));
  const usable = Math.floor(channel.capacitySat * 1000 * USABLE);
  for (const side of [0, 1] as const) {
    const arc = 2 * c + (inOrder ? side : 1 - side);
    const node = network.indexOfKey.get(channel.nodes[side]);
    if (node === undefined) throw malformed(`channel ${channel.channelId} ends at an unknown node`);
    network.ends[arc] = node;
    placePolicy(network, arc, channel.policies[side]);
    // An end is disabled because its peer has been away; who says so as a whim still forwards.
    network.linkDown[arc] = network.enabled[arc] ? 0 : 1;
    const isTrusted = trusted.has(first) || trusted.has(second);
    const refuses = !isTrusted && uniform(seed, `refuses ${channel.channelId} ${side}`) < REFUSING_ARCS;
    network.refuses[arc] = refuses ? 1 : 0;
    const held = Math.floor(usable * share);
    network.balanceMsat[arc] = side === 0 ? held : usable - held;
  }
}

/** What end `arc` announces from here on. Whoever changes `disabled` goes on to {@link indexArcs}. */
export function placePolicy(network: Network, arc: number, policy: Policy | undefined): void {
  if (!policy) return;
  network.hasPolicy[arc] = 1;
  network.enabled[arc] = policy.disabled ? 0 : 1;
  network.feeBaseMsat[arc] = policy.feeBaseMsat;
  network.feeRatePpm[arc] = policy.feeRatePpm;
  network.cltvDelta[arc] = policy.cltvDelta;
  network.minHtlcMsat[arc] = policy.minHtlcMsat;
  network.maxHtlcMsat[arc] = policy.maxHtlcMsat;
  network.policyUpdates[arc] = policy.lastUpdate;
}

/** Small nodes are offline more often: with probability .01 + .14·e^(−degree/6), degree in usable channels. */
function drawOnline(network: Network, draft: NetworkDraft, seed: number, trusted: ReadonlySet<string>): void {
  const degree = new Uint32Array(network.nodeCount);
  for (let arc = 0; arc < network.ends.length; arc++) {
    if (network.enabled[arc] || network.enabled[arc ^ 1]) degree[network.ends[arc]!]!++;
  }
  draft.nodes.forEach((node, v) => {
    const chance = 0.01 + 0.14 * Math.exp(-degree[v]! / 6);
    const drawn = trusted.has(node.key) || uniform(seed, `offline ${node.key}`) >= chance;
    network.online[v] = (node.isOnline ?? drawn) ? 1 : 0;
  });
}

/** Sorts the enabled arcs anew, for searches. */
export function indexArcs(network: Network): void {
  const { ends, enabled } = network;
  const inStart = new Uint32Array(network.nodeCount + 1);
  const arcs: number[] = [];
  for (let arc = 0; arc < ends.length; arc++) if (enabled[arc]) arcs.push(arc);
  // Sorting by (head, tail) as one number keeps parallel channels side by side.
  const rank = (arc: number) => ends[arc ^ 1]! * network.nodeCount + ends[arc]!;
  network.inArcs = Uint32Array.from(arcs).sort((a, b) => rank(a) - rank(b) || a - b);
  for (const arc of arcs) inStart[ends[arc ^ 1]! + 1]!++;
  for (let v = 0; v < network.nodeCount; v++) inStart[v + 1]! += inStart[v]!;
  network.inStart = inStart;
}

function malformed(reason: string): OracleError {
  return new OracleError("GRAPH_MALFORMED", `The channel graph cannot be used: ${reason}.`);
}
