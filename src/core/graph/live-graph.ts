/**
 * A channel graph that changes in place. After every change its arrays are exactly those of a graph built anew from the
 * same announcements: sorted, dense, with rows of enabled arcs; so everything that reads a {@link ChannelGraph} reads it.
 *
 * A change moves what lies behind it (some hundred microseconds on mainnet's graph) instead of building everything again.
 * Whoever holds `graph` sees changes of policies at once, and must fetch it again after any other.
 */
import { OracleError } from "../errors.ts";
import { type GraphChange, POLICY_COLUMNS, type Policy } from "./change.ts";
import {
  ALIAS_BYTES,
  arcHead,
  arcTail,
  type ChannelGraph,
  findChannel,
  findNode,
  insertionOfChannel,
  insertionOfNode,
  KEY_BYTES,
  MAX_CHANNELS,
  MAX_NODES,
  POLICY_ENABLED,
} from "./channel-graph.ts";
import { openColumns } from "./columns.ts";

/** See the top of this file. */
export type LiveGraph = {
  readonly graph: ChannelGraph;
  /**
   * Applies one change; false when it changes nothing.
   * @throws GRAPH_MALFORMED, having changed nothing, for one that does not fit: an unknown channel or end, a node with channels that is gone
   */
  apply(change: GraphChange): boolean;
};

