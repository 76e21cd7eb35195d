/** What is news, what is noise, and when an unchanged assertion is renewed. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type UnixSeconds, unixSeconds } from "../units.ts";
import { endpointAssertion, type NodeAssertion, nodeAssertion } from "./assertion.ts";
import { contentHash } from "./content-hash.ts";
import type { UnsignedEvent } from "./event.ts";
import { nextCreatedAt, republishReason } from "./republish.ts";

const DAY = 86_400;
const start = unixSeconds(1_790_000_000);
const nodeKey = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";
const base = { nodeKey, rank: 72, rankLow: 64, rankHigh: 78, reachRatio: 0.97, observations: 144, asOf: start };
const event = (change: Partial<NodeAssertion> = {}, at = start, origin = "https://oracle.example") =>
  nodeAssertion({ ...base, ...change }, { pubkey: "ab".repeat(32), origin, network: "mainnet", createdAt: at });
const published = (version: UnsignedEvent) => ({ event: version, contentHash: contentHash(version) });
const hourLater = unixSeconds(start + 3600);

test.each([
  { name: "nothing but time has passed", change: { asOf: hourLater }, want: undefined },
  { name: "the rank moves by one", change: { rank: 73 }, want: undefined },
  { name: "the rank moves by two", change: { rank: 74 }, want: "rank" },
  {
    name: "the rank enters another band",
    from: { rank: 79, rankHigh: 85 },
    change: { rank: 80, rankHigh: 85 },
    want: "band",
  },
  { name: "an end of the interval moves by four", change: { rankLow: 60 }, want: undefined },
  { name: "an end of the interval moves by five", change: { rankLow: 59 }, want: "interval" },
  { name: "the other end moves by five", change: { rankHigh: 83 }, want: "interval" },
  { name: "a count stays in its power of two", change: { observations: 255 }, want: undefined },
  { name: "a count enters the next power of two", change: { observations: 256 }, want: "count" },
  { name: "the reach moves alone", change: { reachRatio: 0.5 }, want: undefined },
  { name: "something is counted for the first time", change: { commentCount: 0 }, want: "text" },
])("when $name: $want", ({ from, change, want }) => {
  expect(republishReason(published(event(from)), event(change, hourLater), hourLater)).toBe(want);
});

test.each([
  { name: "a price moves by a twentieth", change: { priceMsat: 10_500n }, want: undefined },
  { name: "a price moves by more than a tenth", change: { priceMsat: 12_000n }, want: "price" },
  { name: "an endpoint becomes free", change: { priceMsat: 0n }, want: "price" },
  { name: "the latency stays in its power of two", change: { latencyMs: 511 }, want: undefined },
  { name: "the latency enters the next", change: { latencyMs: 512 }, want: "count" },
  { name: "another method speaks for the URL", change: { method: "POST" }, want: "text" },
])("of an endpoint, when $name: $want", ({ change, want }) => {
  const asked = { url: "https://api.example/a", method: "GET", probes: { made: 9, paid: 3, good: 9 }, reports: 0 };
  const known = { rank: 61, rankLow: 52, rankHigh: 69, ...asked, latencyMs: 412, priceMsat: 10_000n, asOf: start };
  const say = (at: UnixSeconds, changed = {}) =>
    endpointAssertion({ ...known, ...changed }, { pubkey: "ab".repeat(32), createdAt: at });
  expect(republishReason(published(say(start)), say(hourLater, change), hourLater)).toBe(want);
});

test("what was taken back is new when it is said again, also unchanged", () => {
  expect(republishReason({ ...published(event()), retractedAt: start }, event(), start)).toBe("new");
});

test("a subject never published is new, and a site that moved is news", () => {
  expect(republishReason(undefined, event(), start)).toBe("new");
  expect(republishReason(published(event()), event({}, hourLater, "https://other.example"), hourLater)).toBe("text");
});

test("an unchanged assertion is renewed between 10 and 2 days before it expires, at its own moment", () => {
  const dueAt = (key: string) => {
    const version = published(event({ nodeKey: key }));
    for (let at = start; ; at = unixSeconds(at + DAY / 4))
      if (republishReason(version, event({ nodeKey: key }, at), at)) return (at - start) / DAY;
  };
  const keys = [
    nodeKey,
    `02${nodeKey.slice(2)}`,
    `02${"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"}`,
  ];
  const days = keys.map(dueAt);
  for (const day of days) expect(day > 20 && day <= 28.25).toBe(true);
  expect(new Set(days).size).toBe(keys.length);
});

test("the content hash sees every tag except the two that move with time", () => {
  expect(contentHash(event({ asOf: hourLater }, hourLater))).toBe(contentHash(event()));
  fc.assert(
    fc.property(fc.nat(100), fc.nat(100), (a, b) => {
      expect(contentHash(event({ rank: a })) === contentHash(event({ rank: b }))).toBe(a === b);
    }),
  );
});

test.each([
  { name: "the first version", last: undefined, want: start },
  { name: "a later second", last: start - 5, want: start },
  { name: "the same second", last: start, want: start + 1 },
  { name: "30 versions in one second", last: start + 29, want: start + 30 },
  { name: "a last version too far ahead", last: start + 30, want: undefined },
])("created_at of $name", ({ last, want }) => {
  expect(nextCreatedAt(start, last === undefined ? undefined : unixSeconds(last))).toBe(want);
});
