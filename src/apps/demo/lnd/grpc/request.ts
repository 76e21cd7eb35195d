/**
 * Reads the fields of a decoded request. proto-loader gives every field its default, 64-bit integers as text and
 * bytes as buffers; what is wrong is refused in LND's words.
 */
import type { Network } from "../network/network.ts";
import { RpcRefusal } from "../node/refusal.ts";

/** A message as @grpc/proto-loader decodes it. */
export type Message = { [field: string]: unknown };

export function textOf(message: Message, name: string): string {
  const value = message[name];
  return typeof value === "string" ? value : "";
}

export function isSet(message: Message, name: string): boolean {
  return message[name] === true;
}

export function integerOf(message: Message, name: string): bigint {
  const value = message[name];
  return typeof value === "string" || typeof value === "number" ? BigInt(value) : 0n;
}

export function numberOf(message: Message, name: string): number {
  return Number(integerOf(message, name));
}

export function bytesOf(message: Message, name: string): Buffer {
  const value = message[name];
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

export function listOf(message: Message, name: string): unknown[] {
  const value = message[name];
  return Array.isArray(value) ? value : [];
}

export function messageOf(message: Message, name: string): Message | undefined {
  const value = message[name];
  return typeof value === "object" && value !== null ? (value as Message) : undefined;
}

/** Satoshis or millisatoshis, whichever field is filled. */
export function amountOf(message: Message, sat: string, msat: string): bigint {
  const inSat = integerOf(message, sat);
  const inMsat = integerOf(message, msat);
  if (inSat !== 0n && inMsat !== 0n) throw new RpcRefusal("sat and msat arguments are mutually exclusive");
  if (inSat < 0n || inMsat < 0n) throw new RpcRefusal("amount cannot be negative");
  return inMsat + inSat * 1000n;
}

/** An amount as the simulation counts it. Larger ones than a double holds exactly are larger than any channel. */
export function toNumber(amount: bigint): number {
  return Number(amount > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : amount);
}

/** 32 bytes, as hex. */
export function hashOf(message: Message, name: string): string {
  const hash = bytesOf(message, name);
  if (hash.length !== 32) throw new RpcRefusal(`invalid hash length of ${hash.length}, want 32`);
  return hash.toString("hex");
}

/** The place of a node in the network, from its key as bytes or hex; undefined when it is not in the network. */
export function nodeOf(network: Network, key: Buffer | string): number | undefined {
  if (typeof key === "string") {
    const stray = /[^0-9a-fA-F]/.exec(key)?.[0];
    if (stray !== undefined) {
      const point = stray.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
      throw new RpcRefusal(`encoding/hex: invalid byte: U+${point} '${stray}'`);
    }
  }
  const hex = typeof key === "string" ? key.toLowerCase() : key.toString("hex");
  if (hex.length !== 66) throw new RpcRefusal(`invalid vertex length of ${hex.length / 2}, want 33`);
  return network.indexOfKey.get(hex);
}