/** A live graph that begins as a copy of `from`. */
export function openLiveGraph(from: ChannelGraph): LiveGraph {
  const { nodeKeys, aliases, nodeUpdatedAt, channelIdHigh, channelIdLow, nodeA, nodeB, capacitySat } = from;
  const { slotOfArc, inStart, outStart, inArc, inTail, outArc, outHead, outSlot } = from.rows;
  const nodes = openColumns({ nodeKeys, aliases, nodeUpdatedAt }, from.nodeCount, {
    nodeKeys: KEY_BYTES,
    aliases: ALIAS_BYTES,
  });
  const starts = openColumns({ inStart, outStart }, from.nodeCount + 1);
  const channels = openColumns({ channelIdHigh, channelIdLow, nodeA, nodeB, capacitySat }, from.channelCount);
  const pair = Object.fromEntries([...POLICY_COLUMNS, "slotOfArc"].map((name) => [name, 2]));
  const arcs = openColumns({ ...from.policies, slotOfArc }, from.channelCount, pair);
  const slots = openColumns({ inArc, inTail }, inArc.length);
  const outs = openColumns({ outArc, outHead, outSlot }, outArc.length);

  let graph: ChannelGraph | undefined;
  /** Written out: objects of one shape, whichever graph they are of, are read several times as fast. */
  const view = (): ChannelGraph => {
    const [ofNodes, ofStarts, ofChannels] = [nodes.view(), starts.view(), channels.view()];
    const [ofArcs, ofSlots, ofOuts] = [arcs.view(), slots.view(), outs.view()];
    return {
      nodeCount: nodes.count,
      channelCount: channels.count,
      nodeKeys: ofNodes.nodeKeys,
      aliases: ofNodes.aliases,
      nodeUpdatedAt: ofNodes.nodeUpdatedAt,
      channelIdHigh: ofChannels.channelIdHigh,
      channelIdLow: ofChannels.channelIdLow,
      nodeA: ofChannels.nodeA,
      nodeB: ofChannels.nodeB,
      capacitySat: ofChannels.capacitySat,
      policies: {
        flags: ofArcs.flags,
        minHtlcMsat: ofArcs.minHtlcMsat,
        maxHtlcMsat: ofArcs.maxHtlcMsat,
        feeBaseMsat: ofArcs.feeBaseMsat,
        feePpm: ofArcs.feePpm,
        cltvDelta: ofArcs.cltvDelta,
        updatedAt: ofArcs.updatedAt,
        inboundFeeBaseMsat: ofArcs.inboundFeeBaseMsat,
        inboundFeePpm: ofArcs.inboundFeePpm,
      },
      rows: {
        inStart: ofStarts.inStart,
        inArc: ofSlots.inArc,
        inTail: ofSlots.inTail,
        outStart: ofStarts.outStart,
        outArc: ofOuts.outArc,
        outHead: ofOuts.outHead,
        outSlot: ofOuts.outSlot,
        slotOfArc: ofArcs.slotOfArc,
      },
    };
  };
  const current = () => {
    graph ??= view();
    return graph;
  };

  const enable = (arc: number) => {
    const [tail, head] = [arcTail(current(), arc), arcHead(current(), arc)];
    const slot = placeIn(slots.all.inArc, starts.all.inStart[head]!, starts.all.inStart[head + 1]!, arc);
    const out = placeIn(outs.all.outArc, starts.all.outStart[tail]!, starts.all.outStart[tail + 1]!, arc);
    shift(outs.all.outSlot, outs.count, slot, 1);
    slots.insert(slot);
    outs.insert(out);
    shiftFrom(starts.all.inStart, starts.count, head + 1, 1);
    shiftFrom(starts.all.outStart, starts.count, tail + 1, 1);
    slots.all.inArc[slot] = arc;
    slots.all.inTail[slot] = tail;
    outs.all.outArc[out] = arc;
    outs.all.outHead[out] = head;
    outs.all.outSlot[out] = slot;
    renumberSlots(slots.all.inArc, slots.count, arcs.all.slotOfArc, slot);
    graph = undefined;
  };

  /** Turns one direction off, or both of a channel: what lies behind them moves once. */
  const disable = (...off: readonly number[]) => {
    const removed = off.map((arc) => arcs.all.slotOfArc[arc]!);
    for (const arc of off) {
      const [tail, head] = [arcTail(current(), arc), arcHead(current(), arc)];
      const slot = placeIn(slots.all.inArc, starts.all.inStart[head]!, starts.all.inStart[head + 1]!, arc);
      const out = placeIn(outs.all.outArc, starts.all.outStart[tail]!, starts.all.outStart[tail + 1]!, arc);
      slots.remove(slot);
      outs.remove(out);
      shiftFrom(starts.all.inStart, starts.count, head + 1, -1);
      shiftFrom(starts.all.outStart, starts.count, tail + 1, -1);
      arcs.all.slotOfArc[arc] = -1;
      graph = undefined;
    }
    const [first = 0, second = Number.POSITIVE_INFINITY] = removed.sort((a, b) => a - b);
    lower(outs.all.outSlot, outs.count, first, second);
    renumberSlots(slots.all.inArc, slots.count, arcs.all.slotOfArc, first);
  };

  const setPolicy = (channel: number, fromA: boolean, policy: Policy): boolean => {
    const arc = 2 * channel + (fromA ? 0 : 1);
    let changed = false;
    const was = arcs.all.flags[arc]! & POLICY_ENABLED;
    for (const column of POLICY_COLUMNS) {
      if (arcs.all[column][arc] === policy[column]) continue;
      arcs.all[column][arc] = policy[column];
      changed = true;
    }
    const is = policy.flags & POLICY_ENABLED;
    if (was < is) enable(arc);
    else if (was > is) disable(arc);
    return changed;
  };

  const addNode = (key: Uint8Array): number => {
    if (nodes.count >= MAX_NODES) throw misfit("one node too many");
    const node = insertionOfNode(current(), key);
    nodes.insert(node);
    nodes.all.nodeKeys.set(key, node * KEY_BYTES);
    starts.insert(node);
    // The new node's rows are empty: they begin where those of the next one do.
    starts.all.inStart[node] = starts.all.inStart[node + 1]!;
    starts.all.outStart[node] = starts.all.outStart[node + 1]!;
    renumberNodes(node, 1);
    return node;
  };
  const dropNode = (node: number) => {
    nodes.remove(node);
    starts.remove(node);
    renumberNodes(node, -1);
  };
  const renumberNodes = (least: number, step: number) => {
    shift(channels.all.nodeA, channels.count, least, step);
    shift(channels.all.nodeB, channels.count, least, step);
    shift(slots.all.inTail, slots.count, least, step);
    shift(outs.all.outHead, outs.count, least, step);
    graph = undefined;
  };
  const renumberArcs = (least: number, step: number) => {
    shift(slots.all.inArc, slots.count, least, step);
    shift(outs.all.outArc, outs.count, least, step);
    graph = undefined;
  };

  const open = (change: GraphChange & { kind: "opened" }): boolean => {
    const { id, keyA, keyB, capacitySat: capacity } = change;
    if (findChannel(current(), id) >= 0) throw misfit(`channel ${id} twice`);
    if (channels.count >= MAX_CHANNELS) throw misfit("one channel too many");
    for (const key of [keyA, keyB]) if (findNode(current(), key) < 0) addNode(key);
    const channel = insertionOfChannel(current(), id);
    const [a, b] = [findNode(current(), keyA), findNode(current(), keyB)];
    channels.insert(channel);
    arcs.insert(channel);
    channels.all.channelIdHigh[channel] = Number(id >> 32n);
    channels.all.channelIdLow[channel] = Number(id & 0xffff_ffffn);
    channels.all.nodeA[channel] = a;
    channels.all.nodeB[channel] = b;
    channels.all.capacitySat[channel] = capacity;
    arcs.all.slotOfArc.fill(-1, 2 * channel, 2 * channel + 2);
    renumberArcs(2 * channel, 2);
    return true;
  };
  const close = (channel: number) => {
    const enabled = [2 * channel, 2 * channel + 1].filter((arc) => arcs.all.slotOfArc[arc]! >= 0);
    if (enabled.length > 0) disable(...enabled);
    channels.remove(channel);
    arcs.remove(channel);
    renumberArcs(2 * channel, -2);
    return true;
  };

  const announce = (change: GraphChange & { kind: "node" }): boolean => {
    const known = findNode(current(), change.key);
    const node = known >= 0 ? known : addNode(change.key);
    const alias = nodes.all.aliases.subarray(node * ALIAS_BYTES, (node + 1) * ALIAS_BYTES);
    const same =
      change.alias.every((byte, i) => byte === alias[i]) && nodes.all.nodeUpdatedAt[node] === change.updatedAt;
    alias.set(change.alias);
    nodes.all.nodeUpdatedAt[node] = change.updatedAt;
    return known < 0 || !same;
  };
  const forget = (key: Uint8Array): boolean => {
    const node = findNode(current(), key);
    if (node < 0) return false;
    const { nodeA: a, nodeB: b } = current();
    if (a.includes(node) || b.includes(node)) throw misfit("a node is gone whose channels are there");
    dropNode(node);
    return true;
  };
  const channelOf = (id: bigint): number => {
    const channel = findChannel(current(), id);
    if (channel < 0) throw misfit(`channel ${id} is unknown`);
    return channel;
  };

  return {
    get graph() {
      return current();
    },
    apply(change) {
      switch (change.kind) {
        case "node":
          return announce(change);
        case "node-gone":
          return forget(change.key);
        case "opened":
          return open(change);
        case "closed":
          return close(channelOf(change.id));
        case "policy":
          return setPolicy(channelOf(change.id), change.fromA, change.policy);
      }
    },
  };
}

