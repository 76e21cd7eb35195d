/**
 * Macaroons a second time, for the fuzzer to judge the first by: written from the formats, sharing no code with core.
 *
 * Plain rather than fast, and over `node:crypto`. Decoders give undefined for what must be refused.
 */
import { hash } from "node:crypto";

/** A macaroon in pieces, any of which may be wrong. A caveat with `vid` is a third-party one. */
export type Parts = {
  location?: Buffer;
  identifier: Buffer;
  caveats: { id: Buffer; vid?: Buffer }[];
  signature: Buffer;
};

export const MOST_BYTES = 8_192;
export const MOST_CAVEATS = 64;

/** HMAC-SHA-256 (RFC 2104) of keys of up to 64 bytes. */
export function hmac(key: Buffer, message: Buffer): Buffer {
  const [inner, outer] = [Buffer.alloc(64, 0x36), Buffer.alloc(64, 0x5c)];
  for (let i = 0; i < key.length; i++) {
    inner[i] = key[i]! ^ 0x36;
    outer[i] = key[i]! ^ 0x5c;
  }
  return sha256(Buffer.concat([outer, sha256(Buffer.concat([inner, message]))]));
}

function sha256(message: Buffer): Buffer {
  return Buffer.from(hash("sha256", message, "hex"), "hex");
}

/** The signature of a macaroon with these caveats. */
export function chain(rootKey: Buffer, identifier: Buffer, caveats: readonly Buffer[]): Buffer {
  const start = hmac(hmac(Buffer.from("macaroons-key-generator"), rootKey), identifier);
  return caveats.reduce((signature, caveat) => hmac(signature, caveat), start);
}

/** How a third-party caveat moves the signature. */
export function chainThirdParty(signature: Buffer, id: Buffer, vid: Buffer): Buffer {
  return hmac(signature, Buffer.concat([hmac(signature, vid), hmac(signature, id)]));
}

function varint(value: number, padding = 0): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left & 0x7f) | 0x80);
  bytes.push(left);
  for (let i = 0; i < padding; i++) {
    bytes[bytes.length - 1]! |= 0x80;
    bytes.push(0);
  }
  return Buffer.from(bytes);
}

/** Version 2; `padding` makes each length longer than it needs to be. */
export function encodeBinary(parts: Parts, padding = 0): Buffer {
  const field = (type: number, data: Buffer) => [Buffer.from([type]), varint(data.length, padding), data];
  const end = Buffer.from([0]);
  return Buffer.concat([
    Buffer.from([2]),
    ...(parts.location ? field(1, parts.location) : []),
    ...field(2, parts.identifier),
    end,
    ...parts.caveats.flatMap(({ id, vid }) => [...field(2, id), ...(vid ? field(4, vid) : []), end]),
    end,
    ...field(6, parts.signature),
  ]);
}

/** Version 1. */
export function encodePackets(parts: Parts): Buffer {
  const packet = (name: string, data: Buffer) => {
    const length = 4 + name.length + 1 + data.length + 1;
    return Buffer.concat([Buffer.from(`${length.toString(16).padStart(4, "0")}${name} `), data, Buffer.from("\n")]);
  };
  return Buffer.concat([
    ...(parts.location ? [packet("location", parts.location)] : []),
    packet("identifier", parts.identifier),
    ...parts.caveats.flatMap(({ id, vid }) => [packet("cid", id), ...(vid ? [packet("vid", vid)] : [])]),
    packet("signature", parts.signature),
  ]);
}

/** JSON, every field in base64. */
export function encodeJson(parts: Parts, dialect: "base64" | "base64url"): Buffer {
  const text = (data: Buffer) => data.toString(dialect);
  return Buffer.from(
    JSON.stringify({
      v: 2,
      ...(parts.location && { l: parts.location.toString("utf8") }),
      i64: text(parts.identifier),
      c: parts.caveats.map(({ id, vid }) => ({ i64: text(id), ...(vid && { v64: text(vid) }) })),
      s64: text(parts.signature),
    }),
  );
}

/** Any of the three forms, within the limits; undefined when it must be refused. */
export function decode(bytes: Buffer): Parts | undefined {
  if (bytes.length === 0 || bytes.length > MOST_BYTES) return undefined;
  const parts =
    bytes[0] === 2
      ? decodeBinary(bytes)
      : bytes[0] === 0x7b
        ? decodeJson(bytes.toString("utf8"), bytes)
        : decodePackets(bytes);
  if (parts?.signature.length !== 32 || parts.caveats.length > MOST_CAVEATS) return undefined;
  if (parts.caveats.some(({ vid }) => vid)) return undefined;
  return parts.location && !isText(parts.location) ? undefined : parts;
}

