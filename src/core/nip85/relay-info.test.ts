/** What a relay's description keeps us from sending, and that none of its forms hurts. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { unixSeconds } from "../units.ts";
import type { SignedEvent } from "./event.ts";
import { leadingZeroBits, misfit, readRelayInfo, supports } from "./relay-info.ts";

const now = unixSeconds(1_790_000_000);
const event: SignedEvent = {
  id: `00f${"0".repeat(61)}`,
  pubkey: "ab".repeat(32),
  created_at: now,
  kind: 30_385,
  tags: [
    ["d", "x"],
    ["expiration", String(now + 60)],
  ],
  content: "ä😀",
  sig: "00".repeat(64),
};
const limitation = {
  max_message_length: 131_072,
  max_event_tags: 100,
  max_content_length: 65_536,
  min_pow_difficulty: 0,
  max_limit: 500,
  default_limit: 100,
  max_subid_length: 64,
  auth_required: true,
  payment_required: false,
  restricted_writes: true,
  created_at_lower_limit: 3_600,
  created_at_upper_limit: 900,
};

test("a whole document is read", () => {
  expect(readRelayInfo({ name: "r", supported_nips: [1, 11, 40, "x", 77], limitation })).toEqual({
    nips: [1, 11, 40, 77],
    maxMessageBytes: 131_072,
    maxEventTags: 100,
    maxContentCharacters: 65_536,
    maxLimit: 500,
    maxSubscriptionIdCharacters: 64,
    needsAuth: true,
    isSelective: true,
    maxAgeSec: 3_600,
    maxAheadSec: 900,
  });
});

test.each([
  { name: "text", value: "relay", want: undefined },
  { name: "a list", value: [], want: undefined },
  { name: "nothing", value: null, want: undefined },
  { name: "an empty document", value: {}, want: {} },
  { name: "other types", value: { supported_nips: "1", limitation: [] }, want: {} },
  {
    name: "counts that are none",
    value: { limitation: { max_limit: -1, max_event_tags: 1.5, max_message_length: "9", max_content_length: 0 } },
    want: {},
  },
])("$name", ({ value, want }) => {
  expect(readRelayInfo(value)).toEqual(want);
});

test("whatever JSON it is, reading it does not throw", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => void readRelayInfo(value)));
});

test.each([
  { name: "nothing known", limits: undefined, want: undefined },
  {
    name: "all that fits",
    limits: { maxMessageBytes: 310, maxEventTags: 2, maxContentCharacters: 2 },
    want: undefined,
  },
  { name: "one byte too long", limits: { maxMessageBytes: 309 }, want: "not sent: 310 bytes, the relay takes fewer" },
  { name: "one tag too many", limits: { maxEventTags: 1 }, want: "not sent: 2 tags are too many here" },
  {
    name: "characters, not bytes",
    limits: { maxContentCharacters: 1 },
    want: "not sent: the content is too long here",
  },
  { name: "no NIP-40", limits: { nips: [1] }, want: "not sent: it expires, and the relay does not list NIP-40" },
  { name: "work that is there", limits: { minPowBits: 8 }, want: undefined },
  { name: "work that is not", limits: { minPowBits: 9 }, want: "not sent: pow: the relay wants 9 leading zero bits" },
])("$name: $want", ({ limits, want }) => {
  expect(misfit(event, 300, limits, now)?.text).toBe(want);
});

test("an event waits until the relay's clock is near enough, and one that is too old does not", () => {
  const info = { maxAgeSec: 100, maxAheadSec: 10 };
  expect(misfit({ ...event, created_at: now + 10 }, 300, info, now)).toBeUndefined();
  expect(misfit({ ...event, created_at: now + 11 }, 300, info, now)?.later).toBe(true);
  expect(misfit({ ...event, created_at: now - 101 }, 300, info, now)?.later).toBe(false);
});

test("work is counted in bits, to the last digit", () => {
  const ids = ["f", "8", "7", "1", "0f", "01", "001"].map((start) => start.padEnd(64, "f"));
  expect(ids.map(leadingZeroBits)).toEqual([0, 0, 1, 3, 4, 7, 11]);
  expect(leadingZeroBits("0".repeat(64))).toBe(256);
});

test("a relay that lists no NIPs supports what the caller takes for granted", () => {
  expect([supports(undefined, 77), supports({}, 40, true), supports({ nips: [1] }, 40, true)]).toEqual([
    false,
    true,
    false,
  ]);
});
