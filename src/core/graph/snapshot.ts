/**
 * The stored form of a graph: magic `SRG1`, two counts, then nodes by key and channels by id as varints (LEB128, as in
 * protobuf). One graph has exactly one encoding, so the SHA-256 of a snapshot is the graph's digest, whatever order LND
 * listed it in, and `sha256sum` of a stored snapshot verifies it.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "../bytes.ts";
import {
  ALIAS_BYTES,
  allocateTables,
  type ChannelGraph,
  compareKeys,
  type GraphTables,
  KEY_BYTES,
  MAX_CAPACITY_SAT,
  MAX_CHANNELS,
  MAX_NODES,
  POLICY_ENABLED,
  POLICY_KNOWN,
  withRows,
} from "./channel-graph.ts";
import { type Cursor, readBytes, readVarint, require, unzigzag, writeVarint, zigzag } from "./varints.ts";

const MAGIC = [0x53, 0x52, 0x47, 0x31];
const MAX_NODE_BYTES = KEY_BYTES + 1 + ALIAS_BYTES + 5;
const MAX_CHANNEL_BYTES = 2 * 5 + 2 * 4 + 8 + 2 * (1 + 2 * 8 + 3 * 5 + 3 + 2 * 5);

/** Bytes that {@link decodeSnapshot} turns back into the same graph. */
export function encodeSnapshot(graph: GraphTables): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(
    MAGIC.length + 10 + graph.nodeCount * MAX_NODE_BYTES + graph.channelCount * MAX_CHANNEL_BYTES,
  );
  const out: Cursor = { bytes, at: 0 };
  for (const byte of MAGIC) bytes[out.at++] = byte;
  writeVarint(out, graph.nodeCount);
  writeVarint(out, graph.channelCount);
  for (let node = 0; node < graph.nodeCount; node++) writeNode(out, graph, node);
  for (let channel = 0; channel < graph.channelCount; channel++) writeChannel(out, graph, channel);
  return bytes.slice(0, out.at);
}

/** SHA-256 of the graph's snapshot, in hex. */
export function graphDigest(graph: GraphTables): string {
  return snapshotDigest(encodeSnapshot(graph));
}

/** The digest of a graph whose snapshot is at hand. */
export function snapshotDigest(snapshot: Uint8Array): string {
  return toHex(sha256(snapshot));
}

/** Reads a snapshot and checks every bound and order in it. @throws GRAPH_MALFORMED */
export function decodeSnapshot(bytes: Uint8Array): ChannelGraph {
  const input: Cursor = { bytes, at: 0 };
  for (const byte of MAGIC) require(bytes[input.at++] === byte, "is not of this version");
  const nodeCount = readVarint(input, MAX_NODES);
  const channelCount = readVarint(input, MAX_CHANNELS);
  const left = bytes.length - input.at;
  // Each node takes at least 35 bytes and each channel at least 8, so a short input cannot ask for much memory.
  require(nodeCount * (KEY_BYTES + 2) + channelCount * 8 <= left, "is truncated");
  const tables = allocateTables(nodeCount, channelCount);
  for (let node = 0; node < nodeCount; node++) readNode(input, tables, node);
  for (let channel = 0; channel < channelCount; channel++) readChannel(input, tables, channel);
  require(input.at === bytes.length, "has bytes after its end");
  return withRows(tables);
}

function writeNode(out: Cursor, graph: GraphTables, node: number): void {
  const alias = graph.aliases.subarray(node * ALIAS_BYTES, (node + 1) * ALIAS_BYTES);
  let length = ALIAS_BYTES;
  while (length > 0 && alias[length - 1] === 0) length--;
  out.bytes.set(graph.nodeKeys.subarray(node * KEY_BYTES, (node + 1) * KEY_BYTES), out.at);
  out.at += KEY_BYTES;
  out.bytes[out.at++] = length;
  out.bytes.set(alias.subarray(0, length), out.at);
  out.at += length;
  writeVarint(out, graph.nodeUpdatedAt[node]!);
}

