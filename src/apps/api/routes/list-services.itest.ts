/** The catalogue over HTTP, on a real database: filters, pages that neither repeat nor skip, and what is unknown. */
import { Router } from "express";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { prefixLimit } from "../../../adapters/postgres/rate-limit.ts";
import { serviceTable } from "../../../adapters/postgres/service.ts";
import type { Claim } from "../../../core/endpoint/listing.ts";
import { npub } from "../../../core/nip85/key-text.ts";
import { msat } from "../../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { emptyCatalogue } from "../../../testing/empty-catalogue.ts";
import { ask } from "../../../testing/holder.ts";
import { listEndpoints, someListing } from "../../../testing/listed-endpoint.ts";
import { createEvents } from "../../events.ts";
import { createLog } from "../../log.ts";
import { mountFree } from "../operation.ts";
import { createApplication, createHttpServer } from "../server.ts";
import { listCategories, listCategoriesContract, listServices, listServicesContract } from "./list-services.ts";

const OPERATOR = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d";

let database: TestDatabase;
let origin: string;
let close: () => Promise<void>;
beforeAll(async () => {
  database = await openTestDatabase(4);
  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const router = Router();
  const takeListing = prefixLimit(database.pool, "services", 10_000).take;
  const ports = { ...serviceTable(database.pool), takeListing, events };
  mountFree(router, listServices(ports));
  mountFree(router, listCategories(ports));
  const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [router]);
  const server = createHttpServer(app, { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 5_000 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  close = () => new Promise((resolve) => server.close(() => resolve()));
});
beforeEach(() => emptyCatalogue(database.pool));
afterAll(async () => {
  await close();
  await database.close();
});

const list = (endpoints: Record<string, Claim>) =>
  listEndpoints(
    database.pool,
    Object.entries(endpoints).map(([name, claim]) => someListing(`https://${name}.example/v1`, claim)),
  );
const found = async (query: string) => {
  const { status, data } = await ask(origin, `/api/services${query}`);
  expect(status).toBe(200);
  return listServicesContract.response.parse(data);
};
const names = async (query: string) => (await found(query)).services.map(({ host }) => host.replace(".example", ""));
const sat = (amount: bigint) => msat(amount * 1_000n);

test("an endpoint is shown with whose word each field is, and what nobody says is null", async () => {
  await list({ weather: { name: "Weather", category: "data", tags: ["rain"], price: sat(5n), schemes: ["l402"] } });
  const { services } = await found("");
  expect(services[0]).toMatchObject({
    url: "https://weather.example/v1",
    method: "GET",
    name: "Weather",
    description: null,
    priceMsat: "5000",
    announcedPriceMsat: "5000",
    origin: { name: "402index", category: "402index", tags: "402index", price: "402index", schemes: "402index" },
    sources: ["402index"],
    operator: null,
    belief: null,
  });
});

test.each([
  ["?q=weather", ["a", "b", "d"]],
  ["?q=weather+paris", ["b"]],
  ["?q=weather+-paris", ["a", "d"]],
  ["?q=d.example", ["d"]],
  ["?q=rain", ["a"]],
  ["?q=%22heavy+rain%22", []],
  ["?q=%27%3B+DROP+TABLE+endpoint%3B--", []],
  ["?q=%26%7C%21%28%29%3A*", []],
  ["?category=ai", ["c"]],
  ["?category=ai%2Fllm", ["c"]],
  ["?category=AI", ["c"]],
  ["?scheme=x402", ["c"]],
  ["?scheme=l402", ["a", "c"]],
  ["?host=b.example", ["b"]],
  ["?host=B.EXAMPLE", ["b"]],
  [`?operator=${OPERATOR}`, ["d"]],
  [`?operator=${npub(OPERATOR)}`, ["d"]],
  ["?maxPriceMsat=5000", ["a"]],
  ["?maxPriceMsat=4999", []],
  ["?maxPriceMsat=5000&unknownPrice=include", ["a", "b", "d"]],
  ["?maxPriceMsat=20000&q=weather", ["a"]],
])("GET /api/services%s", async (query, expected) => {
  await list({
    a: { name: "Weather", tags: ["rain"], price: sat(5n), schemes: ["l402"] },
    b: { name: "Weather", description: "in Paris" },
    c: { category: "ai", price: sat(20n), schemes: ["l402", "x402"] },
    d: { name: "The weather" },
  });
  await database.pool.query("UPDATE endpoint SET operator = $1 WHERE host = 'd.example'", [OPERATOR]);
  expect(await names(query)).toEqual(expected);
});

test("endpoints that only an unknown price keeps out are counted", async () => {
  await list({ a: { price: sat(5n) }, b: {}, c: { category: "ai" } });
  expect((await found("?maxPriceMsat=9000")).unknownPriceCount).toBe(2);
  expect((await found("?maxPriceMsat=9000&category=ai")).unknownPriceCount).toBe(1);
  expect((await found("")).unknownPriceCount).toBeNull();
});

test("what invoices ask goes before what is announced, and what is removed is not shown", async () => {
  await list({ liar: { price: sat(1n) }, gone: {} });
  await database.pool.query("UPDATE endpoint SET removed_at = 1 WHERE host = 'gone.example'");
  await database.pool.query(
    `INSERT INTO endpoint_belief (endpoint_id, catalogue_at, listed, search, host, operator_group, price_msat, rated_at, verdict,
       probability, low, high, observations, newest_at)
     SELECT endpoint_id, 1, true, search, host, host, 90000, 1, 'caution', 0.5, 0.25, 0.75, 4, 1790000000 FROM endpoint WHERE host = 'liar.example'`,
  );
  const { services } = await found("");
  expect(
    services.map(({ host, priceMsat, announcedPriceMsat, belief }) => [host, priceMsat, announcedPriceMsat, belief]),
  ).toEqual([
    [
      "liar.example",
      "90000",
      "1000",
      { probability: 0.5, low: 0.25, high: 0.75, observations: 4, newestAt: 1_790_000_000 },
    ],
  ]);
  expect(await names("?maxPriceMsat=1000")).toEqual([]);
});

test("pages give each endpoint once, in the same order, whatever the page and whatever changes meanwhile", async () => {
  const claims = Array.from(
    { length: 57 },
    (_, n) => [`h${n}`, { name: n % 2 ? "odd" : "even", price: sat(1n) }] as const,
  );
  await list(Object.fromEntries(claims));
  const all = await names("?limit=100&q=odd");
  expect(all).toHaveLength(28);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 30 }), async (limit) => {
      const seen: string[] = [];
      for (let cursor: string | null = "0"; cursor !== null; ) {
        const page = await found(`?limit=${limit}&q=odd&cursor=${cursor}`);
        expect(page.services.length).toBeLessThanOrEqual(limit);
        seen.push(...page.services.map(({ host }) => host.replace(".example", "")));
        cursor = page.nextCursor;
        await database.pool.query("UPDATE endpoint SET changed_at = changed_at + 1, name = name WHERE random() < 0.5");
      }
      expect(seen).toEqual(all);
    }),
    { numRuns: 8 },
  );
});

