/**
 * The public channel graph as a value, in typed arrays: nodes sorted by key, channels by id, and each channel's two
 * directions as arcs. Arc 2c runs from end A to end B of channel c, arc 2c+1 back; end A has the smaller key (LND's
 * node1, BOLT 7 `node_id_1`). All money is whole millisatoshis below 2^53, so doubles hold it exactly.
 */
import { fromHex, toHex } from "../bytes.ts";

/** Bytes of a compressed public key. */
export const KEY_BYTES = 33;
/** Bytes of an alias (BOLT 7 `node_announcement`), padded with zeros. */
export const ALIAS_BYTES = 32;
/** No honest channel is larger: twenty times the largest seen. 10,000 BTC in satoshis. */
export const MAX_CAPACITY_SAT = 1_000_000_000_000;
/** More nodes than any Lightning graph has had by a factor of twenty. */
export const MAX_NODES = 400_000;
/** More channels than any Lightning graph has had by a factor of twenty. */
export const MAX_CHANNELS = 2_000_000;

/** `flags` bit of an arc: the tail has announced a policy. */
export const POLICY_KNOWN = 1;
/** `flags` bit of an arc: the policy is announced and not disabled. */
export const POLICY_ENABLED = 2;

/** What the tail of each arc announced. A direction without a policy has zeros and no {@link POLICY_KNOWN}. */
export type ArcPolicies = {
  readonly flags: Uint8Array;
  readonly minHtlcMsat: Float64Array;
  /** Never above the channel's capacity. */
  readonly maxHtlcMsat: Float64Array;
  readonly feeBaseMsat: Uint32Array;
  readonly feePpm: Uint32Array;
  readonly cltvDelta: Uint16Array;
  /** Unix seconds of the announcement; 0 when not known. */
  readonly updatedAt: Uint32Array;
  /** What the tail charges (or, negative, gives back) for payments that *arrive* over this channel. */
  readonly inboundFeeBaseMsat: Int32Array;
  readonly inboundFeePpm: Int32Array;
};

/** Enabled arcs by node. A *slot* is an arc's position in the inbound order; masks are stored by slot. */
export type ArcRows = {
  readonly inStart: Uint32Array;
  readonly inArc: Uint32Array;
  readonly inTail: Uint32Array;
  readonly outStart: Uint32Array;
  readonly outArc: Uint32Array;
  readonly outHead: Uint32Array;
  readonly outSlot: Uint32Array;
  /** Slot of each arc, or -1 for a direction that is not enabled. */
  readonly slotOfArc: Int32Array;
};

/** The part of a graph that is stored and digested; the rows follow from it. */
export type GraphTables = {
  readonly nodeCount: number;
  readonly channelCount: number;
  readonly nodeKeys: Uint8Array;
  readonly aliases: Uint8Array;
  readonly nodeUpdatedAt: Uint32Array;
  readonly channelIdHigh: Uint32Array;
  readonly channelIdLow: Uint32Array;
  readonly nodeA: Uint32Array;
  readonly nodeB: Uint32Array;
  readonly capacitySat: Float64Array;
  readonly policies: ArcPolicies;
};

/** The channel graph. Immutable by convention: every pass over it shares the same arrays. */
export type ChannelGraph = GraphTables & { readonly rows: ArcRows };

/** Empty policies for this many arcs. */
export function allocatePolicies(arcs: number): ArcPolicies {
  return {
    flags: new Uint8Array(arcs),
    minHtlcMsat: new Float64Array(arcs),
    maxHtlcMsat: new Float64Array(arcs),
    feeBaseMsat: new Uint32Array(arcs),
    feePpm: new Uint32Array(arcs),
    cltvDelta: new Uint16Array(arcs),
    updatedAt: new Uint32Array(arcs),
    inboundFeeBaseMsat: new Int32Array(arcs),
    inboundFeePpm: new Int32Array(arcs),
  };
}

/** Empty tables for this many nodes and channels. */
export function allocateTables(nodeCount: number, channelCount: number): GraphTables {
  return {
    nodeCount,
    channelCount,
    nodeKeys: new Uint8Array(nodeCount * KEY_BYTES),
    aliases: new Uint8Array(nodeCount * ALIAS_BYTES),
    nodeUpdatedAt: new Uint32Array(nodeCount),
    channelIdHigh: new Uint32Array(channelCount),
    channelIdLow: new Uint32Array(channelCount),
    nodeA: new Uint32Array(channelCount),
    nodeB: new Uint32Array(channelCount),
    capacitySat: new Float64Array(channelCount),
    policies: allocatePolicies(2 * channelCount),
  };
}

/** Adds the rows of enabled arcs to tables that are already sorted and checked. */
export function withRows(tables: GraphTables): ChannelGraph {
  const { nodeCount, channelCount, policies } = tables;
  const inStart = new Uint32Array(nodeCount + 1);
  const outStart = new Uint32Array(nodeCount + 1);
  let enabled = 0;
  for (let arc = 0; arc < 2 * channelCount; arc++) {
    if ((policies.flags[arc]! & POLICY_ENABLED) === 0) continue;
    inStart[arcHead(tables, arc) + 1]!++;
    outStart[arcTail(tables, arc) + 1]!++;
    enabled++;
  }
  for (let node = 0; node < nodeCount; node++) {
    inStart[node + 1]! += inStart[node]!;
    outStart[node + 1]! += outStart[node]!;
  }
  const rows = {
    inStart,
    inArc: new Uint32Array(enabled),
    inTail: new Uint32Array(enabled),
    outStart,
    outArc: new Uint32Array(enabled),
    outHead: new Uint32Array(enabled),
    outSlot: new Uint32Array(enabled),
    slotOfArc: new Int32Array(2 * channelCount).fill(-1),
  };
  fillRows(tables, rows);
  return { ...tables, rows };
}

