/** Each rule refuses its violation, and says which rule it was. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex } from "../bytes.ts";
import { unixSeconds } from "../units.ts";
import { nodeAssertion } from "./assertion.ts";
import { publicKeyOf, type UnsignedEvent } from "./event.ts";
import { lintEvent } from "./lint.ts";

const now = unixSeconds(1_790_000_000);
const pubkey = publicKeyOf(fromHex("11".repeat(32))!);
const nodeKey = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";
const node = nodeAssertion(
  { nodeKey, rank: 72, rankLow: 64, rankHigh: 79, reachRatio: 0.97, observations: 144, asOf: now },
  { pubkey, origin: "https://oracle.example", network: "mainnet", createdAt: now },
);
const context = { pubkey, kinds: [5, 30_382, 30_384, 30_385], now };

/** Replaces the values of one tag, or drops it. */
const put = (event: UnsignedEvent, name: string, ...values: string[]): UnsignedEvent => ({
  ...event,
  tags: event.tags.flatMap((tag) => (tag[0] !== name ? [tag] : values.length > 0 ? [[name, ...values]] : [])),
});
const add = (event: UnsignedEvent, ...tags: string[][]): UnsignedEvent => ({
  ...event,
  tags: [...event.tags, ...tags],
});
const named = (event: UnsignedEvent, id: string) => put(put(event, "d", id), "i", id);
const page = put(named(node, "https://a.example/x"), "k", "web");
const about = (kind: number, ...tags: string[][]): UnsignedEvent => ({
  ...node,
  kind,
  tags: [...tags, ["rank", "7"], ["expiration", String(now + 86_400)]],
});
const deletion = (...tags: string[][]): UnsignedEvent => ({ pubkey, created_at: now, kind: 5, tags, content: "" });
const ownAddress = `30385:${pubkey}:lightning:node:${nodeKey}`;
const address = `38171:${pubkey}:${nodeKey}`;

test.each([
  { name: "a node", event: node },
  { name: "a page", event: page },
  { name: "a page with its query", event: named(page, "https://a.example/x?b=1&a=%20") },
  { name: "an address", event: about(30_384, ["d", address], ["a", address]) },
  { name: "a key", event: about(30_382, ["d", pubkey], ["p", pubkey], ["proof", address], ["proof", address]) },
  { name: "a deletion", event: deletion(["a", ownAddress], ["e", "ab".repeat(32)], ["k", "30385"]) },
])("$name may be signed", ({ event }) => {
  expect(lintEvent(event, context)).toEqual([]);
});

