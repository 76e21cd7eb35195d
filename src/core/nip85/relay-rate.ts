/**
 * How fast a relay is written to: a bucket of tokens, one per event, that fills at a rate which the relay's answers teach. It
 * grows by a little with what is taken and is halved when the relay asks for less, as TCP does with a network it cannot see into.
 */
import { type UnixSeconds, unixSeconds } from "../units.ts";

/** `perMinute` events; `tokens` were there at `filledAt`, whole ones may be spent. */
export type Bucket = { perMinute: number; tokens: number; filledAt: UnixSeconds };

/** What public relays that limit at all are known to let through of one address. */
export const START_PER_MINUTE = 6;
const MOST_PER_MINUTE = 600;
const LEAST_PER_MINUTE = 0.1;
/** What may be sent at once after a silence: ten seconds' worth, and one event at least. */
const BURST_MINUTES = 1 / 6;

export function newBucket(now: UnixSeconds): Bucket {
  return { perMinute: START_PER_MINUTE, tokens: 1, filledAt: now };
}

/** The bucket as it stands now. A clock that went back fills nothing. */
export function filled(bucket: Bucket, now: UnixSeconds): Bucket {
  const { perMinute, tokens, filledAt } = bucket;
  const gained = (Math.max(0, now - filledAt) * perMinute) / 60;
  const most = Math.max(1, perMinute * BURST_MINUTES);
  return { perMinute, tokens: Math.min(most, tokens + gained), filledAt: unixSeconds(Math.max(now, filledAt)) };
}

/** The whole tokens of a sum of fractions, each of which was rounded. */
export function wholeTokens(bucket: Bucket): number {
  return Math.floor(bucket.tokens + 1e-6);
}

/** Takes up to `want` whole tokens. */
export function taken(bucket: Bucket, want: number, now: UnixSeconds): { bucket: Bucket; granted: number } {
  const full = filled(bucket, now);
  const granted = Math.min(want, wholeTokens(full));
  return { bucket: { ...full, tokens: Math.max(0, full.tokens - granted) }, granted };
}

/**
 * What a batch teaches. `accepted` events raise the rate by one a minute per minute of sending at it; being asked to slow down halves
 * it, once for all answers of the batch, and empties the bucket.
 */
export function learned(bucket: Bucket, { accepted, limited }: { accepted: number; limited: boolean }): Bucket {
  const { perMinute } = bucket;
  if (limited) return { ...bucket, perMinute: Math.max(LEAST_PER_MINUTE, perMinute / 2), tokens: 0 };
  return { ...bucket, perMinute: Math.min(MOST_PER_MINUTE, perMinute + accepted / perMinute) };
}
