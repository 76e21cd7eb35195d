/** What a relay says of itself before anything is sent to it, as far as a publisher heeds it. Source: NIP-11. */
import type { UnixSeconds } from "../units.ts";
import { type SignedEvent, tagValue } from "./event.ts";

/** Every field is absent where the relay says nothing, or nothing that makes sense. Durations are in seconds. */
export type RelayInfo = {
  /** `supported_nips`; absent when it lists none. */
  nips?: number[];
  /** Bytes of one whole message. */
  maxMessageBytes?: number;
  maxEventTags?: number;
  /** Unicode characters of an event's content. */
  maxContentCharacters?: number;
  /** Leading zero bits of every event's id (NIP-13). */
  minPowBits?: number;
  /** Events of one answer. */
  maxLimit?: number;
  maxSubscriptionIdCharacters?: number;
  /** How long ago, and how far ahead, `created_at` may lie. */
  maxAgeSec?: number;
  maxAheadSec?: number;
  /** Nothing is taken before the client has signed in (NIP-42). */
  needsAuth?: boolean;
  /** It takes events of some keys only: who paid, or whom it chose. */
  isSelective?: boolean;
};

const MAX_NIPS = 200;

/** Reads the parsed document; undefined when it is not one. Never throws: strangers wrote it. */
export function readRelayInfo(value: unknown): RelayInfo | undefined {
  if (!isRecord(value)) return undefined;
  const limits = isRecord(value["limitation"]) ? value["limitation"] : {};
  const info: RelayInfo = {};
  const listed = Array.isArray(value["supported_nips"]) ? value["supported_nips"].slice(0, MAX_NIPS) : [];
  const nips = listed.filter((nip): nip is number => Number.isSafeInteger(nip) && nip >= 0);
  if (nips.length > 0) info.nips = nips;
  for (const [name, field] of COUNTS) {
    const count = limits[name];
    // Zero would forbid every event: who writes it means that there is no limit.
    if (typeof count === "number" && Number.isSafeInteger(count) && count > 0) info[field] = count;
  }
  if (limits["auth_required"] === true) info.needsAuth = true;
  if (limits["payment_required"] === true || limits["restricted_writes"] === true) info.isSelective = true;
  return info;
}

const COUNTS = [
  ["max_message_length", "maxMessageBytes"],
  ["max_event_tags", "maxEventTags"],
  ["max_content_length", "maxContentCharacters"],
  ["min_pow_difficulty", "minPowBits"],
  ["max_limit", "maxLimit"],
  ["max_subid_length", "maxSubscriptionIdCharacters"],
  ["created_at_lower_limit", "maxAgeSec"],
  ["created_at_upper_limit", "maxAheadSec"],
] as const;

/** Whether the relay lists the NIP; true of one that lists none when `unlessSilent` is. */
export function supports(info: RelayInfo | undefined, nip: number, unlessSilent = false): boolean {
  return info?.nips?.includes(nip) ?? unlessSilent;
}

/** `later`: in time it will fit. `work`: with so many leading zero bits it would. */
export type Misfit = { text: string; later: boolean; work?: number };

/** Why this event is not sent to the relay at all; undefined when it may be. @param bytes length of its JSON in UTF-8 */
export function misfit(
  event: SignedEvent,
  bytes: number,
  info: RelayInfo | undefined,
  now: UnixSeconds,
): Misfit | undefined {
  if (!info) return undefined;
  const never = (text: string): Misfit => ({ text: `not sent: ${text}`, later: false });
  const messageBytes = bytes + '["EVENT",]'.length;
  if (messageBytes > (info.maxMessageBytes ?? Infinity)) return never(`${messageBytes} bytes, the relay takes fewer`);
  if (event.tags.length > (info.maxEventTags ?? Infinity)) return never(`${event.tags.length} tags are too many here`);
  if ([...event.content].length > (info.maxContentCharacters ?? Infinity)) return never("the content is too long here");
  if (event.created_at < now - (info.maxAgeSec ?? Infinity)) return never("too old for this relay");
  if (event.created_at > now + (info.maxAheadSec ?? Infinity))
    return { text: "not sent: too new for this relay", later: true };
  // NIP-40: a relay that does not know what an expiration is would show the event for ever.
  if (tagValue(event, "expiration") !== undefined && !supports(info, 40, true))
    return never("it expires, and the relay does not list NIP-40");
  const bits = info.minPowBits ?? 0;
  if (leadingZeroBits(event.id) < bits)
    return { ...never(`pow: the relay wants ${bits} leading zero bits`), work: bits };
  return undefined;
}

/** NIP-13: what work an id proves. @param id hex */
export function leadingZeroBits(id: string): number {
  let bits = 0;
  for (const digit of id) {
    const nibble = Number.parseInt(digit, 16);
    bits += Math.clz32(nibble) - 28;
    if (nibble !== 0) break;
  }
  return bits;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
