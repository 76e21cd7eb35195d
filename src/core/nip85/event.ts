/** A Nostr event before and after signing, its id and its one text form. Source: NIP-01. */
import { schnorr } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { fromHex, toHex, utf8 } from "../bytes.ts";
import { retention } from "./kinds.ts";

/** What is signed. Field names are NIP-01's own; `created_at` is in unix seconds, `pubkey` 64 lower-case hex digits. */
export type UnsignedEvent = { pubkey: string; created_at: number; kind: number; tags: string[][]; content: string };
/** `id` is the SHA-256 of what is signed, `sig` a BIP-340 signature of it; both lower-case hex. */
export type SignedEvent = UnsignedEvent & { id: string; sig: string };

/** No relay we know takes a larger event. */
export const MAX_EVENT_BYTES = 65_536;

/**
 * The id of an event. Control characters are escaped as JSON does, which is what every deployed library computes;
 * the lint refuses to sign any, since NIP-01 reads differently.
 */
export function eventId(event: UnsignedEvent): string {
  const { pubkey, created_at, kind, tags, content } = event;
  return toHex(sha256(utf8(JSON.stringify([0, pubkey, created_at, kind, tags, content]))));
}

/** The one text under which a signed event is stored and sent: the same bytes on every retry. */
export function encodeEvent(event: SignedEvent): string {
  const { id, pubkey, created_at, kind, tags, content, sig } = event;
  return JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig });
}

/** Reads an event from parsed JSON, dropping fields that NIP-01 does not name; undefined when it is not one. Checks no signature. */
export function readEvent(value: unknown): SignedEvent | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { id, pubkey, created_at, kind, tags, content, sig } = value as Record<string, unknown>;
  if (!isHex(id, 64) || !isHex(pubkey, 64) || !isHex(sig, 128)) return undefined;
  if (!isCount(created_at) || !isCount(kind) || kind > 65_535 || typeof content !== "string") return undefined;
  if (!Array.isArray(tags) || !tags.every(isTag)) return undefined;
  return { id, pubkey, created_at, kind, tags, content, sig };
}

/** Reads an event from its JSON text; undefined when it is not one, or longer than {@link MAX_EVENT_BYTES}. */
export function decodeEvent(text: string): SignedEvent | undefined {
  if (text.length > MAX_EVENT_BYTES) return undefined;
  try {
    return readEvent(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Whether the signature is the author's over the id as given. The id itself must be compared with {@link eventId}. */
export function signatureHolds(event: SignedEvent): boolean {
  const [sig, id, pubkey] = [fromHex(event.sig), fromHex(event.id), fromHex(event.pubkey)];
  if (sig?.length !== 64 || id?.length !== 32 || pubkey?.length !== 32) return false;
  return schnorr.verify(sig, id, pubkey);
}

/** The event signed by a secret key of 32 bytes, whose public key it must name. @param random 32 random bytes (BIP-340: auxiliary randomness) */
export function signEvent(event: UnsignedEvent, secretKey: Uint8Array, random: Uint8Array): SignedEvent {
  const { pubkey, created_at, kind, tags, content } = event;
  const id = eventId(event);
  const sig = toHex(schnorr.sign(fromHex(id)!, secretKey, random));
  return { id, pubkey, created_at, kind, tags, content, sig };
}

/** The x-only public key of a secret key of 32 bytes, as hex. */
export function publicKeyOf(secretKey: Uint8Array): string {
  return toHex(schnorr.getPublicKey(secretKey));
}

/** The first value of a tag, undefined when the tag is absent. */
export function tagValue(event: UnsignedEvent, name: string): string | undefined {
  return event.tags.find((tag) => tag[0] === name)?.[1];
}

/** The `d` under which relays keep one version: empty for kinds that have one event per key. */
export function addressOf(event: UnsignedEvent): string {
  return retention(event.kind) === "newest-per-d" ? (tagValue(event, "d") ?? "") : "";
}

/** Whether text is exactly `digits` lower-case hex digits. */
export function isHex(value: unknown, digits: number): value is string {
  return typeof value === "string" && value.length === digits && /^[0-9a-f]*$/.test(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isTag(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((element) => typeof element === "string");
}
