import { expect, test } from "vitest";
import { unixSeconds } from "../units.ts";
import { lintEvent } from "./lint.ts";
import { MAX_TARGETS, retraction, takenBack } from "./retraction.ts";

const now = unixSeconds(1_790_000_000);
const pubkey = "ab".repeat(32);
const standing = (i: number, createdAt = now - 5) => ({
  ...{ kind: i % 2 ? 30_385 : 30_384, d: `https://shop.example/${"x".repeat(220)}:${i}`, createdAt },
  id: String(i).padStart(64, "0"),
});

test("as many as go into one event pass the lint, and are read back", () => {
  const targets = Array.from({ length: MAX_TARGETS }, (_, i) => standing(i));
  const event = retraction(pubkey, targets, now);

  expect(lintEvent(event, { pubkey, kinds: [5], now })).toEqual([]);
  expect(takenBack(event)).toEqual(targets.map(({ kind, d }) => ({ kind, d })));
  expect(event.tags.filter(([name]) => name === "k")).toEqual([
    ["k", "30384"],
    ["k", "30385"],
  ]);
  expect(event.tags.filter(([name]) => name === "e").map(([, id]) => id)).toEqual(targets.map(({ id }) => id));
});

test("it is dated no earlier than what it takes back: relays keep what is newer", () => {
  expect(retraction(pubkey, [standing(1, now + 20)], now).created_at).toBe(now + 20);
  expect(retraction(pubkey, [standing(1)], now).created_at).toBe(now);
});

test("what others have signed is not ours to take back", () => {
  const event = retraction(pubkey, [standing(1)], now);
  expect(takenBack({ ...event, pubkey: "cd".repeat(32) })).toEqual([]);
  expect(takenBack({ ...event, tags: [["a", "nonsense"], ["a"], ["e", "00"]] })).toEqual([]);
});
