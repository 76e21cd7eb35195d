/** Rating on a real database: whatever the order and the pieces in which news come, what is believed follows from the log alone. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { endpointBeliefTable } from "../../adapters/postgres/endpoint-belief.ts";
import { endpointModelTable } from "../../adapters/postgres/endpoint-model.ts";
import { appendCalls } from "../../adapters/postgres/evidence.ts";
import type { CallEvidence } from "../../core/evidence/call.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { someCall } from "../../testing/some-call.ts";
import { insertEndpoints } from "../../testing/some-endpoints.ts";
import { seededRandom } from "../../testing/synthetic-graph.ts";
import { type RatePorts, rateEndpoints } from "./rate-endpoints.ts";

const NOW = 1_770_001_000;
const HOUR = 3_600;
const signal = new AbortController().signal;
let database: TestDatabase;
let ports: RatePorts;
beforeEach(async () => {
  database = await openTestDatabase(6);
  const beliefs = endpointBeliefTable(database.pool);
  ports = { ...beliefs, ...endpointModelTable(database.pool, beliefs) };
});
afterEach(() => database.close());

const rate = (at = NOW) => rateEndpoints(ports, { now: () => unixSeconds(at), until: unixSeconds(at + 60), signal });
const beliefs = async () => {
  const text = `SELECT endpoint_id, rated_at, stages, probability, low, high, verdict, paid_low, unpaid_low, observations, newest_at,
    price_msat, payee, latency_ms, latency_90_ms, floor_cost, hope_cost FROM endpoint_belief ORDER BY endpoint_id`;
  return (await database.pool.query(text)).rows;
};
const made = (count: number) =>
  insertEndpoints(
    database.pool,
    Array.from({ length: count }, (_, i) => ({
      url: `https://host-${i % 4}.example/${i}`,
      category: i % 2 ? "data" : "ai",
    })),
  );
const callsOf = (endpoints: { urlHash: string }[], count: number, seed: number): CallEvidence[] => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const which = Math.floor(random() * random() * endpoints.length);
    const stages = ["challenge", "invoice", "delivery", "quality"] as const;
    const call = {
      endpoint: endpoints[which]!.urlHash,
      price: 5_000n as never,
      payee: `02${"ab".repeat(32)}`,
      latencyMs: 100 + which,
    };
    const stage = stages[Math.floor(random() * 4)]!;
    return someCall({ at: NOW - 40 * HOUR + Math.floor(i * 60), stage, good: random() < 0.8, attempt: i, call });
  });
};

test("bit by bit or all at once, and by two workers at a time, the beliefs are the same", async () => {
  const endpoints = await made(12);
  const calls = callsOf(endpoints, 400, 1);
  await rate();
  for (let from = 0; from < calls.length; from += 80) {
    await appendCalls(database.pool, calls.slice(from, from + 80));
    await Promise.all([rate(), rate()]);
  }
  const grown = await beliefs();
  expect(grown.every((row) => row.verdict !== null)).toBe(true);
  expect(new Set(grown.map((row) => row.probability)).size).toBeGreaterThan(6);

  await database.pool.query("DELETE FROM endpoint_belief");
  await database.pool.query("UPDATE endpoint_rating SET position = 0, changed_at = 0");
  await rate();
  expect(await beliefs()).toEqual(grown);
});

test("only what has news is rated again, with the others of its operator; and all of it after a day", async () => {
  const endpoints = await made(12);
  expect(await rate()).toMatchObject({ marked: 12, rated: 12, fitted: true });
  expect(await rate(NOW + 5)).toEqual({ marked: 0, rated: 0, fitted: false });
  await appendCalls(database.pool, [someCall({ at: NOW, call: { endpoint: endpoints[2]!.urlHash } })]);
  expect(await rate(NOW + 10)).toEqual({ marked: 1, rated: 3, fitted: false });
  const rows = await beliefs();
  const again = rows.filter((row) => row.rated_at === BigInt(NOW + 10)).map((row) => row.endpoint_id);
  expect(again).toEqual([2, 6, 10].map((i) => endpoints[i]!.id));
  // A sibling that nobody called is believed to be better than a stranger.
  expect(rows[6].probability).toBeGreaterThan(rows[5].probability + 0.02);
  expect((await rate(NOW + 86_500)).rated).toBe(12);
});

test("a hundred calls that are noted at once are a hundred observations", async () => {
  const [endpoint] = await made(1);
  const one = (i: number) =>
    appendCalls(database.pool, [someCall({ at: NOW - i, attempt: i, call: { endpoint: endpoint!.urlHash } })]);
  await Promise.all([...Array.from({ length: 100 }, (_, i) => one(i)), rate(), rate()]);
  await rate();
  expect((await beliefs())[0]).toMatchObject({ observations: 100, newest_at: BigInt(NOW) });
});

test("what the catalogue changes is taken over; what is removed is not listed", async () => {
  const [endpoint] = await made(1);
  await rate();
  const row = async () => (await database.pool.query("SELECT * FROM endpoint_belief")).rows[0];
  expect(await row()).toMatchObject({ category: "ai", listed: true, price_msat: 10_000n });
  const change =
    "UPDATE endpoint SET category = 'maps', price_msat = 7, changed_at = $1, removed_at = $2 WHERE endpoint_id = $3";
  await database.pool.query(change, [NOW + 1, null, endpoint!.id]);
  await rate(NOW + 2);
  expect(await row()).toMatchObject({ category: "maps", listed: true, price_msat: 7n });
  await database.pool.query(change, [NOW + 3, NOW + 3, endpoint!.id]);
  await rate(NOW + 4);
  expect(await row()).toMatchObject({ listed: false });
});

test("prices, payees and latencies are those of our own newest calls; a price that an invoice asks overrules the announced one", async () => {
  const [endpoint] = await made(1);
  const call = (price: bigint, latencyMs: number) => ({
    endpoint: endpoint!.urlHash,
    price: price as never,
    latencyMs,
  });
  await appendCalls(database.pool, [
    someCall({ at: NOW - 30, call: call(20_000n, 100) }),
    someCall({ at: NOW - 20, call: call(30_000n, 300) }),
    someCall({ at: NOW - 10, source: "proven", call: call(1n, 1) }),
  ]);
  await rate();
  expect((await beliefs())[0]).toMatchObject({ price_msat: 30_000n, latency_ms: 100, latency_90_ms: 300 });
});

test("an entry that no version of ours wrote is nobody's call, and does not stop the rating", async () => {
  const [endpoint] = await made(1);
  const odd = JSON.stringify([
    2,
    NOW,
    "probe",
    "x",
    "y",
    "call",
    endpoint!.urlHash,
    "GET",
    "quality",
    true,
    "OK",
    null,
    null,
    null,
  ]);
  await database.pool.query("SELECT append_evidence($1)", [[odd]]);
  await appendCalls(database.pool, [someCall({ at: NOW, call: { endpoint: endpoint!.urlHash } })]);
  await rate();
  expect((await beliefs())[0]).toMatchObject({ observations: 1 });
});

test("failing calls move the rank: it costs more, and in the end it is to be avoided", async () => {
  const [endpoint] = await made(1);
  const say = async (good: boolean, from: number) => {
    const calls = Array.from({ length: 20 }, (_, i) =>
      someCall({
        at: NOW - 100 + from + i,
        stage: good ? "quality" : "delivery",
        good,
        call: { endpoint: endpoint!.urlHash, latencyMs: 50 },
      }),
    );
    await appendCalls(database.pool, calls);
    await rate();
    return (await beliefs())[0];
  };
  const well = await say(true, 0);
  const badly = await say(false, 30);
  expect(badly.floor_cost).toBeGreaterThan(2 * well.floor_cost);
  expect([well.verdict, badly.verdict]).toEqual(["pay", "avoid"]);
});

test("a lookup of the news, of what is due and of the calls touches few rows: each goes by an index", async () => {
  await made(8);
  await rate();
  const client = await database.pool.connect();
  // With a handful of rows a scan would do; what matters is that an index can serve.
  await client.query("SET enable_seqscan = off");
  const plan = async (text: string, values: unknown[]) => {
    const { rows } = await client.query(`EXPLAIN ${text}`, values);
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  };
  const calls = `SELECT entry FROM evidence v WHERE v.kind = 'call' AND v.entry::jsonb ->> 6 = $1 AND v.entry::jsonb ->> 7 = $2
    AND v.source = $3 AND (v.entry::jsonb ->> 8 IN ('payment', 'delivery', 'quality')) = $4 AND v.position <= $5
    ORDER BY v.position DESC LIMIT 200`;
  expect(await plan(calls, ["ab".repeat(32), "GET", "probe", true, 10])).toContain("evidence_call_kind");
  const due = "SELECT DISTINCT operator_group FROM endpoint_belief WHERE marks <> rated_marks LIMIT 20";
  expect(await plan(due, [])).toContain("endpoint_belief_due");
  client.release(true);
});
