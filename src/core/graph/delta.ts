/**
 * The stored form of changes: magic `SRD1`, a count, then the changes in the order they are applied, as varints.
 *
 * A graph that changed has the digest SHA-256(digest before ‖ delta): it names the content by how it came about, without
 * a pass over all of it. Who has the snapshot and the deltas after it can recompute it.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes } from "../bytes.ts";
import type { GraphChange, Policy } from "./change.ts";
import { ALIAS_BYTES, KEY_BYTES, MAX_CAPACITY_SAT, POLICY_ENABLED, POLICY_KNOWN } from "./channel-graph.ts";
import { type Cursor, readBytes, readVarint, require, unzigzag, writeVarint, zigzag } from "./varints.ts";

const MAGIC = [0x53, 0x52, 0x44, 0x31];
const KINDS = ["node", "node-gone", "opened", "closed", "policy"] as const;
/** Two keys, an id in two words, a capacity: no change is longer. */
const MAX_CHANGE_BYTES = 128;
/** What a delta may hold: larger changes are stored as a new snapshot. */
export const MAX_DELTA_CHANGES = 5_000;

/** Bytes that {@link decodeDelta} turns back into the same changes, at most {@link MAX_DELTA_CHANGES}. */
export function encodeDelta(changes: readonly GraphChange[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(MAGIC.length + 8 + changes.length * MAX_CHANGE_BYTES);
  const out: Cursor = { bytes, at: 0 };
  for (const byte of MAGIC) bytes[out.at++] = byte;
  writeVarint(out, changes.length);
  for (const change of changes) {
    bytes[out.at++] = KINDS.indexOf(change.kind);
    writeChange(out, change);
  }
  return bytes.slice(0, out.at);
}

/** Reads a delta and checks every bound in it. @throws GRAPH_MALFORMED */
export function decodeDelta(bytes: Uint8Array): GraphChange[] {
  const input: Cursor = { bytes, at: 0 };
  for (const byte of MAGIC) require(bytes[input.at++] === byte, "is not of this version");
  const count = readVarint(input, MAX_DELTA_CHANGES);
  const changes: GraphChange[] = [];
  while (changes.length < count) changes.push(readChange(input, KINDS[readVarint(input, KINDS.length - 1)]!));
  require(input.at === bytes.length, "has bytes after its end");
  return changes;
}

/** The digest of a graph after a delta. Digests are 32 bytes. */
export function digestAfter(before: Uint8Array, delta: Uint8Array): Uint8Array {
  return sha256(concatBytes(before, delta));
}

function writeChange(out: Cursor, change: GraphChange): void {
  switch (change.kind) {
    case "node":
      writeBytes(out, change.key);
      writeBytes(out, change.alias);
      writeVarint(out, change.updatedAt);
      break;
    case "node-gone":
      writeBytes(out, change.key);
      break;
    case "opened":
      writeId(out, change.id);
      writeBytes(out, change.keyA);
      writeBytes(out, change.keyB);
      writeVarint(out, change.capacitySat);
      break;
    case "closed":
      writeId(out, change.id);
      writeVarint(out, change.height);
      break;
    case "policy":
      writeId(out, change.id);
      out.bytes[out.at++] = change.fromA ? 0 : 1;
      writePolicy(out, change.policy);
  }
}

function readChange(input: Cursor, kind: GraphChange["kind"]): GraphChange {
  switch (kind) {
    case "node":
      return { kind, key: readKey(input), alias: readAlias(input), updatedAt: readVarint(input, 0xffffffff) };
    case "node-gone":
      return { kind, key: readKey(input) };
    case "opened":
      return readOpened(input);
    case "closed":
      return { kind, id: readId(input), height: readVarint(input, 0xffffffff) };
    case "policy":
      return { kind, id: readId(input), fromA: readVarint(input, 1) === 0, policy: readPolicy(input) };
  }
}

function readOpened(input: Cursor): GraphChange {
  const [id, keyA, keyB] = [readId(input), readKey(input), readKey(input)];
  const first = keyA.findIndex((byte, i) => byte !== keyB[i]);
  require(first >= 0 && keyA[first]! < keyB[first]!, "has a channel with its ends out of order");
  const capacitySat = readVarint(input, MAX_CAPACITY_SAT);
  require(capacitySat > 0, "has a channel without capacity");
  return { kind: "opened", id, keyA, keyB, capacitySat };
}

/** Flags, then the rest where there is a policy. */
function writePolicy(out: Cursor, policy: Policy): void {
  out.bytes[out.at++] = policy.flags;
  if (policy.flags === 0) return;
  writeVarint(out, policy.minHtlcMsat);
  writeVarint(out, policy.maxHtlcMsat);
  writeVarint(out, policy.feeBaseMsat);
  writeVarint(out, policy.feePpm);
  writeVarint(out, policy.cltvDelta);
  writeVarint(out, policy.updatedAt);
  writeVarint(out, zigzag(policy.inboundFeeBaseMsat));
  writeVarint(out, zigzag(policy.inboundFeePpm));
}

function readPolicy(input: Cursor): Policy {
  const flags = readVarint(input, POLICY_KNOWN | POLICY_ENABLED);
  require(flags !== POLICY_ENABLED, "has an enabled direction without a policy");
  const read = (max: number) => (flags === 0 ? 0 : readVarint(input, max));
  return {
    flags,
    minHtlcMsat: read(MAX_CAPACITY_SAT * 1000),
    maxHtlcMsat: read(MAX_CAPACITY_SAT * 1000),
    feeBaseMsat: read(0xffffffff),
    feePpm: read(0xffffffff),
    cltvDelta: read(0xffff),
    updatedAt: read(0xffffffff),
    inboundFeeBaseMsat: unzigzag(read(0xffffffff)),
    inboundFeePpm: unzigzag(read(0xffffffff)),
  };
}

function writeId(out: Cursor, id: bigint): void {
  writeVarint(out, Number(id >> 32n));
  writeVarint(out, Number(id & 0xffff_ffffn));
}

function readId(input: Cursor): bigint {
  const high = readVarint(input, 0xffffffff);
  return (BigInt(high) << 32n) | BigInt(readVarint(input, 0xffffffff));
}

function writeBytes(out: Cursor, bytes: Uint8Array): void {
  out.bytes.set(bytes, out.at);
  out.at += bytes.length;
}

function readKey(input: Cursor): Uint8Array {
  const key = readBytes(input, KEY_BYTES);
  require(key[0] === 2 || key[0] === 3, "has a malformed node key");
  return key;
}

function readAlias(input: Cursor): Uint8Array {
  return readBytes(input, ALIAS_BYTES);
}