test("who holds the answer already is told so", async () => {
  await list({ a: {} });
  const first = await ask(origin, "/api/services");
  const etag = first.headers.get("etag")!;
  expect(etag).toMatch(/^"[\w-]{27}"$/);
  const headers = { "If-None-Match": `"x", W/${etag}` };
  expect((await ask(origin, "/api/services", undefined, { headers })).status).toBe(304);
  await list({ b: {} });
  expect((await ask(origin, "/api/services", undefined, { headers })).status).toBe(200);
});

test("categories are counted, those without one as well", async () => {
  await list({ a: { category: "ai" }, b: { category: "ai" }, c: { category: "data" }, d: {} });
  const { data } = await ask(origin, "/api/services/categories");
  expect(listCategoriesContract.response.parse(data).categories).toEqual([
    { category: "ai", count: 2 },
    { category: "data", count: 1 },
    { category: null, count: 1 },
  ]);
});

test.each([
  "?limit=0",
  "?limit=101",
  "?limit=x",
  "?cursor=-1",
  "?cursor=1e3",
  "?cursor=9999999999999999999",
  "?q=",
  "?q=%00",
  "?category=%00",
  "?category=1",
  "?maxPriceMsat=-1",
  "?maxPriceMsat=NaN",
  "?maxPriceMsat=1e3",
  "?maxPriceMsat=9999999999999999999",
  "?unknownPrice=maybe",
  "?scheme=lightning",
  "?operator=abc",
  "?nonsense=1",
  "?q=a&q=b",
])("GET /api/services%s is refused", async (query) => {
  const { status, code } = await ask(origin, `/api/services${query}`);
  expect([status, code]).toEqual([400, "VALIDATION_FAILED"]);
});

test("every filter uses an index over many endpoints", async () => {
  for (let part = 0; part < 5; part++)
    await database.pool.query(
      `INSERT INTO endpoint (url, url_hash, method, host, category, operator, listed_at, changed_at)
       SELECT u, encode(sha256(convert_to(u, 'UTF8')), 'hex'), 'GET', 'h' || n || '.example', 'c' || n % 500, md5(n::text) || md5(n::text), 1, 1
       FROM (SELECT 'https://h' || n || '.example/' AS u, n FROM generate_series($1::int, $1::int + 3999) n) many`,
      [part * 4_000],
    );
  await database.pool.query("ANALYZE endpoint");
  const plan = async (condition: string) => {
    const text = `EXPLAIN SELECT * FROM endpoint e WHERE removed_at IS NULL AND endpoint_id > 0 AND ${condition} ORDER BY endpoint_id LIMIT 21`;
    return (await database.pool.query(text)).rows.map((row) => row["QUERY PLAN"]).join("\n");
  };
  for (const condition of [
    "category = 'c7'",
    "host = 'h7.example'",
    "operator = repeat('ab', 32)",
    "search @@ websearch_to_tsquery('simple', 'h77')",
    "true",
  ])
    expect(await plan(condition)).not.toContain("Seq Scan");
});
