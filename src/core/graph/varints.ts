/** Numbers as varints (LEB128, as in protobuf) in stored forms of graphs, each in its shortest form, so that one value has one encoding. */
import { OracleError } from "../errors.ts";

/** A position in bytes that are read or written. */
export type Cursor = { readonly bytes: Uint8Array; at: number };

/** Writes a whole number from 0 to 2^53 − 1. */
export function writeVarint(out: Cursor, value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    const seven = rest % 0x80;
    out.bytes[out.at++] = seven | 0x80;
    rest = (rest - seven) / 0x80;
  }
  out.bytes[out.at++] = rest;
}

/** Reads a whole number up to `max`. @throws GRAPH_MALFORMED */
export function readVarint(input: Cursor, max: number): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 8; i++) {
    const byte = input.bytes[input.at++];
    require(byte !== undefined, "is truncated");
    value += (byte! & 0x7f) * scale;
    if (byte! < 0x80) {
      require(value <= max, "has a number out of bounds");
      require(i === 0 || byte !== 0, "has a number with needless bytes");
      return value;
    }
    scale *= 0x80;
  }
  throw malformed("has a number out of bounds");
}

/** The next bytes, as a view. @throws GRAPH_MALFORMED */
export function readBytes(input: Cursor, length: number): Uint8Array {
  require(input.at + length <= input.bytes.length, "is truncated");
  input.at += length;
  return input.bytes.subarray(input.at - length, input.at);
}

/** A signed 32-bit number as an unsigned one that is small when it is near zero. */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** Undoes {@link zigzag}. */
export function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
}

/** @throws GRAPH_MALFORMED when it does not hold */
export function require(holds: boolean, complaint: string): void {
  if (!holds) throw malformed(complaint);
}

function malformed(complaint: string): OracleError {
  return new OracleError("GRAPH_MALFORMED", `A stored graph ${complaint}`);
}
