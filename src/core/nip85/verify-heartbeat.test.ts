/** A heartbeat tells a reader what somebody leaves out, holds back, changes or makes up. */
import { expect, test } from "vitest";
import { fromHex, toHex, utf8 } from "../bytes.ts";
import { leafHash, nodeHash } from "../merkle/tree.ts";
import { unixSeconds } from "../units.ts";
import { publicKeyOf, type SignedEvent, signEvent, tagValue } from "./event.ts";
import { type Heartbeat, heartbeatEvent } from "./heartbeat.ts";
import { SETTLING_SEC, STANDING_MARGIN_SEC, standingRoot } from "./standing-set.ts";
import { verifyHeartbeat } from "./verify-heartbeat.ts";

const now = unixSeconds(1_790_000_000);
const secretKey = fromHex("11".repeat(32))!;
const pubkey = publicKeyOf(secretKey);
const random = new Uint8Array(32);
const by = (key: string) => fromHex(key.repeat(32))!;

function assertion(
  d: string,
  { at = now - 100, rank = 50, kind = 30_385, expires = now + 30 * 86_400, key = "11" } = {},
): SignedEvent {
  const tags = [
    ["d", d],
    ["rank", String(rank)],
    ["expiration", String(expires)],
  ];
  return signEvent({ pubkey: publicKeyOf(by(key)), created_at: at, kind, tags, content: "" }, by(key), random);
}
const events = Array.from({ length: 9 }, (_, index) => assertion(`https://a.example/${index}`));
const address = assertion(`31402:${pubkey}:x`, { kind: 30_384 });
const set = [...events, address];
const entries = (of: readonly SignedEvent[]) =>
  of.map((event) => ({ kind: event.kind, d: tagValue(event, "d")!, id: event.id }));

function heartbeat(change: Partial<Heartbeat> = {}, { key = secretKey, at = now } = {}): SignedEvent {
  const said: Heartbeat = {
    asOf: now,
    counts: [
      { kind: 30_384, count: 1 },
      { kind: 30_385, count: 9 },
    ],
    root: standingRoot(entries(set)),
    evidence: { position: 7n, head: "ab".repeat(32) },
    predictions: { position: 7n, head: "ab".repeat(32) },
    ...change,
  };
  return signEvent(heartbeatEvent(said, { pubkey: publicKeyOf(key), createdAt: at }), key, random);
}
const verify = (shown: readonly SignedEvent[], said = heartbeat(), at = now) =>
  verifyHeartbeat(said, shown, { pubkey, now: at });

test("the root is the tree over kind, d and id in the order of their text, whatever the order given", () => {
  const [a, b] = [
    { kind: 30_385, d: "https://a.example/", id: "aa".repeat(32) },
    { kind: 30_384, d: "31402:x:y", id: "bb".repeat(32) },
  ];
  const leaf = ({ kind, d, id }: typeof a) => leafHash(utf8(`${kind}:${d}:${id}`));
  expect(standingRoot([a, b])).toBe(toHex(nodeHash(leaf(b), leaf(a))));
  expect(standingRoot([b, a])).toBe(standingRoot([a, b]));
});

test("everything that stands, in any order and with others' events among it, is complete", () => {
  const foreign = assertion("https://a.example/0", { key: "22" });
  const profile = signEvent({ pubkey, created_at: now, kind: 0, tags: [], content: "{}" }, secretKey, random);
  expect(verify([foreign, ...set.toReversed(), profile])).toEqual({
    verdict: "complete",
    detail: "all 10 events",
    counts: [
      { kind: 30_384, stated: 1, shown: 1 },
      { kind: 30_385, stated: 9, shown: 9 },
    ],
  });
});

test("an event that was dated just before, and stored after, accuses nobody: the next heartbeat tells", () => {
  const late = assertion("https://a.example/late", { at: now - 10 });
  expect(verify([...set, late]).verdict).toBe("moved-on");
  expect(verify([...set, assertion("https://a.example/late", { at: now - SETTLING_SEC })]).verdict).toBe("altered");
});

test("earlier versions beside the newest, and what has all but expired, change nothing", () => {
  const before = assertion("https://a.example/0", { at: now - 200, rank: 1 });
  const ending = assertion("https://a.example/gone", { expires: now + STANDING_MARGIN_SEC });
  expect(verify([before, ...set, ending]).verdict).toBe("complete");
});

test("a key that says nothing says so", () => {
  const silent = heartbeat({ counts: [], root: standingRoot([]) });
  expect(verify([], silent).verdict).toBe("complete");
  expect(verify(set, silent).verdict).toBe("altered");
});

test.each<{ name: string; shown: SignedEvent[]; said?: SignedEvent; at?: number; verdict: string; detail: string }>([
  { name: "one left out", shown: set.slice(1), verdict: "withheld", detail: "1 of 10" },
  { name: "all left out", shown: [], verdict: "withheld", detail: "10 of 10" },
  {
    name: "an earlier version in place of the newest",
    shown: [...set.slice(1), assertion("https://a.example/0", { at: now - 200 })],
    verdict: "altered",
    detail: "10 events",
  },
  {
    name: "one that was taken back",
    shown: [...set, assertion("https://a.example/back")],
    verdict: "altered",
    detail: "11 events",
  },
  {
    name: "one that somebody changed",
    shown: [
      ...set.slice(1),
      {
        ...set[0]!,
        tags: [
          ["d", "https://a.example/0"],
          ["rank", "99"],
        ],
      },
    ],
    verdict: "withheld",
    detail: "1 of 10",
  },
  {
    name: "a newer version",
    shown: [...set, assertion("https://a.example/0", { at: now + 1 })],
    verdict: "moved-on",
    detail: "newer",
  },
  { name: "an old heartbeat", shown: set, at: now + STANDING_MARGIN_SEC + 1, verdict: "stale", detail: "7201 s" },
  {
    name: "another key's heartbeat",
    shown: set,
    said: heartbeat({}, { key: by("22") }),
    verdict: "forged",
    detail: "author",
  },
  {
    name: "a changed heartbeat",
    shown: set,
    said: { ...heartbeat(), created_at: now - 1 },
    verdict: "forged",
    detail: "id",
  },
  {
    name: "a heartbeat with another's signature",
    shown: set,
    said: { ...heartbeat(), sig: heartbeat({}, { key: by("22") }).sig },
    verdict: "forged",
    detail: "signature",
  },
  { name: "an assertion as a heartbeat", shown: set, said: set[0]!, verdict: "forged", detail: "kind" },
  {
    name: "a heartbeat from the future",
    shown: set,
    said: heartbeat({}, { at: unixSeconds(now + 60) }),
    verdict: "forged",
    detail: "future",
  },
])("$name: $verdict", ({ shown, said, at, verdict, detail }) => {
  const check = verify(shown, said, unixSeconds(at ?? now));
  expect(check.verdict).toBe(verdict);
  expect(check.detail).toContain(detail);
});
