/** What an honest event shows, and that no change to it goes unseen. */
import { schnorr } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, toHex } from "../bytes.ts";
import { unixSeconds } from "../units.ts";
import { nodeAssertion } from "./assertion.ts";
import { encodeEvent, eventId, publicKeyOf, type SignedEvent, type UnsignedEvent } from "./event.ts";
import { CHECKS, verifyEvent } from "./verify.ts";

const now = unixSeconds(1_790_000_000);
const secret = fromHex("11".repeat(32))!;
const pubkey = publicKeyOf(secret);
const nodeKey = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";
const sign = (event: UnsignedEvent): SignedEvent => {
  const id = eventId(event);
  return { ...event, id, sig: toHex(schnorr.sign(fromHex(id)!, secret)) };
};
const unsigned = nodeAssertion(
  { nodeKey, rank: 72, rankLow: 64, rankHigh: 79, reachRatio: 0.97, observations: 144, asOf: now },
  { pubkey, origin: "https://oracle.example", network: "regtest", createdAt: now },
);
const signed = sign(unsigned);
const put = (name: string, value: string) =>
  sign({ ...unsigned, tags: unsigned.tags.map((tag) => (tag[0] === name ? [name, value] : tag)) });
const failing = (json: unknown, at = now, expectedPubkey = pubkey) =>
  verifyEvent(json, { now: at, expectedPubkey })
    .checks.filter((check) => !check.holds)
    .map((check) => check.name);

test("an honest event passes every check, as text and as JSON", () => {
  const got = verifyEvent(encodeEvent(signed), { now, expectedPubkey: pubkey });
  expect(got.holds).toBe(true);
  expect(got.checks.map((check) => check.name)).toEqual(CHECKS.filter((name) => name !== "statement"));
  expect(verifyEvent(JSON.parse(JSON.stringify(signed)), { now }).holds).toBe(true);
});

test.each([
  {
    name: "another rank",
    json: { ...signed, tags: signed.tags.map((tag) => (tag[0] === "rank" ? ["rank", "99"] : tag)) },
    want: ["id", "rank"],
  },
  { name: "an id of other content", json: { ...signed, id: "ab".repeat(32) }, want: ["id", "signature"] },
  {
    name: "another author",
    json: { ...signed, pubkey: publicKeyOf(fromHex("22".repeat(32))!) },
    want: ["id", "signature", "author"],
  },
  {
    name: "an author that is no point",
    json: { ...signed, pubkey: "ff".repeat(32) },
    want: ["id", "signature", "author"],
  },
  {
    name: "a broken signature",
    json: { ...signed, sig: signed.sig.replace(/^../, (byte) => (byte === "00" ? "01" : "00")) },
    want: ["signature"],
  },
  { name: "i unlike d", json: put("i", "lightning:node:x"), want: ["subject"] },
  { name: "k unlike d", json: put("k", "web"), want: ["subject"] },
  { name: "a rank with a fraction", json: put("rank", "72.5"), want: ["rank"] },
  { name: "a rank outside its interval", json: put("rank", "90"), want: ["rank"] },
  { name: "a kind of others", json: sign({ ...unsigned, kind: 1_111 }), want: ["kind"] },
  { name: "an expiration that is no number", json: put("expiration", "never"), want: ["expiration"] },
])("$name fails: $want", ({ json, want }) => {
  expect(failing(json)).toEqual(want);
});

test("time decides: from 15 minutes before created_at until the second of its expiration", () => {
  expect(failing(signed, unixSeconds(now - 900))).toEqual([]);
  expect(failing(signed, unixSeconds(now - 901))).toEqual(["created-at"]);
  expect(failing(signed, unixSeconds(now + 30 * 86_400 - 1))).toEqual([]);
  expect(failing(signed, unixSeconds(now + 30 * 86_400))).toEqual(["expiration"]);
});

test.each([
  "",
  "null",
  "[]",
  "{}",
  "{",
  '{"id":1}',
  `"${"x".repeat(70_000)}"`,
  undefined,
  7,
  { ...signed, tags: [[]] },
])("%#: what is no event fails the form", (json) => {
  expect(failing(json)).toEqual(["form"]);
});

test("no single changed character of an event goes unseen", () => {
  const text = encodeEvent(signed);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom(...'0129afz"]} '), (index, character) => {
      fc.pre(text[index] !== character);
      const got = verifyEvent(text.slice(0, index) + character + text.slice(index + 1), {
        now,
        expectedPubkey: pubkey,
      });
      expect(got.holds).toBe(false);
    }),
    { numRuns: 150 },
  );
});
