/**
 * LND's `lnrpc.ChannelGraph` (the answer of DescribeGraph) from its protobuf bytes straight into typed arrays.
 *
 * A generated decoder makes an object per field and blocks its thread for a second on a mainnet graph; this one reads
 * the ten fields that matter and skips the rest by wire type. Field numbers: lightning.proto of LND 0.20.
 */

import { OracleError } from "../../core/errors.ts";
import { type Assembly, allocateRaw, assembleGraph, type RawGraph } from "../../core/graph/assemble.ts";
import {
  ALIAS_BYTES,
  type ChannelGraph,
  KEY_BYTES,
  MAX_CHANNELS,
  MAX_NODES,
  POLICY_ENABLED,
  POLICY_KNOWN,
} from "../../core/graph/channel-graph.ts";

/** The graph alone. @throws GRAPH_MALFORMED when the bytes are not a protobuf message or list absurdly many entries */
export function decodeChannelGraph(bytes: Uint8Array): ChannelGraph {
  return readChannelGraph(bytes).graph;
}

/** The graph, and how many announcements in it were refused. @throws GRAPH_MALFORMED */
export function readChannelGraph(bytes: Uint8Array): Assembly {
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
  return assembleGraph(raw);
}

/** A position in the bytes. */
type Wire = { readonly bytes: Uint8Array; at: number };

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

const field = (number: number, wireType: number) => number * 8 + wireType;
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
        raw.nodeUpdatedAt[node] = Math.min(readUnsigned(wire), 0xffffffff);
        break;
      case field(2, LENGTH):
        readKey(wire, endOf(wire), raw.nodeKeys, node * KEY_BYTES);
        break;
      case field(3, LENGTH): {
        const stop = endOf(wire);
        const slot = raw.aliases.subarray(node * ALIAS_BYTES, (node + 1) * ALIAS_BYTES);
        slot.fill(0).set(wire.bytes.subarray(wire.at, Math.min(stop, wire.at + ALIAS_BYTES)));
        wire.at = stop;
        break;
      }
      default:
        skip(wire, tag);
    }
  }
  finish(wire, end);
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
        raw.capacitySat[edge] = readUnsigned(wire);
        break;
      case field(7, LENGTH):
        readPolicy(wire, endOf(wire), raw, 2 * edge);
        break;
      case field(8, LENGTH):
        readPolicy(wire, endOf(wire), raw, 2 * edge + 1);
        break;
      default:
        skip(wire, tag);
    }
  }
  finish(wire, end);
}

/** RoutingPolicy: 1 time_lock_delta, 2 min_htlc, 3 fee base, 4 fee rate, 5 disabled, 6 max_htlc, 7 last_update, 9 and 10 inbound fees. */
function readPolicy(wire: Wire, end: number, raw: RawGraph, arc: number): void {
  const policies = raw.policies;
  let disabled = false;
  while (wire.at < end) {
    const tag = readTag(wire);
    switch (tag) {
      case field(1, VARINT):
        policies.cltvDelta[arc] = Math.min(readUnsigned(wire), 0xffff);
        break;
      case field(2, VARINT):
        policies.minHtlcMsat[arc] = readUnsigned(wire);
        break;
      case field(3, VARINT):
        policies.feeBaseMsat[arc] = Math.min(readUnsigned(wire), 0xffffffff);
        break;
      case field(4, VARINT):
        policies.feePpm[arc] = Math.min(readUnsigned(wire), 0xffffffff);
        break;
      case field(5, VARINT):
        disabled = readUnsigned(wire) !== 0;
        break;
      case field(6, VARINT):
        policies.maxHtlcMsat[arc] = readUnsigned(wire);
        break;
      case field(7, VARINT):
        policies.updatedAt[arc] = Math.min(readUnsigned(wire), 0xffffffff);
        break;
      case field(9, VARINT):
        readWords(wire);
        policies.inboundFeeBaseMsat[arc] = lowWord | 0;
        break;
      case field(10, VARINT):
        readWords(wire);
        policies.inboundFeePpm[arc] = lowWord | 0;
        break;
      default:
        skip(wire, tag);
    }
  }
  policies.flags[arc] = POLICY_KNOWN | (disabled ? 0 : POLICY_ENABLED);
  finish(wire, end);
}

/** A key is 66 hex digits on the wire; anything else leaves zeros, which no key is. */
function readKey(wire: Wire, end: number, keys: Uint8Array, offset: number): void {
  const { bytes, at } = wire;
  wire.at = end;
  if (end - at !== 2 * KEY_BYTES) return;
  for (let i = 0; i < KEY_BYTES; i++) {
    const high = HEX_VALUE[bytes[at + 2 * i]!]!;
    const low = HEX_VALUE[bytes[at + 2 * i + 1]!]!;
    if ((high | low) > 15) {
      keys.fill(0, offset, offset + KEY_BYTES);
      return;
    }
    keys[offset + i] = (high << 4) | low;
  }
}

/** Value of each ASCII hex digit; 16 for every other byte. */
const HEX_VALUE = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(code).toLowerCase());
  return digit < 0 ? 16 : digit;
});

// The two halves of the varint read last. A pair returned as an object would be allocated a million times.
let highWord = 0;
let lowWord = 0;

/** A varint of up to ten bytes into {@link highWord} and {@link lowWord}. */
function readWords(wire: Wire): void {
  const { bytes } = wire;
  let low = 0;
  let high = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[wire.at++];
    if (byte === undefined) throw malformed("is truncated");
    const seven = byte & 0x7f;
    if (i < 4) low |= seven << (7 * i);
    else if (i === 4) {
      low |= seven << 28;
      high = seven >>> 4;
    } else high |= seven << (7 * i - 32);
    if (byte < 0x80) {
      highWord = high >>> 0;
      lowWord = low >>> 0;
      return;
    }
  }
  throw malformed("has a number of more than ten bytes");
}

/** A varint as a count: exact below 2^53, and clamped there. A negative number (ten bytes) counts as zero. */
function readUnsigned(wire: Wire): number {
  const { bytes } = wire;
  const first = bytes[wire.at];
  if (first !== undefined && first < 0x80) {
    wire.at++;
    return first;
  }
  readWords(wire);
  if (highWord >= 0x80000000) return 0;
  return highWord >= 0x200000 ? Number.MAX_SAFE_INTEGER : highWord * 0x100000000 + lowWord;
}

function readTag(wire: Wire): number {
  const tag = readUnsigned(wire);
  if (tag < 8 || tag > 0xffffffff) throw malformed("has a field without a number");
  return tag;
}

/** The end of a length-delimited field, which must lie inside the bytes. */
function endOf(wire: Wire): number {
  const length = readUnsigned(wire);
  const end = wire.at + length;
  if (end > wire.bytes.length) throw malformed("is truncated");
  return end;
}

function finish(wire: Wire, end: number): void {
  if (wire.at !== end) throw malformed("has a field that runs over its end");
}

function skip(wire: Wire, tag: number): void {
  const wireType = tag & 7;
  if (wireType === VARINT) readWords(wire);
  else if (wireType === LENGTH) wire.at = endOf(wire);
  else if (wireType === FIXED64) wire.at += 8;
  else if (wireType === FIXED32) wire.at += 4;
  else throw malformed(`has a field of wire type ${wireType}`);
  if (wire.at > wire.bytes.length) throw malformed("is truncated");
}

function malformed(complaint: string): OracleError {
  return new OracleError("GRAPH_MALFORMED", `The channel graph ${complaint}`);
}
