/**
 * The fields of LND's answers. A node is an outside system: each field is checked for its shape and bounds before
 * anything believes it.
 */
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { MAX_MSAT, type Msat, type UnixSeconds } from "../../core/units.ts";
import { methodOf, type Rpc } from "./rpcs.ts";

/** A decoded message, and the RPC it answers. */
export type Answer = { readonly rpc: Rpc; readonly fields: Readonly<Record<string, unknown>> };

/** @throws LND_REFUSED when the bytes are not the message this RPC answers with */
export function decodeAnswer(rpc: Rpc, bytes: Buffer): Answer {
  try {
    return { rpc, fields: methodOf(rpc).responseDeserialize(bytes) as Record<string, unknown> };
  } catch (cause) {
    throw new OracleError("LND_REFUSED", `LND's answer to ${rpc} cannot be read`, { cause });
  }
}

/** Exactly `length` bytes. @throws LND_REFUSED */
export function bytesField(answer: Answer, name: string, length: number): Uint8Array {
  const value = answer.fields[name];
  if (!(value instanceof Uint8Array) || value.length !== length) throw wrong(answer, name, `${length} bytes`);
  return new Uint8Array(value);
}

/** Lower-case hex of exactly `length` bytes. @throws LND_REFUSED */
export function hexField(answer: Answer, name: string, length: number): string {
  const value = answer.fields[name];
  if (typeof value !== "string" || value.length !== 2 * length || !/^[0-9a-f]+$/.test(value)) {
    throw wrong(answer, name, `${length} bytes of lower-case hex`);
  }
  return value;
}

/** A compressed public key, lower-case hex. @throws LND_REFUSED */
export function nodeKeyField(answer: Answer, name: string): string {
  const value = answer.fields[name];
  if (typeof value !== "string" || !/^0[23][0-9a-f]{64}$/.test(value)) throw wrong(answer, name, "a node's public key");
  return value;
}

/** At most `maxLength` UTF-16 units. @throws LND_REFUSED */
export function textField(answer: Answer, name: string, maxLength: number): string {
  const value = answer.fields[name];
  if (typeof value !== "string" || value.length > maxLength) throw wrong(answer, name, `text up to ${maxLength} long`);
  return value;
}

/** @throws LND_REFUSED */
export function booleanField(answer: Answer, name: string): boolean {
  const value = answer.fields[name];
  if (typeof value !== "boolean") throw wrong(answer, name, "true or false");
  return value;
}

/** An integer from 0 to `max`, of any width on the wire. @throws LND_REFUSED */
export function countField(answer: Answer, name: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = wholeField(answer, name);
  if (value > BigInt(max)) throw wrong(answer, name, `an integer from 0 to ${max}`);
  return Number(value);
}

/** @throws LND_REFUSED */
export function msatField(answer: Answer, name: string): Msat {
  const value = wholeField(answer, name);
  if (value > MAX_MSAT) throw wrong(answer, name, "an amount in msat");
  return value as Msat;
}

/** @throws LND_REFUSED */
export function secondsField(answer: Answer, name: string): UnixSeconds {
  return countField(answer, name) as UnixSeconds;
}

/** An unsigned 64-bit integer, such as a channel id. @throws LND_REFUSED */
export function uint64Field(answer: Answer, name: string): bigint {
  return wholeField(answer, name);
}

/** A ratio from 0 to 1. @throws LND_REFUSED */
export function ratioField(answer: Answer, name: string): number {
  const value = answer.fields[name];
  if (typeof value !== "number" || !(value >= 0 && value <= 1)) throw wrong(answer, name, "a ratio from 0 to 1");
  return value;
}

/** One of an enum's names, mapped to our word for it. @throws LND_REFUSED for a name that is not in the table */
export function wordField<Word>(answer: Answer, name: string, words: Readonly<Record<string, Word>>): Word {
  const value = answer.fields[name];
  const word = typeof value === "string" && Object.hasOwn(words, value) ? words[value] : undefined;
  if (word === undefined) throw wrong(answer, name, `one of ${Object.keys(words).join(", ")}`);
  return word;
}

/** A message inside the message; undefined when it is absent. @throws LND_REFUSED */
export function messageField(answer: Answer, name: string): Answer | undefined {
  const value = answer.fields[name];
  if (value === null || value === undefined) return undefined;
  if (typeof value !== "object") throw wrong(answer, name, "a message");
  return { rpc: answer.rpc, fields: value as Record<string, unknown> };
}

/** At most `max` messages. @throws LND_REFUSED */
export function messagesField(answer: Answer, name: string, max: number): Answer[] {
  const value = answer.fields[name];
  if (!Array.isArray(value) || value.length > max) throw wrong(answer, name, `at most ${max} messages`);
  return value.map((fields: Record<string, unknown>) => ({ rpc: answer.rpc, fields }));
}

/** Names the field, and shows what it held as far as that is short. */
export function wrong(answer: Answer, name: string, wanted: string): OracleError {
  const value = answer.fields[name];
  const shown = value instanceof Uint8Array ? toHex(value.subarray(0, 40)) : String(value).slice(0, 80);
  return new OracleError(
    "LND_REFUSED",
    `LND's answer to ${answer.rpc} has a wrong ${name}: wanted ${wanted}, got "${shown}"`,
  );
}

function wholeField(answer: Answer, name: string): bigint {
  const value = answer.fields[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === "string" && /^\d{1,20}$/.test(value)) return BigInt(value);
  throw wrong(answer, name, "an integer of 0 or more");
}
