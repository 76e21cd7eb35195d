/**
 * Version 2 binary macaroons, to and from bytes (libmacaroons `doc/format.txt`).
 *
 * `02 [location] identifier 00 { caveat 00 } 00 signature`; a field is a varint type, a varint length and its bytes,
 * and types ascend within a section.
 */
import { utf8 } from "../bytes.ts";
import { MAX_CAVEATS, MAX_MACAROON_BYTES, type Macaroon, malformed, readUtf8, SIGNATURE_BYTES } from "./macaroon.ts";

const VERSION = 2;
const FIELD = { end: 0, location: 1, identifier: 2, verification: 4, signature: 6 } as const;
const MAX_VARINT_BYTES = 5;
const MAX_VARINT = 0x7fffffff;

/** Version 2 bytes, varints minimal. @throws MACAROON_MALFORMED when no reader of ours would accept them */
export function encodeMacaroon(macaroon: Macaroon): Uint8Array {
  const { location, identifier, caveats, signature } = macaroon;
  if (caveats.length > MAX_CAVEATS) throw malformed(`more than ${MAX_CAVEATS} caveats`);
  if (signature.length !== SIGNATURE_BYTES) throw malformed(`its signature is not ${SIGNATURE_BYTES} bytes`);
  const locationBytes = location === undefined ? undefined : utf8(location);

  let length = 1 + fieldLength(identifier) + 2 + fieldLength(signature);
  if (locationBytes) length += fieldLength(locationBytes);
  for (const { id } of caveats) length += fieldLength(id) + 1;
  if (length > MAX_MACAROON_BYTES) throw malformed(`longer than ${MAX_MACAROON_BYTES} bytes`);

  const bytes = new Uint8Array(length);
  bytes[0] = VERSION;
  let offset = 1;
  if (locationBytes) offset = writeField(bytes, offset, FIELD.location, locationBytes);
  offset = writeField(bytes, offset, FIELD.identifier, identifier) + 1;
  for (const { id } of caveats) offset = writeField(bytes, offset, FIELD.identifier, id) + 1;
  writeField(bytes, offset + 1, FIELD.signature, signature);
  return bytes;
}

/** Reads the version 2 form, version byte included. Fields are views on `bytes`. @throws MACAROON_MALFORMED */
export function decodeBinary(bytes: Uint8Array): Macaroon {
  const reader = new FieldReader(bytes);
  if (reader.varint() !== VERSION) throw malformed("its version is not 2");

  let type = reader.varint();
  let location: string | undefined;
  if (type === FIELD.location) {
    location = readUtf8(reader.data(), "its location");
    type = reader.varint();
  }
  if (type !== FIELD.identifier) throw malformed("it has no identifier");
  const identifier = reader.data();
  if (reader.varint() !== FIELD.end) throw malformed("its header does not end");

  const caveats = decodeCaveats(reader);
  if (reader.varint() !== FIELD.signature) throw malformed("it has no signature");
  const signature = reader.data();
  if (signature.length !== SIGNATURE_BYTES) throw malformed(`its signature is not ${SIGNATURE_BYTES} bytes`);
  if (!reader.atEnd()) throw malformed("there are bytes after its signature");
  return location === undefined ? { identifier, caveats, signature } : { location, identifier, caveats, signature };
}

function decodeCaveats(reader: FieldReader): { id: Uint8Array }[] {
  const caveats: { id: Uint8Array }[] = [];
  for (let type = reader.varint(); type !== FIELD.end; type = reader.varint()) {
    if (type === FIELD.location) throw malformed("third-party caveats are not supported");
    if (type !== FIELD.identifier) throw malformed("a caveat has no identifier");
    if (caveats.length === MAX_CAVEATS) throw malformed(`more than ${MAX_CAVEATS} caveats`);
    caveats.push({ id: reader.data() });
    const next = reader.varint();
    if (next === FIELD.verification) throw malformed("third-party caveats are not supported");
    if (next !== FIELD.end) throw malformed("a caveat does not end");
  }
  return caveats;
}

/** Walks over varints and length-prefixed fields, and never past the end. */
class FieldReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** Least significant seven bits first. A longer spelling of a small number is read as go-macaroon reads it. */
  varint(): number {
    let value = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#bytes[this.#offset++];
      if (byte === undefined) throw malformed("it is cut short");
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        if (value > MAX_VARINT) break;
        return value;
      }
    }
    throw malformed("a number in it is too large");
  }

  data(): Uint8Array {
    const length = this.varint();
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw malformed("a field is longer than what is left");
    const data = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return data;
  }
}

/** Type, length and bytes. Types are below 128, so theirs is one byte. */
function fieldLength(data: Uint8Array): number {
  let length = 2 + data.length;
  for (let left = data.length; left > 0x7f; left >>>= 7) length++;
  return length;
}

function writeField(bytes: Uint8Array, start: number, type: number, data: Uint8Array): number {
  let offset = start;
  bytes[offset++] = type;
  let left = data.length;
  for (; left > 0x7f; left >>>= 7) bytes[offset++] = (left & 0x7f) | 0x80;
  bytes[offset++] = left;
  bytes.set(data, offset);
  return offset + data.length;
}
