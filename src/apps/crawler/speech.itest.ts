/** Whatever keeps the crawler from speaking, scores and ratings are stored all the same. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { OracleError } from "../../core/errors.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { createEvents } from "../events.ts";
import type { LndGroup } from "../lnd-group.ts";
import { createLog } from "../log.ts";
import type { RatedNode } from "../rate-graph.ts";
import { createPublisher } from "./publisher.ts";
import { openSpeech } from "./speech.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
  await database.close();
});

const now = unixSeconds(1_790_000_000);
const origin = "https://oracle.example";
const node: RatedNode = {
  ...{ keyHex: `02${"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"}`, alias: "a", channelCount: 1 },
  ...{ liveInCount: 1, capacitySat: 1n, lastUpdateAt: now },
  score: { rank: 50, rankLow: 40, rankHigh: 60, reachRatio: 0.5, observations: 3, scoredAt: now },
};
async function* rated(): AsyncGenerator<RatedNode[]> {
  yield [node, { ...node, keyHex: `03${"00".repeat(32)}`, score: undefined }];
}

async function open(change: { sign?: () => Promise<never>; network?: string }) {
  const failed: unknown[] = [];
  const publisher = await createPublisher({
    source: { from: "secret", secret: "11".repeat(32) },
    ...{ origin, relays: [], onFallback: () => undefined },
  });
  closing.push(publisher.close);
  const events = {
    ...createEvents(createLog({ level: "silent", name: "test" })),
    failed: (_: string, error: unknown) => void failed.push(error),
  };
  const lnd = { first: async () => ({ network: change.network ?? "regtest" }) } as unknown as LndGroup;
  const speaking = { ...publisher, ...(change.sign && { sign: change.sign }) };
  const signal = new AbortController().signal;
  return { speech: openSpeech({ database: database.pool, publisher: speaking, origin, lnd, events, signal }), failed };
}

test("a node with a score is spoken of, one without is not", async () => {
  const { speech, failed } = await open({});
  const news = await speech.newsOfNodes(rated(), now);
  expect(news.map(({ subject, event }) => [subject, event.kind])).toEqual([[node.keyHex, 30_385]]);
  expect(failed).toEqual([]);
});

test.each([
  {
    name: "a signer that is away",
    change: { sign: () => Promise.reject(new OracleError("INTERNAL", "the signer is away")) },
  },
  { name: "a node that names no network", change: { network: "elsewhere" } },
])("$name is told, and keeps nothing back", async ({ change }) => {
  const { speech, failed } = await open(change);
  expect(await speech.newsOfNodes(rated(), now)).toEqual([]);
  expect(failed).toHaveLength(1);
});
