/** Which scores become events, and that saying the same again says nothing. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { expect, test } from "vitest";
import { toHex } from "../../core/bytes.ts";
import type { NodeAssertion, Statement } from "../../core/nip85/assertion.ts";
import { contentHash } from "../../core/nip85/content-hash.ts";
import { addressOf, eventId, type SignedEvent, tagValue } from "../../core/nip85/event.ts";
import type { PublishedVersion } from "../../core/nip85/republish.ts";
import { takenBack } from "../../core/nip85/retraction.ts";
import { statementsOfNode } from "../../core/nip85/statement.ts";
import { unixSeconds } from "../../core/units.ts";
import { type PublishPorts, publishAssertions } from "./publish-assertions.ts";

const start = unixSeconds(1_790_000_000);
const DAY = 86_400;
const pubkey = "ab".repeat(32);
const keys = Array.from({ length: 200 }, (_, index) =>
  toHex(secp256k1.Point.BASE.multiply(BigInt(index + 1)).toBytes()),
);
const scores = keys.map((nodeKey, index): NodeAssertion => {
  return { nodeKey, rank: index % 101, rankLow: 0, rankHigh: 100, reachRatio: 0.5, observations: 9, asOf: start };
});

const voice = {
  pubkeys: { node: pubkey, endpoint: "cd".repeat(32), operator: "ef".repeat(32) },
  origin: "https://oracle.example",
  network: "mainnet",
} as const;

/** All that is to be said, in two pages. */
async function* pagesOf(input: readonly NodeAssertion[]): AsyncGenerator<Statement[]> {
  const middle = Math.ceil(input.length / 2);
  for (const page of [input.slice(0, middle), input.slice(middle)])
    yield page.flatMap((score) => statementsOfNode(score, undefined, voice));
}

/** An outbox in memory. */
function world() {
  const published = new Map<string, PublishedVersion & { event: SignedEvent }>();
  const staged: { event: SignedEvent; subject: string; priority: number }[] = [];
  const ports: PublishPorts = {
    findPublished: async (_key, addresses) =>
      new Map(addresses.flatMap((d) => (published.has(d) ? [[d, published.get(d)!] as const] : []))),
    sign: async (events) => events.map((event) => ({ ...event, id: eventId(event), sig: "00".repeat(64) })),
    async stage(events) {
      staged.push(...events);
      for (const { event } of events) {
        if (event.kind !== 5) published.set(addressOf(event), { event, contentHash: contentHash(event) });
        for (const { d } of takenBack(event))
          published.set(d, { ...published.get(d)!, retractedAt: unixSeconds(event.created_at) });
      }
      return events.length;
    },
    standing: async (_key, after, limit) =>
      [...published]
        .filter(([d, { retractedAt }]) => retractedAt === undefined && d > after.d)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, limit)
        .map(([d, { event }]) => ({ kind: event.kind, d, id: event.id, createdAt: event.created_at })),
  };
  const publish = (input: readonly NodeAssertion[], now = start, signal = new AbortController().signal) =>
    publishAssertions(ports, { statements: pagesOf(input), pubkeys: [pubkey], now, signal });
  return { published, staged, ports, publish };
}

test("everything is new once, and after that nothing is", async () => {
  const { publish, staged } = world();
  expect(await publish(scores)).toMatchObject({ considered: 200, staged: 200, unchanged: 0, reasons: { new: 200 } });
  expect(await publish(scores, unixSeconds(start + 3600))).toMatchObject({
    considered: 200,
    staged: 0,
    unchanged: 200,
  });
  expect(staged).toHaveLength(200);
});

test("when one in a hundred changes, exactly those are published, under a later second", async () => {
  const { publish, published } = world();
  await publish(scores);
  const changed = scores.map((score, index) => (index % 100 === 10 ? { ...score, rank: score.rank + 3 } : score));
  expect(await publish(changed)).toMatchObject({ staged: 2, unchanged: 198, reasons: { rank: 2, new: 0 } });
  expect(published.get(`lightning:node:${keys[10]}`)?.event.created_at).toBe(start + 1);
});

