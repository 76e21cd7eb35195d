/**
 * A request signed with a Nostr key: whether its header is about this very request. Source: NIP-98. The checks that cost
 * least come first; the signature itself, and whether it was used before, are for whoever asks here to look at afterwards.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { fromBase64, toHex } from "../bytes.ts";
import { decodeEvent, type SignedEvent } from "../nip85/event.ts";
import type { UnixSeconds } from "../units.ts";

const HTTP_AUTH_KIND = 27_235;
const MAX_HEADER_CHARACTERS = 8_192;
/** How old a signature may be, and how far ahead its clock. */
export const MAX_AGE_SEC = 60;
const MAX_AHEAD_SEC = 10;

/** `url` is the one that is reached from outside, query included; `body` the raw bytes, undefined where there are none. */
export type AskedRequest = { url: string; method: string; body: Uint8Array | undefined; now: UnixSeconds };

/** What is wrong with a header; for our own counters, and not for whoever sent it. */
export type SignatureFault = "header" | "kind" | "time" | "url" | "method" | "payload";

/** The event of an `Authorization` header that fits the request, its signature unchecked; or why it does not fit. */
export function readSignedRequest(header: string, asked: AskedRequest): SignedEvent | SignatureFault {
  const event = decodeHeader(header);
  if (!event) return "header";
  if (event.kind !== HTTP_AUTH_KIND) return "kind";
  if (event.created_at < asked.now - MAX_AGE_SEC || event.created_at > asked.now + MAX_AHEAD_SEC) return "time";
  if (onlyValue(event, "u") !== asked.url) return "url";
  if (onlyValue(event, "method")?.toUpperCase() !== asked.method) return "method";
  return payloadFits(event, asked.body) ? event : "payload";
}

/**
 * A body must be signed, whatever the method. Without one there is nothing to sign, and some clients sign that nothing: a payload of
 * anything else belongs to another request.
 */
function payloadFits(event: SignedEvent, body: Uint8Array | undefined): boolean {
  const isUnsaid = event.tags.every(([tag]) => tag !== "payload");
  if (!body && isUnsaid) return true;
  return onlyValue(event, "payload") === toHex(sha256(body ?? new Uint8Array()));
}

/** Whether a signature for a method may be shown again: what changes nothing may be asked twice within a second, by one id. */
export function isReusable(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

function decodeHeader(header: string): SignedEvent | undefined {
  if (header.length > MAX_HEADER_CHARACTERS) return undefined;
  const [, text] = /^nostr +([A-Za-z0-9+/_=-]+)$/i.exec(header) ?? [];
  const bytes = text === undefined ? undefined : fromBase64(text);
  if (!bytes) return undefined;
  try {
    return decodeEvent(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** The value of a tag that is there once. */
function onlyValue(event: SignedEvent, name: string): string | undefined {
  const found = event.tags.filter(([tag]) => tag === name);
  return found.length === 1 ? found[0]![1] : undefined;
}