function isText(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString("utf8")).equals(bytes);
}

function decodeBinary(bytes: Buffer): Parts | undefined {
  const tokens = readTokens(bytes);
  if (!tokens) return undefined;
  // One letter a field, so that the order of fields is a pattern: l ocation, i dentifier, v id, s ignature, . end.
  const order = tokens.map(({ type }) => ({ 0: ".", 1: "l", 2: "i", 4: "v", 6: "s" })[type] ?? "?").join("");
  if (!/^l?i\.(?:i\.)*\.s$/.test(order)) return undefined;
  const identifiers = tokens.filter(({ type }) => type === 2).map(({ data }) => data);
  return {
    ...(tokens[0]!.type === 1 && { location: tokens[0]!.data }),
    identifier: identifiers[0]!,
    caveats: identifiers.slice(1).map((id) => ({ id })),
    signature: tokens.at(-1)!.data,
  };
}

/** Types and data of all fields; undefined when a number or a length is out of bounds. */
function readTokens(bytes: Buffer): { type: number; data: Buffer }[] | undefined {
  const tokens: { type: number; data: Buffer }[] = [];
  let at = 1;
  const number = () => {
    let value = 0n;
    for (let shift = 0n; shift < 35n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 128) return value <= 0x7fffffffn ? Number(value) : undefined;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const type = number();
    if (type === undefined) return undefined;
    const length = type === 0 ? 0 : number();
    if (length === undefined || at + length > bytes.length) return undefined;
    tokens.push({ type, data: bytes.subarray(at, at + length) });
    at += length;
  }
  return tokens;
}

function decodePackets(bytes: Buffer): Parts | undefined {
  const packets: { name: string; data: Buffer }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const digits = bytes.toString("latin1", at, at + 4);
    const length = /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : 0;
    const packet = bytes.subarray(at + 4, at + length);
    const space = packet.indexOf(0x20);
    if (length < 6 || at + length > bytes.length || space === -1 || packet.at(-1) !== 0x0a) return undefined;
    packets.push({ name: packet.toString("latin1", 0, space), data: packet.subarray(space + 1, -1) });
    at += length;
  }
  if (!/^(?:location )?identifier (?:cid )*signature $/.test(packets.map(({ name }) => `${name} `).join(""))) {
    return undefined;
  }
  const all = (name: string) => packets.filter((packet) => packet.name === name).map(({ data }) => data);
  const [location] = all("location");
  return {
    ...(location && { location }),
    identifier: all("identifier")[0]!,
    caveats: all("cid").map((id) => ({ id })),
    signature: all("signature")[0]!,
  };
}

type Json = Record<string, unknown>;

function decodeJson(text: string, bytes: Buffer): Parts | undefined {
  try {
    if (!isText(bytes)) return undefined;
    const json = JSON.parse(text) as Json;
    const only = (value: Json, names: RegExp) => {
      if (Array.isArray(value) || Object.keys(value).some((name) => !names.test(name))) throw new Error("a member");
    };
    only(json, /^(?:v|l|i|i64|c|s|s64)$/);
    if ("v" in json && json["v"] !== 2) return undefined;
    if ("l" in json && !isWellFormed(json["l"])) return undefined;
    const list = "c" in json ? json["c"] : [];
    if (!Array.isArray(list)) return undefined;
    return {
      ...("l" in json && { location: Buffer.from(json["l"] as string) }),
      identifier: jsonField(json, "i"),
      caveats: list.map((caveat: Json) => {
        only(caveat, /^i(?:64)?$/);
        return { id: jsonField(caveat, "i") };
      }),
      signature: jsonField(json, "s"),
    };
  } catch {
    return undefined;
  }
}

function jsonField(json: Json, name: string): Buffer {
  const [plain, encoded] = [Object.hasOwn(json, name), Object.hasOwn(json, `${name}64`)];
  const value = json[plain ? name : `${name}64`];
  if (plain === encoded || !isWellFormed(value)) throw new Error("a field");
  const bytes = plain ? Buffer.from(value) : readBase64(value);
  if (!bytes) throw new Error("a field");
  return bytes;
}

function isWellFormed(value: unknown): value is string {
  return typeof value === "string" && Buffer.from(value).toString() === value;
}

/** Either alphabet, padded or not. */
function readBase64(text: string): Buffer | undefined {
  const [, digits, padding] = /^([\w+/-]*)(={0,2})$/.exec(text) ?? [];
  if (digits === undefined || digits.length % 4 === 1) return undefined;
  if (padding && (digits.length + padding.length) % 4 !== 0) return undefined;
  return Buffer.from(digits, "base64url");
}
