/** Whatever a list holds stays as it is, ours follow once and in order, and nothing ranks people unasked. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { unixSeconds } from "../units.ts";
import { type ProviderTag, providerTags } from "./announcement.ts";
import { KIND } from "./kinds.ts";
import { mergeProviders } from "./merge-providers.ts";

const RELAY = "wss://oracle.example/relay";
const keys = { "lightning-node": "aa".repeat(32), "l402-endpoint": "bb".repeat(32), operator: "cc".repeat(32) };
const ours = providerTags(keys, RELAY);
const pubkey = "dd".repeat(32);
const now = unixSeconds(1_790_000_000);

const foreign = fc.oneof(
  fc.array(fc.string(), { minLength: 1, maxLength: 5 }),
  fc.tuple(fc.constantFrom("30382:rank", "30385:rank"), fc.constantFrom("ee".repeat(32), keys.operator), fc.webUrl()),
  fc.constantFrom<string[]>(...ours, [...ours[0]!.slice(0, 2), "wss://elsewhere.example"]),
);
const list = fc.record({
  tags: fc.array(foreign, { maxLength: 12 }),
  content: fc.string(),
  created_at: fc.integer({ min: 1, max: 2_000_000_000 }),
});

test("every entry and the encrypted part stay, in their order; ours are there once", () => {
  fc.assert(
    fc.property(list, ({ tags, content, created_at }) => {
      const old = { pubkey, kind: KIND.providers, tags, content, created_at };
      const before = JSON.stringify(old);
      const { event, added, kept } = mergeProviders(old, ours, { pubkey, now });
      expect(JSON.stringify(old)).toBe(before);
      expect(event.tags.slice(0, kept)).toEqual(tags);
      expect(event.content).toBe(content);
      expect(event.created_at).toBe(Math.max(now, created_at + 1));
      expect(event.tags.slice(kept)).toEqual(added);
      for (const [slot, key] of ours) {
        const there = tags.filter((tag) => tag[0] === slot && tag[1] === key).length;
        expect(event.tags.filter((tag) => tag[0] === slot && tag[1] === key)).toHaveLength(Math.max(1, there));
      }
      expect(ours.filter((tag) => added.some((each) => each.join() === tag.join()))).toEqual(added);
    }),
  );
});

test("merging again adds nothing, and who had no list gets ours", () => {
  const first = mergeProviders(undefined, ours, { pubkey, now });
  expect(first.event).toEqual({ pubkey, kind: KIND.providers, created_at: now, tags: ours, content: "" });
  const again = mergeProviders(first.event, ours, { pubkey, now });
  expect(again.added).toEqual([]);
  expect(again.event.tags).toEqual(ours);
  expect(again.event.created_at).toBe(now + 1);
});

test("our template never takes the slot that ranks people", () => {
  expect(ours.map(([slot]) => slot)).not.toContain("30382:rank");
  const asked: ProviderTag[] = [...ours, ["30382:rank", keys.operator, RELAY]];
  expect(mergeProviders(undefined, asked, { pubkey, now }).event.tags).toContainEqual([
    "30382:rank",
    keys.operator,
    RELAY,
  ]);
});