function fillRows(tables: GraphTables, rows: ArcRows): void {
  const nextIn = rows.inStart.slice();
  const nextOut = rows.outStart.slice();
  for (let arc = 0; arc < 2 * tables.channelCount; arc++) {
    if ((tables.policies.flags[arc]! & POLICY_ENABLED) === 0) continue;
    const tail = arcTail(tables, arc);
    const head = arcHead(tables, arc);
    const slot = nextIn[head]!++;
    const out = nextOut[tail]!++;
    rows.inArc[slot] = arc;
    rows.inTail[slot] = tail;
    rows.slotOfArc[arc] = slot;
    rows.outArc[out] = arc;
    rows.outHead[out] = head;
    rows.outSlot[out] = slot;
  }
}

/** The node an arc leaves. */
export function arcTail(tables: GraphTables, arc: number): number {
  return (arc & 1) === 0 ? tables.nodeA[arc >>> 1]! : tables.nodeB[arc >>> 1]!;
}

/** The node an arc enters. */
export function arcHead(tables: GraphTables, arc: number): number {
  return (arc & 1) === 0 ? tables.nodeB[arc >>> 1]! : tables.nodeA[arc >>> 1]!;
}

/** The short channel id as LND prints it. */
export function channelId(tables: GraphTables, channel: number): bigint {
  return (BigInt(tables.channelIdHigh[channel]!) << 32n) | BigInt(tables.channelIdLow[channel]!);
}

/** Enabled arcs into a node. */
export function inboundCount(graph: ChannelGraph, node: number): number {
  return graph.rows.inStart[node + 1]! - graph.rows.inStart[node]!;
}

/** Enabled arcs out of a node. */
export function outboundCount(graph: ChannelGraph, node: number): number {
  return graph.rows.outStart[node + 1]! - graph.rows.outStart[node]!;
}

/** The 66 lower-case hex digits of a node's key. */
export function nodeKeyHex(tables: GraphTables, node: number): string {
  return toHex(tables.nodeKeys.subarray(node * KEY_BYTES, (node + 1) * KEY_BYTES));
}

/** The bytes of a node's alias, padded with zeros. */
export function aliasAt(tables: GraphTables, node: number): Uint8Array {
  return tables.aliases.subarray(node * ALIAS_BYTES, (node + 1) * ALIAS_BYTES);
}

/** A node's alias as harmless text. May be empty. */
export function aliasOf(tables: GraphTables, node: number): string {
  return readAlias(aliasAt(tables, node));
}

/** The text of a padded alias; whatever could steer a terminal or a page layout is dropped. */
export function readAlias(padded: Uint8Array): string {
  const end = padded.indexOf(0);
  const text = new TextDecoder().decode(end < 0 ? padded : padded.subarray(0, end));
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029\ufffd]/gu, "").trim();
}

/** Index of the node with this 33-byte key, or -1. */
export function findNode(tables: GraphTables, key: Uint8Array): number {
  return key.length === KEY_BYTES ? searchKeys(tables.nodeKeys, tables.nodeCount, key, 0) : -1;
}

/** Index of the node with this key in hex of either case, or -1. */
export function findNodeHex(tables: GraphTables, keyHex: string): number {
  const key = keyHex.length === 2 * KEY_BYTES ? fromHex(keyHex) : undefined;
  return key ? findNode(tables, key) : -1;
}

/** Index of the channel with this id, or -1. */
export function findChannel(tables: GraphTables, id: bigint): number {
  const channel = insertionOfChannel(tables, id);
  return channel < tables.channelCount && channelId(tables, channel) === id ? channel : -1;
}

/** Where the channel with this id is, or belongs. */
export function insertionOfChannel(tables: GraphTables, id: bigint): number {
  const { channelIdHigh, channelIdLow, channelCount } = tables;
  const [high, low] = [Number(id >> 32n), Number(id & 0xffff_ffffn)];
  return lowerBound(channelCount, (channel) => channelIdHigh[channel]! - high || channelIdLow[channel]! - low);
}

/** Where the node with this key is, or belongs. */
export function insertionOfNode(tables: GraphTables, key: Uint8Array): number {
  return lowerBound(tables.nodeCount, (node) => compareKeys(tables.nodeKeys, node * KEY_BYTES, key, 0));
}

/** First of `count` sorted entries that is not below what is looked for, by the sign of `order`. */
function lowerBound(count: number, order: (entry: number) => number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (order(middle) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Binary search for the key at `offset` of `bytes` among `count` sorted keys; -1 when absent. */
function searchKeys(sorted: Uint8Array, count: number, bytes: Uint8Array, offset: number): number {
  let low = 0;
  let high = count - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const order = compareKeys(sorted, middle * KEY_BYTES, bytes, offset);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Negative, zero or positive, as the key at `i` of `a` sorts before, with or after the key at `j` of `b`. */
export function compareKeys(a: Uint8Array, i: number, b: Uint8Array, j: number): number {
  for (let k = 0; k < KEY_BYTES; k++) {
    const difference = a[i + k]! - b[j + k]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