/** Adds `step` to every number from `least` on. */
function shift(numbers: Uint32Array, count: number, least: number, step: number): void {
  for (let i = 0; i < count; i++) if (numbers[i]! >= least) numbers[i]! += step;
}

/** Takes one from every number above `first`, and another from those above `second`. */
function lower(numbers: Uint32Array, count: number, first: number, second: number): void {
  for (let i = 0; i < count; i++) {
    const number = numbers[i]!;
    if (number > first) numbers[i] = number > second ? number - 2 : number - 1;
  }
}

/** Adds `step` to every number behind position `first`, that one included. */
function shiftFrom(numbers: Uint32Array, count: number, first: number, step: number): void {
  for (let i = first; i < count; i++) numbers[i]! += step;
}

/** Tells each arc from `first` on which slot it has. */
function renumberSlots(inArc: Uint32Array, count: number, slotOfArc: Int32Array, first: number): void {
  for (let slot = first; slot < count; slot++) slotOfArc[inArc[slot]!] = slot;
}

/** Where `arc` is, or belongs, between two positions of ascending arcs. */
function placeIn(ascending: Uint32Array, first: number, end: number, arc: number): number {
  let [low, high] = [first, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < arc) low = middle + 1;
    else high = middle;
  }
  return low;
}

function misfit(complaint: string): OracleError {
  return new OracleError("GRAPH_MALFORMED", `A change does not fit the graph: ${complaint}`);
}