function readNode(input: Cursor, tables: GraphTables, node: number): void {
  const { nodeKeys: keys, aliases } = tables;
  const at = node * KEY_BYTES;
  keys.set(readBytes(input, KEY_BYTES), at);
  require(keys[at] === 2 || keys[at] === 3, "has a malformed node key");
  require(node === 0 || compareKeys(keys, at - KEY_BYTES, keys, at) < 0, "has nodes out of order");
  const length = readVarint(input, ALIAS_BYTES);
  aliases.set(readBytes(input, length), node * ALIAS_BYTES);
  require(length === 0 || aliases[node * ALIAS_BYTES + length - 1] !== 0, "has a padded alias");
  tables.nodeUpdatedAt[node] = readVarint(input, 0xffffffff);
}

function writeChannel(out: Cursor, graph: GraphTables, channel: number): void {
  const { channelIdHigh: high, channelIdLow: low } = graph;
  const step = channel === 0 ? high[0]! : high[channel]! - high[channel - 1]!;
  writeVarint(out, step);
  writeVarint(out, channel > 0 && step === 0 ? low[channel]! - low[channel - 1]! : low[channel]!);
  writeVarint(out, graph.nodeA[channel]!);
  writeVarint(out, graph.nodeB[channel]!);
  writeVarint(out, graph.capacitySat[channel]!);
  writePolicy(out, graph, 2 * channel);
  writePolicy(out, graph, 2 * channel + 1);
}

function readChannel(input: Cursor, tables: GraphTables, channel: number): void {
  const { channelIdHigh: high, channelIdLow: low } = tables;
  const step = readVarint(input, 0xffffffff);
  const lowStep = readVarint(input, 0xffffffff);
  const sameHigh = channel > 0 && step === 0;
  require(!sameHigh || lowStep > 0, "has channels out of order");
  const highWord = (channel === 0 ? 0 : high[channel - 1]!) + step;
  const lowWord = (sameHigh ? low[channel - 1]! : 0) + lowStep;
  require(highWord <= 0xffffffff && lowWord <= 0xffffffff, "has a channel id above 64 bits");
  high[channel] = highWord;
  low[channel] = lowWord;
  const nodeA = readVarint(input, tables.nodeCount - 1);
  const nodeB = readVarint(input, tables.nodeCount - 1);
  require(nodeA < nodeB, "has a channel with its ends out of order");
  const capacitySat = readVarint(input, MAX_CAPACITY_SAT);
  require(capacitySat > 0, "has a channel without capacity");
  tables.nodeA[channel] = nodeA;
  tables.nodeB[channel] = nodeB;
  tables.capacitySat[channel] = capacitySat;
  readPolicy(input, tables, 2 * channel);
  readPolicy(input, tables, 2 * channel + 1);
}

function writePolicy(out: Cursor, graph: GraphTables, arc: number): void {
  const policies = graph.policies;
  const flags = policies.flags[arc]!;
  out.bytes[out.at++] = flags;
  if (flags === 0) return;
  writeVarint(out, policies.minHtlcMsat[arc]!);
  writeVarint(out, policies.maxHtlcMsat[arc]!);
  writeVarint(out, policies.feeBaseMsat[arc]!);
  writeVarint(out, policies.feePpm[arc]!);
  writeVarint(out, policies.cltvDelta[arc]!);
  writeVarint(out, policies.updatedAt[arc]!);
  writeVarint(out, zigzag(policies.inboundFeeBaseMsat[arc]!));
  writeVarint(out, zigzag(policies.inboundFeePpm[arc]!));
}

function readPolicy(input: Cursor, tables: GraphTables, arc: number): void {
  const policies = tables.policies;
  const flags = readVarint(input, POLICY_KNOWN | POLICY_ENABLED);
  require(flags !== POLICY_ENABLED, "has an enabled direction without a policy");
  if (flags === 0) return;
  policies.flags[arc] = flags;
  policies.minHtlcMsat[arc] = readVarint(input, MAX_CAPACITY_SAT * 1000);
  policies.maxHtlcMsat[arc] = readVarint(input, tables.capacitySat[arc >>> 1]! * 1000);
  policies.feeBaseMsat[arc] = readVarint(input, 0xffffffff);
  policies.feePpm[arc] = readVarint(input, 0xffffffff);
  policies.cltvDelta[arc] = readVarint(input, 0xffff);
  policies.updatedAt[arc] = readVarint(input, 0xffffffff);
  policies.inboundFeeBaseMsat[arc] = unzigzag(readVarint(input, 0xffffffff));
  policies.inboundFeePpm[arc] = unzigzag(readVarint(input, 0xffffffff));
}
