/** Services, bought over HTTP: the catalogue, calls and beliefs in a real database, the real verdict thread, a fake LND. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { endpointBeliefTable } from "../../../adapters/postgres/endpoint-belief.ts";
import { endpointChoiceTable } from "../../../adapters/postgres/endpoint-choice.ts";
import { endpointDetailTable } from "../../../adapters/postgres/endpoint-detail.ts";
import { endpointModelTable } from "../../../adapters/postgres/endpoint-model.ts";
import { endpointProfileTable } from "../../../adapters/postgres/endpoint-profile.ts";
import { appendCalls, evidenceTable } from "../../../adapters/postgres/evidence.ts";
import { graphTables } from "../../../adapters/postgres/graph.ts";
import { graphVersions } from "../../../adapters/postgres/graph-version.ts";
import { appendPredictions } from "../../../adapters/postgres/prediction.ts";
import { replyTable } from "../../../adapters/postgres/reply.ts";
import type { CallEvidence } from "../../../core/evidence/call.ts";
import { graphFromRecords } from "../../../core/graph/records.ts";
import type { Prediction } from "../../../core/prediction/prediction.ts";
import { msat, unixSeconds } from "../../../core/units.ts";
import { rateEndpoints } from "../../../oracle/trust/rate-endpoints.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { holderOn, type Owned } from "../../../testing/holder.ts";
import { someCall } from "../../../testing/some-call.ts";
import { insertEndpoints } from "../../../testing/some-endpoints.ts";
import { storeGraph } from "../../../testing/store-graph.ts";
import { syntheticGraph } from "../../../testing/synthetic-graph.ts";
import { startTollApi, type Toll } from "../../../testing/toll-api.ts";
import { now } from "../../clock.ts";
import { createEvents } from "../../events.ts";
import { createLog } from "../../log.ts";
import type { Admitted } from "../l402-gate.ts";
import { watchVerdicts } from "../verdicts.ts";
import { getService, getServiceContract } from "./get-service.ts";
import { resolveIntent, resolveIntentContract } from "./resolve-intent.ts";

const { nodes, channels } = syntheticGraph({ nodes: 120, channels: 500, seed: 6 });
const { graph } = graphFromRecords(nodes, channels);
const keys = nodes.map(({ key }) => key);
const HOUR = 3_600;

let database: TestDatabase;
let verdicts: ReturnType<typeof watchVerdicts>;
let api: Toll;
let holder: ReturnType<typeof holderOn>;
let owned: Owned;
let endpoints: { id: bigint; urlHash: string }[];
const recorded: Prediction[] = [];
const told: { admitted: Admitted; endpointIds: readonly bigint[] }[] = [];
const stop = new AbortController();

const rate = () => {
  const beliefs = endpointBeliefTable(database.pool);
  const ports = { ...beliefs, ...endpointModelTable(database.pool, beliefs) };
  return rateEndpoints(ports, { now, until: unixSeconds(now() + 60), signal: stop.signal });
};
const call = (
  which: number,
  said: Partial<Parameters<typeof someCall>[0]>,
  price = 10_000n,
  latencyMs = 200,
): CallEvidence =>
  someCall({
    at: now() - HOUR,
    ...said,
    call: { endpoint: endpoints[which]!.urlHash, price: msat(price), payee: keys[which]!, latencyMs },
  });
const times = (count: number, one: () => CallEvidence) => Array.from({ length: count }, one);

beforeAll(async () => {
  database = await openTestDatabase(10);
  await storeGraph(database.pool, graph);
  endpoints = await insertEndpoints(database.pool, [
    { url: "https://good.example/v1", name: "Weather here", category: "data", operator: "ab".repeat(32) },
    { url: "https://dear.example/v1", name: "Weather there", category: "data" },
    { url: "https://broken.example/v1", name: "Weather nowhere", category: "data" },
    { url: "https://new.example/v1", name: "Weather soon", category: "data", priceMsat: 9_000n },
    { url: "https://free-of-price.example/v1", name: "Prices", category: "data", priceMsat: null },
    { url: "https://two.example/v1", method: "GET", category: "ai" },
    { url: "https://two.example/v1", method: "POST", category: "ai" },
  ]);
  const change = `INSERT INTO endpoint_change (endpoint_id, changed_at, field, before, after, source)
    VALUES ($1, 1000, 'price_msat', '9000', '10000', 'manifest')`;
  await database.pool.query(change, [endpoints[0]!.id]);
  const listing = `INSERT INTO endpoint_listing (endpoint_id, source, reference, feed, run, claim, first_seen_at, seen_at)
    VALUES ($1, 'manifest', 'https://good.example/.well-known/l402.json', 'https://good.example/.well-known/l402.json', 1, '{"name": "Weather here"}', 900, 1000)`;
  await database.pool.query(listing, [endpoints[0]!.id]);
  await appendCalls(database.pool, [
    ...times(20, () => call(0, {})),
    ...times(20, () => call(1, {}, 100_000n)),
    ...times(20, () => call(2, { stage: "delivery", good: false })),
    call(0, { source: "signed", stage: "challenge" }),
  ]);
  await rate();

  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const source = { ...graphVersions(database.pool), evidence: evidenceTable(database.pool), now, events };
  verdicts = watchVerdicts(source, stop.signal);
  await vi.waitFor(() => expect(verdicts.ready()).toBe(true), { timeout: 30_000 });
  const { find } = graphTables(database.pool);
  const record = (prediction: Prediction) => void recorded.push(prediction);
  const services = {
    ...endpointChoiceTable(database.pool, database.pool),
    ...endpointDetailTable(database.pool),
    find,
    approach: verdicts.approach,
    random: () => 0,
    record,
    noteAsked: (admitted: Admitted, endpointIds: readonly bigint[]) => void told.push({ admitted, endpointIds }),
  };
  const intent = resolveIntent({ find, ...verdicts, services, record, now }, msat(1_000n));
  const profile = getService(
    { ...endpointProfileTable(database.pool), ...replyTable(database.pool), now },
    msat(1_000n),
  );
  api = await startTollApi(database.pool, { operations: [intent, profile] as never });
  holder = holderOn(api);
  owned = await holder.deposit(500);
});
afterAll(async () => {
  stop.abort();
  await api.close();
  await verdicts.close();
  await database.close();
});

const ask = (body: object) => holder.ask("/api/intent", owned, { body });
const balance = async () => BigInt((await holder.ask("/api/balance", owned)).data.account.balanceMsat);
const urls = (data: { candidates: { url: string }[] }) =>
  data.candidates.map(({ url }) => new URL(url).host.split(".")[0]);

test("without a token it is offered; with one, the cheapest good answer comes first and what fails is not offered", async () => {
  expect((await holder.ask("/api/intent", undefined, { body: { category: "data" } })).status).toBe(402);
  const before = await balance();
  const { status, data } = await ask({ category: "data" });
  expect(status).toBe(200);
  expect(before - (await balance())).toBe(1_000n);
  expect(resolveIntentContract.response.parse(data)).toEqual(data);
  expect(urls(data)).toEqual(["good", "dear", "new"]);
  expect(data.counts).toEqual({
    matched: 5,
    matchedIsMore: false,
    dropped: { notRated: 0, avoid: 1, priceUnknown: 1, overBudget: 0, latencyUnknown: 0, tooSlow: 0 },
    repeats: 0,
  });
  const [good] = data.candidates;
  expect(good).toMatchObject({
    priceMsat: "10000",
    method: "GET",
    operator: "ab".repeat(32),
    sources: ["manifest"],
    observations: 21,
    latencyMs: 200,
  });
  expect(good.stages.delivery).toMatchObject({ measured: true });
  expect(BigInt(good.expectedCostMsat)).toBeGreaterThan(10_000n);
  expect(good.reasons[0].code).toBe("weakest-stage");
});

test("the first candidate's probability is logged, and says nothing of who asked", async () => {
  recorded.length = 0;
  const { data } = await ask({ category: "data", caller: keys[50] });
  const [{ predictionId, target, kind, probability }] = recorded as [Prediction];
  expect(predictionId).toBe(data.predictionId);
  expect([kind, target, probability]).toEqual(["call", `${endpoints[0]!.urlHash} GET`, data.candidates[0].probability]);
  expect(JSON.stringify(recorded[0], (_, value) => (typeof value === "bigint" ? String(value) : value))).not.toContain(
    keys[50],
  );
  await appendPredictions(database.pool, recorded);
  const { rows } = await database.pool.query("SELECT kind, target FROM prediction");
  expect(rows).toEqual([{ kind: "call", target: `${endpoints[0]!.urlHash} GET` }]);
  const forged = { ...recorded[0]!, predictionId: "x", target: keys[0]! };
  await expect(appendPredictions(database.pool, [forged])).rejects.toThrow(/prediction_target_check/);
});

test("whom we told is noted, so that it may report", async () => {
  told.length = 0;
  await ask({ keywords: ["weather", "here"] });
  expect(told).toEqual([
    {
      admitted: expect.objectContaining({ by: "charge", tokenId: expect.any(Uint8Array) }),
      endpointIds: [endpoints[0]!.id],
    },
  ]);
});

test("each thing that is asked for changes the answer", async () => {
  const of = async (body: object) => urls((await ask(body)).data);
  const all = await of({ category: "data" });
  expect(await of({ keywords: ["there"] })).toEqual(["dear"]);
  expect(await of({ category: "ai" })).not.toEqual(all);
  expect(await of({ category: "data", budgetSat: 50 })).toEqual(["good", "new"]);
  expect(await of({ category: "data", maxLatencyMs: 100, explore: false })).toEqual([]);
  expect(await of({ category: "data", maxLatencyMs: 100, includeUnknown: true, explore: false })).toEqual([
    "new",
    "free-of-price",
  ]);
  expect(await of({ category: "data", limit: 1, explore: false })).toEqual(["good"]);
  expect(await of({ category: "data", includeUnknown: true })).toContain("free-of-price");
});

test("for a caller, its own way to the payee counts", async () => {
  const seen = new Set<string>();
  for (const caller of keys.slice(40, 60)) {
    const { data } = await ask({ category: "data", caller });
    expect(data.caller).toBe(caller);
    const [first] = data.candidates;
    expect(first.reach.probability).toBeGreaterThanOrEqual(first.reach.interval.low);
    seen.add(first.expectedCostMsat);
  }
  expect(seen.size).toBeGreaterThan(3);
  const { data } = await ask({ category: "data", caller: `02${"7".repeat(64)}` });
  expect([data.caller, data.candidates[0].reach]).toEqual([null, null]);
});

test.each([
  { body: { category: "nothing-like-it" }, status: 404, code: "SUBJECT_UNKNOWN" },
  { body: { keywords: ["weather", "nonsense"] }, status: 404, code: "SUBJECT_UNKNOWN" },
  { body: { category: "data", caller: "zz" }, status: 400, code: "SUBJECT_MALFORMED" },
  { body: { category: "data", limit: 0 }, status: 400, code: "VALIDATION_FAILED" },
  { body: { category: "data", color: "red" }, status: 400, code: "VALIDATION_FAILED" },
  { body: {}, status: 400, code: "VALIDATION_FAILED" },
  { body: { category: "data'; DROP TABLE endpoint; --" }, status: 400, code: "VALIDATION_FAILED" },
])("$body is refused with $code, and costs nothing", async ({ body, status, code }) => {
  const before = await balance();
  const refused = await ask(body);
  expect([refused.status, refused.code]).toEqual([status, code]);
  expect(await balance()).toBe(before);
});

test("a keyword is a word, whatever is in it", async () => {
  for (const odd of ["weather & !here", "here | there", "it's:*", "\\weather\\", "%weather%"]) {
    const { status } = await ask({ keywords: [odd] });
    expect([200, 404]).toContain(status);
  }
});

test("failing calls move the rank of what came first, at once", async () => {
  expect(urls((await ask({ category: "data", explore: false })).data)[0]).toBe("good");
  await appendCalls(
    database.pool,
    times(30, () => call(0, { at: now(), stage: "delivery", good: false })),
  );
  await rate();
  const { data } = await ask({ category: "data", explore: false });
  expect(urls(data)).not.toContain("good");
  expect(data.counts.dropped.avoid).toBe(2);
});

test("the profile of an endpoint has everything about it", async () => {
  const { status, data } = await holder.ask(`/api/services/${endpoints[0]!.urlHash}`, owned);
  expect(status).toBe(200);
  expect(getServiceContract.response.parse(data)).toEqual(data);
  expect(data).toMatchObject({
    url: "https://good.example/v1",
    listed: true,
    verdict: "avoid",
    operator: { key: "ab".repeat(32), endpoints: 1, reply: null, disputes: [] },
  });
  expect(data.evidence.bySource).toEqual({ probe: 50, proven: 0, holder: 0, signed: 1 });
  expect(data.stages.delivery.seen.bad).toBeGreaterThan(data.stages.delivery.seen.good);
  expect(data.calls).toHaveLength(50);
  expect(data.calls[0]).toMatchObject({ stage: "delivery", good: false, priceMsat: "10000", payee: keys[0] });
  expect(data.changes).toEqual([
    { changedAt: 1_000, field: "price_msat", before: 9_000, after: 10_000, source: "manifest" },
  ]);
  expect(data.listings).toMatchObject([{ source: "manifest", claim: { name: "Weather here" }, goneAt: null }]);
  expect(data.belief.head).toMatch(/^[0-9a-f]{64}$/);
  expect(data.lastLook).toBeNull();

  const { id } = endpoints[0]!;
  const look = `INSERT INTO endpoint_probe (attempt, job_id, endpoint_id, may_pay, started_at, state, ended_at, stage, verdict, code, schemes)
    VALUES ($1, gen_random_uuid(), $2, false, $3, 'ended', $3, 'challenge', 'unknown', 'OTHER_SCHEME', $4)`;
  await database.pool.query(look, ["cd".repeat(32), id, 1_900, ["l402"]]);
  await database.pool.query(look, ["ef".repeat(32), id, 1_950, ["x402", "cashu"]]);
  const reply = "INSERT INTO endpoint_reply (endpoint_id, operator, text, written_at) VALUES ($1, $2, $3, $4)";
  await database.pool.query(reply, [id, "ab".repeat(32), "We moved house.", 2_000]);
  const dispute =
    "INSERT INTO endpoint_dispute (attempt, endpoint_id, operator, text, disputed_at) VALUES ($1, $2, $3, $4, $5)";
  await database.pool.query(dispute, [data.calls[0].attempt, id, "ab".repeat(32), "It was answered.", 2_100]);
  const answered = (await holder.ask(`/api/services/${endpoints[0]!.urlHash}`, owned)).data;
  expect(answered.operator).toMatchObject({
    reply: { text: "We moved house.", at: 2_000 },
    disputes: [{ attempt: data.calls[0].attempt, text: "It was answered." }],
  });
  const lastLook = {
    at: 1_950,
    stage: "challenge",
    verdict: "unknown",
    code: "OTHER_SCHEME",
    schemes: ["x402", "cashu"],
  };
  expect(answered.lastLook).toEqual(lastLook);
  await database.pool.query(reply, [id, "ab".repeat(32), null, 3_000]);
  expect((await holder.ask(`/api/services/${endpoints[0]!.urlHash}`, owned)).data.operator.reply).toBeNull();
});

test("a URL that two methods call is one of them, when it is said which", async () => {
  const id = endpoints[5]!.urlHash;
  const before = await balance();
  expect((await holder.ask(`/api/services/${id}`, owned)).code).toBe("SUBJECT_AMBIGUOUS");
  expect((await holder.ask(`/api/services/${id}?method=PUT`, owned)).code).toBe("SUBJECT_UNKNOWN");
  expect((await holder.ask(`/api/services/${id}?method=HEAD`, owned)).code).toBe("VALIDATION_FAILED");
  expect((await holder.ask("/api/services/zz", owned)).code).toBe("VALIDATION_FAILED");
  expect(await balance()).toBe(before);
  expect((await holder.ask(`/api/services/${id.toUpperCase()}?method=POST`, owned)).data).toMatchObject({
    id,
    method: "POST",
  });
});
