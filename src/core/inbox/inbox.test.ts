/** What is read out of strangers' events: mentions, labels, deletions, and what is no such thing. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { SignedEvent } from "../nip85/event.ts";
import { unixSeconds } from "../units.ts";
import { admitEvent, expirationOf } from "./admit-event.ts";
import { readDeletion } from "./deletion.ts";
import { readMention } from "./mention.ts";
import { isOutcomeNamespace, OUTCOMES, outcomeNamespace, readOutcomeLabel } from "./outcome-label.ts";

const NODE = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";
const AUTHOR = "9ac20335eb38768d2052be1dbbc3c8f6178407458e51e6b4ad22f1d91758895b";
const AT = 1_790_000_000;
const event = (kind: number, tags: string[][], content = ""): SignedEvent => ({
  id: "ab".repeat(32),
  pubkey: AUTHOR,
  created_at: AT,
  kind,
  tags,
  content,
  sig: "cd".repeat(64),
});

test.each<[string, string, string | undefined]>([
  ["a node", `lightning:node:${NODE}`, `lightning:node:${NODE}`],
  ["a node of another network", `lightning:signet:node:${NODE}`, `lightning:signet:node:${NODE}`],
  ["mainnet, said in full", `lightning:mainnet:node:${NODE}`, undefined],
  ["a node in capitals", `lightning:node:${NODE.toUpperCase()}`, undefined],
  ["a page", "https://api.example/v1?a=1", "https://api.example/v1?a=1"],
  ["the same page, spelt otherwise", "HTTPS://API.example:443/v1?a=1#here", "https://api.example/v1?a=1"],
  ["a page with a password", "https://a:b@api.example/", undefined],
  ["a template", "https://api.example/{id}", undefined],
  ["a script", "javascript:alert(1)", undefined],
  ["a file", "file:///etc/passwd", undefined],
  ["nothing", "", undefined],
  ["a line break", "https://api.example/\n", "https://api.example/"],
  ["a null", "\u0000", undefined],
])("a comment about %s", (_name, identifier, subject) => {
  expect(readMention(event(1_111, [["I", identifier]], "x"))?.subject).toBe(subject);
  expect(readMention(event(17, [["i", identifier]], "+"))?.subject).toBe(subject);
});

test.each([
  { content: "+", likes: true },
  { content: "", likes: true },
  { content: "🤙", likes: true },
  { content: "-", likes: false },
  { content: " - ", likes: false },
])("a reaction of $content: approval is $likes", ({ content, likes }) => {
  expect(readMention(event(17, [["i", `lightning:node:${NODE}`]], content))).toMatchObject({ likes, nodeKey: NODE });
});

test("the parent of a reply is not its root, and one identifier twice is one", () => {
  const reply = event(
    1_111,
    [
      ["I", `lightning:node:${NODE}`],
      ["i", "https://a.example/"],
      ["e", "ab".repeat(32)],
    ],
    "x",
  );
  expect(readMention(reply)?.subject).toBe(`lightning:node:${NODE}`);
  expect(
    readMention(
      event(17, [
        ["i", "https://a.example/"],
        ["i", "https://a.example/"],
      ]),
    )?.subject,
  ).toBe("https://a.example/");
  expect(readMention(event(17, [["I", `lightning:node:${NODE}`]]))).toBeUndefined();
  expect(readMention(event(7, [["i", `lightning:node:${NODE}`]], "+"))).toBeUndefined();
});

const NAMESPACE = "com.example.l402-outcome";
const label = (...tags: string[][]) =>
  readOutcomeLabel(
    event(1_985, [["L", NAMESPACE], ["l", "paid-ok", NAMESPACE], ["r", "https://a.example/"], ...tags]),
    [NAMESPACE],
  );
const instead = (...tags: string[][]) => readOutcomeLabel(event(1_985, tags), [NAMESPACE]);
const [L, l, r] = [
  ["L", NAMESPACE],
  ["l", "paid-ok", NAMESPACE],
  ["r", "https://a.example/"],
];

test("a label tells of a call", () => {
  expect(label()).toEqual({
    endpoint: createHash("sha256").update("https://a.example/").digest("hex"),
    method: "GET",
    told: { stage: "quality", good: true, code: "REPORTED", at: AT },
    witness: AUTHOR,
  });
  const proof = { invoice: "lnbc1", preimage: new Uint8Array(32).fill(0xab) };
  expect(
    label(["method", "post"], ["latency_ms", "412"], ["bolt11", "lnbc1"], ["preimage", "ab".repeat(32)]),
  ).toMatchObject({
    method: "POST",
    latencyMs: 412,
    proof,
  });
});

test.each<[string, unknown]>([
  ["no namespace is declared", instead(l!, r!)],
  ["another namespace", instead(["L", "org.other.l402-outcome"], ["l", "paid-ok", "org.other.l402-outcome"], r!)],
  ["the label is of another namespace", instead(L!, ["l", "paid-ok", "ugc"], r!)],
  ["a word nobody knows", instead(L!, ["l", "superb", NAMESPACE], r!)],
  ["a word that only a prototype has", instead(L!, ["l", "constructor", NAMESPACE], r!)],
  ["two labels", label(["l", "paid-error", NAMESPACE])],
  ["two pages", label(["r", "https://b.example/"])],
  ["no page", instead(L!, l!)],
  ["no web page", instead(L!, l!, ["r", "mailto:a@b.example"])],
  ["two methods", label(["method", "GET"], ["method", "POST"])],
  ["an unknown method", label(["method", "BREW"])],
  ["an invoice without a preimage", label(["bolt11", "lnbc1"])],
  ["a preimage without an invoice", label(["preimage", "ab".repeat(32)])],
  ["a preimage in capitals", label(["bolt11", "lnbc1"], ["preimage", "AB".repeat(32)])],
  ["an empty invoice", label(["bolt11", ""], ["preimage", "ab".repeat(32)])],
  ["two invoices", label(["bolt11", "a"], ["bolt11", "b"], ["preimage", "ab".repeat(32)])],
])("no report: %s", (_name, read) => {
  expect(read).toBeUndefined();
});

test("a latency that is none is left out, and other labels on the event do not matter", () => {
  for (const text of ["-1", "1.5", "1e3", "999999999999", "", "soon"])
    expect(label(["latency_ms", text])).not.toHaveProperty("latencyMs");
  expect(label(["l", "spam", "ugc"], ["L", "ugc"], ["latency_ms"])).toMatchObject({ told: { stage: "quality" } });
});

test("every label says how a call ended, and no two the same", () => {
  const ends = Object.values(OUTCOMES).map(({ stage, good, code }) => `${stage} ${good} ${code}`);
  expect(new Set(ends).size).toBe(ends.length);
});

test.each([
  ["com.example.l402-outcome", true],
  ["com.example.api.l402-outcome", true],
  ["l402-outcome", false],
  [".l402-outcome", false],
  ["com..l402-outcome", false],
  ["com.example.l402-outcomes", false],
  ["Com.example.l402-outcome", false],
  [`${"a.".repeat(200)}l402-outcome`, false],
])("%s is a namespace: %s", (text, is) => {
  expect(isOutcomeNamespace(text)).toBe(is);
});

test("our own namespace is our name, reversed", () => {
  expect(outcomeNamespace("https://oracle.example.com:8443")).toBe("com.example.oracle.l402-outcome");
});

test("a deletion takes back its author's own: by id, and announcements of nodes by address", () => {
  const tags = [
    ["e", "ab".repeat(32)],
    ["e", "not an id"],
    ["e"],
    ["a", `38171:${AUTHOR}:${NODE}`],
    ["a", `38171:${"00".repeat(32)}:${NODE}`],
    ["a", "1"],
  ];
  expect(readDeletion(event(5, tags))).toEqual({
    author: AUTHOR,
    at: AT,
    eventIds: ["ab".repeat(32)],
    nodeKeys: [NODE],
  });
  expect(readDeletion(event(6, tags))).toBeUndefined();
  expect(
    readDeletion(
      event(
        5,
        Array.from({ length: 2_000 }, () => ["e", "ab".repeat(32)]),
      ),
    )?.eventIds,
  ).toHaveLength(500);
});

test.each<[string, unknown, unknown]>([
  ["as it should be", event(17, []), event(17, [])],
  ["with fields that nobody knows", { ...event(17, []), relay: "x" }, event(17, [])],
  ["of another kind", event(1, []), "kind"],
  [
    "a quarter of an hour ahead",
    { ...event(17, []), created_at: AT + 900 },
    { ...event(17, []), created_at: AT + 900 },
  ],
  ["further ahead", { ...event(17, []), created_at: AT + 901 }, "future"],
  ["that has ended", event(17, [["expiration", String(AT)]]), "expired"],
  ["that ends in no known way", event(17, [["expiration", "1e99"]]), "expired"],
  ["that ends later", event(17, [["expiration", String(AT + 1)]]), event(17, [["expiration", String(AT + 1)]])],
  ["too long", event(17, [], "x".repeat(65_536)), "form"],
  [
    "with too many tags",
    event(
      17,
      Array.from({ length: 2_001 }, () => ["t"]),
    ),
    "form",
  ],
  ["that is none", { id: "x" }, "form"],
  ["that is nothing", undefined, "form"],
])("an event %s", (_name, value, want) => {
  expect(admitEvent(value, [17], unixSeconds(AT))).toEqual(want);
});

test("an event without an end has none", () => {
  expect(expirationOf(event(17, []))).toBeUndefined();
  expect(expirationOf(event(17, [["expiration"]]))).toBeUndefined();
});
