/**
 * LND's `lnrpc.ChannelGraph` (the answer of DescribeGraph) from its protobuf bytes straight into typed arrays.
 *
 * A generated decoder makes an object per field and blocks its thread for a second on a mainnet graph; this one reads
 * the ten fields that matter and skips the rest by wire type. Field numbers: lightning.proto of LND 0.20.
 */

import { type Assembly, allocateRaw, assembleGraph, type RawGraph } from "../../core/graph/assemble.ts";
import { ALIAS_BYTES, type ChannelGraph, KEY_BYTES, MAX_CHANNELS, MAX_NODES } from "../../core/graph/channel-graph.ts";
import { countGarbage, type Garbage } from "../../core/graph/garbage.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { readPolicy } from "./read-policy.ts";
import {
  endOf,
  field,
  finish,
  highWord,
  LENGTH,
  lowWord,
  malformed,
  readKey,
  readSigned,
  readTag,
  readWords,
  skip,
  VARINT,
  type Wire,
} from "./wire.ts";

/** The graph alone. @throws GRAPH_MALFORMED when the bytes are not a protobuf message or list absurdly many entries */
export function decodeChannelGraph(bytes: Uint8Array): ChannelGraph {
  return readChannelGraph(bytes).graph;
}

/** The graph, and what was wrong in it; times after `now` are taken for `now`. @throws GRAPH_MALFORMED */
export function readChannelGraph(bytes: Uint8Array, now?: UnixSeconds): Assembly {
  const { nodes, edges } = countEntries(bytes);
  const raw = allocateRaw(nodes, edges);
  const wire: Wire = { bytes, at: 0 };
  let node = 0;
  let edge = 0;
  while (wire.at < bytes.length) {
    const tag = readTag(wire);
    if (tag === NODE) readNode(wire, endOf(wire), raw, node++);
    else if (tag === EDGE) readEdge(wire, endOf(wire), raw, edge++);
    else skip(wire, tag);
  }
  return assembleGraph(raw, now);
}

const NODE = field(1, LENGTH);
const EDGE = field(2, LENGTH);

/** Counting first lets the arrays be allocated once, at their size. */
function countEntries(bytes: Uint8Array): { nodes: number; edges: number } {
  const wire: Wire = { bytes, at: 0 };
  let nodes = 0;
  let edges = 0;
  while (wire.at < bytes.length) {
    const tag = readTag(wire);
    if (tag === NODE) nodes++;
    if (tag === EDGE) edges++;
    skip(wire, tag);
  }
  if (nodes > MAX_NODES || edges > MAX_CHANNELS) throw malformed(`lists ${nodes} nodes and ${edges} channels`);
  return { nodes, edges };
}

/** LightningNode: 1 last_update, 2 pub_key, 3 alias. */
function readNode(wire: Wire, end: number, raw: RawGraph, node: number): void {
  while (wire.at < end) {
    const tag = readTag(wire);
    switch (tag) {
      case field(1, VARINT):
        raw.nodeUpdatedAt[node] = Math.min(Math.max(readSigned(wire), 0), 0xffffffff);
        break;
      case field(2, LENGTH):
        readKey(wire, endOf(wire), raw.nodeKeys, node * KEY_BYTES);
        break;
      case field(3, LENGTH):
        readAlias(wire, endOf(wire), raw.aliases, node * ALIAS_BYTES, raw.garbage);
        break;
      default:
        skip(wire, tag);
    }
  }
  finish(wire, end);
}

/** Up to 32 bytes of an alias; one that is longer, or has control characters in it, is counted. */
export function readAlias(wire: Wire, end: number, aliases: Uint8Array, offset: number, garbage: Garbage): void {
  const alias = wire.bytes.subarray(wire.at, Math.min(end, wire.at + ALIAS_BYTES));
  aliases.fill(0, offset, offset + ALIAS_BYTES).set(alias, offset);
  if (end - wire.at > ALIAS_BYTES || alias.some((byte) => byte < 0x20 || byte === 0x7f)) countGarbage(garbage, "alias");
  wire.at = end;
}

/** ChannelEdge: 1 channel_id, 4 node1_pub, 5 node2_pub, 6 capacity, 7 node1_policy, 8 node2_policy. */
function readEdge(wire: Wire, end: number, raw: RawGraph, edge: number): void {
  while (wire.at < end) {
    const tag = readTag(wire);
    switch (tag) {
      case field(1, VARINT):
        readWords(wire);
        raw.channelIdHigh[edge] = highWord;
        raw.channelIdLow[edge] = lowWord;
        break;
      case field(4, LENGTH):
        readKey(wire, endOf(wire), raw.endKeys, 2 * edge * KEY_BYTES);
        break;
      case field(5, LENGTH):
        readKey(wire, endOf(wire), raw.endKeys, (2 * edge + 1) * KEY_BYTES);
        break;
      case field(6, VARINT):
        raw.capacitySat[edge] = readSigned(wire);
        break;
      case field(7, LENGTH):
        readPolicy(wire, endOf(wire), raw.policies, 2 * edge, raw.garbage);
        break;
      case field(8, LENGTH):
        readPolicy(wire, endOf(wire), raw.policies, 2 * edge + 1, raw.garbage);
        break;
      default:
        skip(wire, tag);
    }
  }
  finish(wire, end);
}