test("a renewal says the same, data time included; news brings its own data time", async () => {
  const { publish, published } = world();
  const [score] = scores as [NodeAssertion];
  const address = `lightning:node:${score.nodeKey}`;
  await publish([score]);
  const late = unixSeconds(start + 29 * DAY);
  expect(await publish([{ ...score, asOf: late }], late)).toMatchObject({ staged: 1, reasons: { renewal: 1 } });
  expect(tagValue(published.get(address)!.event, "as_of")).toBe(String(start));
  expect(tagValue(published.get(address)!.event, "expiration")).toBe(String(late + 30 * DAY));

  await publish([{ ...score, rank: 50, asOf: late }], late);
  expect(tagValue(published.get(address)!.event, "as_of")).toBe(String(late));
});

test("a score that breaks a rule is reported and the others are published", async () => {
  const { publish, staged } = world();
  const bad = [
    { ...scores[1]!, rank: 101 },
    { ...scores[2]!, nodeKey: `02${"ff".repeat(32)}` },
    { ...scores[3]!, observations: 1.5 },
  ];
  const report = await publish([scores[0]!, ...bad]);
  expect(report).toMatchObject({ considered: 4, staged: 1, refusedCount: 3 });
  expect(report.refused.map(({ faults }) => faults.map(({ rule }) => rule))).toEqual([[6], [10], [7]]);
  expect(staged.map(({ subject }) => subject)).toEqual([keys[0]]);
});

test("what is not said any more is taken back, once; said again, it is new and dated after that", async () => {
  const { publish, staged, published } = world();
  await publish(scores);
  const fewer = scores.slice(3);
  expect(await publish(fewer)).toMatchObject({ staged: 1, retracted: 3, unchanged: 197 });
  const event = staged.at(-1)!.event;
  expect(event).toMatchObject({ kind: 5, created_at: start, content: "" });
  const ids = keys.slice(0, 3).map((key) => published.get(`lightning:node:${key}`)!.event.id);
  const named = event.tags.map(([name, value]) => `${name} ${value}`).sort();
  expect(named).toEqual(
    [
      ...keys.slice(0, 3).map((key) => `a 30385:${pubkey}:lightning:node:${key}`),
      ...ids.map((id) => `e ${id}`),
      "k 30385",
    ].sort(),
  );
  expect(await publish(fewer)).toMatchObject({ staged: 0, retracted: 0 });
  expect(await publish(scores)).toMatchObject({ staged: 3, reasons: { new: 3 } });
  expect(staged.at(-1)!.event.created_at).toBe(start + 1);
});

test("a list that has lost most of what was said unsays nothing", async () => {
  const { publish } = world();
  const many = Array.from({ length: 3 }, () => scores).flat();
  const others = many.map((score, i) => ({
    ...score,
    nodeKey: toHex(secp256k1.Point.BASE.multiply(BigInt(i + 1)).toBytes()),
  }));
  await publish(others);
  expect(await publish([])).toMatchObject({ retracted: 0, heldBack: 600, staged: 0 });
  expect(await publish(others.slice(200))).toMatchObject({ retracted: 200, heldBack: 0 });
});

test("a version dated too far ahead is not overtaken by guessing", async () => {
  const { publish } = world();
  await publish([scores[0]!], unixSeconds(start + 1000));
  const report = await publish([{ ...scores[0]!, rank: 90 }], start);
  expect(report.refused[0]?.faults).toEqual([{ rule: 14, message: "created_at lies in the future" }]);
});

test("an abort stops between chunks, of which four are under way", async () => {
  const { publish, ports } = world();
  const more = Array.from({ length: 2_000 }, (_, index): NodeAssertion => {
    return { ...scores[0]!, nodeKey: toHex(secp256k1.Point.BASE.multiply(BigInt(index + 1)).toBytes()) };
  });
  const controller = new AbortController();
  const { stage } = ports;
  ports.stage = (events, now) => {
    controller.abort();
    return stage(events, now);
  };
  expect(await publish(more, start, controller.signal)).toMatchObject({ considered: 512, staged: 512, retracted: 0 });
});