test.each([
  { rule: 1, name: "another author", event: { ...node, pubkey: publicKeyOf(fromHex("22".repeat(32))!) } },
  { rule: 1, name: "a kind this key does not sign", event: { ...node, kind: 1 } },
  { rule: 2, name: "no d", event: put(node, "d") },
  { rule: 2, name: "d not first", event: { ...node, tags: node.tags.toReversed() } },
  { rule: 2, name: "two d", event: add(node, ["d", "x"]) },
  { rule: 2, name: "an empty d", event: named(page, "") },
  { rule: 2, name: "a d of 256 bytes", event: named(page, `https://a.example/${"x".repeat(238)}`) },
  { rule: 3, name: "i unlike d", event: put(node, "i", "lightning:node:x") },
  { rule: 3, name: "two i", event: add(node, ["i", `lightning:node:${nodeKey}`]) },
  { rule: 3, name: "no k", event: put(node, "k") },
  { rule: 3, name: "k of another type", event: put(node, "k", "web") },
  { rule: 3, name: "a page as a node", event: put(page, "k", "lightning:node") },
  { rule: 4, name: "an address without its a", event: about(30_384, ["d", address]) },
  {
    rule: 4,
    name: "an address of a regular event",
    event: about(30_384, ["d", `1:${pubkey}:x`], ["a", `1:${pubkey}:x`]),
  },
  { rule: 4, name: "an address of no event", event: about(30_384, ["d", "x"], ["a", "x"]) },
  { rule: 5, name: "a Lightning key as a Nostr key", event: about(30_382, ["d", nodeKey], ["p", nodeKey]) },
  { rule: 5, name: "p unlike d", event: about(30_382, ["d", pubkey], ["p", "ab".repeat(32)]) },
  { rule: 6, name: "no rank", event: put(node, "rank") },
  { rule: 6, name: "rank 101", event: put(node, "rank", "101") },
  { rule: 6, name: "rank 72.5", event: put(node, "rank", "72.5") },
  { rule: 6, name: "rank 072", event: put(node, "rank", "072") },
  { rule: 6, name: "rank -1", event: put(node, "rank", "-1") },
  { rule: 6, name: "rank above its interval", event: put(node, "rank_high", "71") },
  { rule: 6, name: "rank below its interval", event: put(node, "rank_low", "73") },
  { rule: 7, name: "a float count", event: put(node, "obs_cnt", "1.5") },
  { rule: 7, name: "a word for a number", event: put(node, "obs_cnt", "many") },
  { rule: 7, name: "a count beyond safe integers", event: put(node, "obs_cnt", "9".repeat(17)) },
  { rule: 7, name: "a share above 100", event: put(node, "reach_pct", "101") },
  { rule: 7, name: "two values in one tag", event: put(node, "obs_cnt", "1", "2") },
  { rule: 7, name: "a number twice", event: add(node, ["rank", "72"]) },
  { rule: 8, name: "a line feed", event: put(node, "i", `lightning:node:${nodeKey}`, "https://a.example/\n") },
  { rule: 8, name: "a letter beyond ASCII", event: named(page, "https://a.example/é") },
  { rule: 8, name: "a lone surrogate", event: named(page, "https://a.example/\ud800") },
  { rule: 9, name: "a URL with a fragment", event: named(page, "https://a.example/#x") },
  { rule: 9, name: "a URL with a user", event: named(page, "https://u:p@a.example/") },
  { rule: 9, name: "a URL in capitals", event: named(page, "https://A.example/") },
  { rule: 9, name: "a URL with the default port", event: named(page, "https://a.example:443/") },
  { rule: 9, name: "a URL of another scheme", event: named(page, "ftp://a.example/") },
  { rule: 10, name: "a node key off the curve", event: named(node, `lightning:node:02${"ff".repeat(32)}`) },
  { rule: 10, name: "a node key in capitals", event: named(node, `lightning:node:${nodeKey.toUpperCase()}`) },
  { rule: 10, name: "an unknown network", event: named(node, `lightning:moon:node:${nodeKey}`) },
  { rule: 11, name: "a tag relays would index", event: add(node, ["t", "x"]) },
  { rule: 11, name: "an e in an assertion", event: add(node, ["e", "ab".repeat(32)]) },
  { rule: 11, name: "a long single-letter value", event: add(node, ["a", "x".repeat(256)]) },
  { rule: 12, name: "content", event: { ...node, content: "{}" } },
  { rule: 13, name: "no expiration", event: put(node, "expiration") },
  { rule: 13, name: "two expirations", event: add(node, ["expiration", String(now + 9)]) },
  { rule: 13, name: "an expiration in the past", event: put(node, "expiration", String(now)) },
  { rule: 13, name: "an expiration after 32 days", event: put(node, "expiration", String(now + 32 * 86_400)) },
  { rule: 14, name: "created_at 31 s ahead", event: { ...node, created_at: now + 31 } },
  { rule: 14, name: "a fractional created_at", event: { ...node, created_at: now - 0.5 } },
  { rule: 15, name: "41 tags", event: add(node, ...Array.from({ length: 31 }, (_, i) => [`x${i}_cnt`, "1"])) },
  { rule: 15, name: "16 KiB", event: put(node, "i", `lightning:node:${nodeKey}`, "x".repeat(16_000)) },
  { rule: 16, name: "alt", event: add(node, ["alt", "x"]) },
  { rule: 16, name: "a dash", event: add(node, ["-"]) },
  { rule: 16, name: "client", event: add(node, ["client", "x"]) },
  { rule: 17, name: "a foreign target", event: deletion(["a", ownAddress.replace(pubkey, "ab".repeat(32))]) },
  { rule: 17, name: "a short event id", event: deletion(["e", "ab"]) },
  { rule: 17, name: "no target", event: deletion(["k", "30385"]) },
])("rule $rule refuses $name", ({ rule, event }) => {
  expect(lintEvent(event, context).map((fault) => fault.rule)).toContain(rule);
});

test("rule 14 refuses a version that is not newer than the last", () => {
  const rules = (lastCreatedAt: number) =>
    lintEvent(node, { ...context, lastCreatedAt: unixSeconds(lastCreatedAt) }).map((fault) => fault.rule);
  expect(rules(now)).toEqual([14]);
  expect(rules(now - 1)).toEqual([]);
});

test("whatever the tags, the lint answers and never throws", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom("d", "i", "k", "a", "p", "rank", "web"),
  );
  const tags = fc.array(fc.array(text, { minLength: 0, maxLength: 4 }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom(5, 30_382, 30_384, 30_385, 0), tags, (kind, any) => {
      expect(lintEvent({ ...node, kind, tags: any }, context).length).toBeGreaterThan(0);
    }),
  );
});
