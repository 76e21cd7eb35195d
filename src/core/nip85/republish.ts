/**
 * Whether a fresh version of a published event is worth sending. NIP-85 asks for updates only when the contents change;
 * small movements of a rank are noise, so each reason has a threshold. Everything is an integer: no float jitter.
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { utf8 } from "../bytes.ts";
import { type UnixSeconds, unixSeconds } from "../units.ts";
import { contentHash } from "./content-hash.ts";
import { addressOf, tagValue, type UnsignedEvent } from "./event.ts";
import { isAssertion } from "./kinds.ts";

/** Why an event is published; undefined elsewhere means: leave the published one alone. */
export const REPUBLISH_REASONS = ["new", "band", "rank", "interval", "count", "price", "text", "renewal"] as const;
export type RepublishReason = (typeof REPUBLISH_REASONS)[number];

/** Readers show a rank as one of five bands; a score that enters another one is news however small the step. */
const BAND_STARTS = [20, 40, 60, 80];
const RANK_STEP = 2;
const INTERVAL_STEP = 5;
/** Prices that follow an exchange rate move all day: a tenth is news. */
const PRICE_PART = 0.1;
const DAY_SEC = 86_400;
/** Renewal falls between these two distances from the expiration; the subject's hash picks where, to spread the load. */
const RENEW_FROM_SEC = 10 * DAY_SEC;
const RENEW_BY_SEC = 2 * DAY_SEC;
const RELAY_CLOCK_SKEW_SEC = 30;
const NUMBER_TAGS = /^(rank|rank_low|rank_high|[a-z0-9_]+_(cnt|pct|ms|msat))$/;

/** The newest version under an address, and its {@link contentHash}. */
export type PublishedVersion = {
  event: UnsignedEvent;
  contentHash: string;
  /** created_at of the event that took it back; absent while it stands. */
  retractedAt?: UnixSeconds | undefined;
};

/** Why `next` should replace what is published, or undefined to publish nothing. */
export function republishReason(
  previous: PublishedVersion | undefined,
  next: UnsignedEvent,
  now: UnixSeconds,
): RepublishReason | undefined {
  if (!previous || previous.retractedAt !== undefined) return "new";
  if (previous.contentHash !== contentHash(next)) {
    const reason = isAssertion(next.kind) ? changeReason(previous.event, next) : "text";
    if (reason) return reason;
  }
  return isDueForRenewal(previous.event, now) ? "renewal" : undefined;
}

/**
 * The time to sign under: never earlier than the last version, because relays drop what is not newer. Undefined when
 * that would lie further ahead than relays are sure to accept.
 */
export function nextCreatedAt(now: UnixSeconds, lastCreatedAt: UnixSeconds | undefined): UnixSeconds | undefined {
  const at = lastCreatedAt === undefined ? now : Math.max(now, lastCreatedAt + 1);
  return at > now + RELAY_CLOCK_SKEW_SEC ? undefined : unixSeconds(at);
}

function changeReason(previous: UnsignedEvent, next: UnsignedEvent): RepublishReason | undefined {
  if (textOf(previous) !== textOf(next)) return "text";
  const [before, after] = [numberOf(previous, "rank"), numberOf(next, "rank")];
  if (bandOf(before) !== bandOf(after)) return "band";
  if (Math.abs(after - before) >= RANK_STEP) return "rank";
  for (const end of ["rank_low", "rank_high"]) {
    if (Math.abs(numberOf(next, end) - numberOf(previous, end)) >= INTERVAL_STEP) return "interval";
  }
  for (const [name = ""] of next.tags) {
    const [was, is] = [numberOf(previous, name), numberOf(next, name)];
    if ((name.endsWith("_cnt") || name.endsWith("_ms")) && bucketOf(was) !== bucketOf(is)) return "count";
    if (name.endsWith("_msat") && Math.abs(is - was) > PRICE_PART * Math.max(is, was)) return "price";
  }
  return undefined;
}

/** Everything that is not a number, and which numbers there are: a change here is never noise. */
function textOf(event: UnsignedEvent): string {
  const tags = event.tags
    .filter(([name = ""]) => name !== "as_of" && name !== "expiration")
    .map((tag) => (NUMBER_TAGS.test(tag[0] ?? "") ? [tag[0]] : tag));
  return JSON.stringify([tags, event.content]);
}

function isDueForRenewal(event: UnsignedEvent, now: UnixSeconds): boolean {
  const expiration = tagValue(event, "expiration");
  if (expiration === undefined) return false;
  const place = new DataView(sha256(utf8(addressOf(event))).buffer).getUint32(0) / 2 ** 32;
  const lead = RENEW_BY_SEC + place * (RENEW_FROM_SEC - RENEW_BY_SEC);
  return Number(expiration) - now < lead;
}

function bandOf(rank: number): number {
  return BAND_STARTS.filter((start) => rank >= start).length;
}

/** Powers of two: 0, 1, 2-3, 4-7, 8-15, ... */
function bucketOf(count: number): number {
  return Math.floor(Math.log2(count + 0.5));
}

function numberOf(event: UnsignedEvent, name: string): number {
  return Number(tagValue(event, name) ?? 0);
}
