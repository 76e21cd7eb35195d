/**
 * Protobuf read by hand, for the messages that come in millions of fields. Unknown fields are skipped by wire type;
 * whatever is no message is refused by name, and nothing is read beyond the end.
 */
import { OracleError } from "../../core/errors.ts";
import { KEY_BYTES } from "../../core/graph/channel-graph.ts";

/** A position in the bytes. */
export type Wire = { readonly bytes: Uint8Array; at: number };

export const VARINT = 0;
const FIXED64 = 1;
export const LENGTH = 2;
const FIXED32 = 5;

/** The tag of a field. */
export const field = (number: number, wireType: number) => number * 8 + wireType;

// The two halves of the varint read last. A pair returned as an object would be allocated a million times.
export let highWord = 0;
export let lowWord = 0;

/** A varint of up to ten bytes into {@link highWord} and {@link lowWord}. @throws GRAPH_MALFORMED */
export function readWords(wire: Wire): void {
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

/** An unsigned number: exact below 2^53, and 2^53 − 1 from there on. @throws GRAPH_MALFORMED */
export function readUnsigned(wire: Wire): number {
  const { bytes } = wire;
  const first = bytes[wire.at];
  if (first !== undefined && first < 0x80) {
    wire.at++;
    return first;
  }
  readWords(wire);
  return highWord >= 0x200000 ? Number.MAX_SAFE_INTEGER : highWord * 0x100000000 + lowWord;
}

/** A signed 64-bit number as −1 when it is negative, and otherwise as {@link readUnsigned} has it. @throws GRAPH_MALFORMED */
export function readSigned(wire: Wire): number {
  const first = wire.bytes[wire.at];
  if (first !== undefined && first < 0x80) {
    wire.at++;
    return first;
  }
  readWords(wire);
  if (highWord >= 0x80000000) return -1;
  return highWord >= 0x200000 ? Number.MAX_SAFE_INTEGER : highWord * 0x100000000 + lowWord;
}

/** @throws GRAPH_MALFORMED */
export function readTag(wire: Wire): number {
  const tag = readUnsigned(wire);
  if (tag < 8 || tag > 0xffffffff) throw malformed("has a field without a number");
  return tag;
}

/** The end of a length-delimited field, which must lie inside the bytes. @throws GRAPH_MALFORMED */
export function endOf(wire: Wire): number {
  const length = readUnsigned(wire);
  const end = wire.at + length;
  if (end > wire.bytes.length) throw malformed("is truncated");
  return end;
}

/** A message must end where it said it would. @throws GRAPH_MALFORMED */
export function finish(wire: Wire, end: number): void {
  if (wire.at !== end) throw malformed("has a field that runs over its end");
}

/** Passes over a field. @throws GRAPH_MALFORMED */
export function skip(wire: Wire, tag: number): void {
  const wireType = tag & 7;
  if (wireType === VARINT) readWords(wire);
  else if (wireType === LENGTH) wire.at = endOf(wire);
  else if (wireType === FIXED64) wire.at += 8;
  else if (wireType === FIXED32) wire.at += 4;
  else throw malformed(`has a field of wire type ${wireType}`);
  if (wire.at > wire.bytes.length) throw malformed("is truncated");
}

/** Reads a key up to `end`: 66 hex digits on the wire; anything else leaves zeros, which no key is. */
export function readKey(wire: Wire, end: number, keys: Uint8Array, offset: number): void {
  const { bytes, at } = wire;
  wire.at = end;
  keys.fill(0, offset, offset + KEY_BYTES);
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

/** A refusal of bytes. */
export function malformed(complaint: string): OracleError {
  return new OracleError("GRAPH_MALFORMED", `LND's graph ${complaint}`);
}
