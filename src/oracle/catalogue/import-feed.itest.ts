/** Lists of endpoints on a real database: what they add, change and end, and where a reading goes on that broke off. */
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { feedTable } from "../../adapters/postgres/feed.ts";
import { utf8 } from "../../core/bytes.ts";
import type { DirectoryForm, FeedForm } from "../../core/feed/forms.ts";
import type { Counts } from "../../core/feed/funnel.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { emptyCatalogue } from "../../testing/empty-catalogue.ts";
import { importCatalogue, type RoundPorts, type RoundRules } from "./import-catalogue.ts";

const INDEX = "https://index.example/api/v1/services?protocol=L402";
const DIRECTORY = "https://directory.example/api/services";
const DAY = 86_400;
type Answer = { status?: number; headers?: [string, string][]; body?: unknown; text?: string };

let database: TestDatabase;
let clock: number;
let asked: { url: string; headers: Record<string, string> }[];
let answers: (url: URL, headers: Record<string, string>) => Answer | "down";
let pages: { form: FeedForm; counts: Counts; saved: Readonly<Record<string, number>> }[];
beforeAll(async () => {
  database = await openTestDatabase(6);
});
beforeEach(async () => {
  await emptyCatalogue(database.pool);
  clock = 1_790_000_000;
  asked = [];
  pages = [];
  answers = () => ({ status: 404 });
});
afterAll(() => database.close());

function ports(more: Partial<RoundPorts> = {}): RoundPorts {
  return {
    ...feedTable(database.pool),
    async ask({ url, headers }) {
      asked.push({ url, headers });
      const answer = answers(new URL(url), headers);
      if (answer === "down") return { ok: false, failure: { kind: "connect", detail: "" } };
      const body = utf8(answer.text ?? (answer.body === undefined ? "" : JSON.stringify(answer.body)));
      return { ok: true, answer: { status: answer.status ?? 200, headers: answer.headers ?? [], body } };
    },
    fetchEvents: async () => [],
    noteRelay: async () => undefined,
    verify: () => true,
    pause: async () => undefined,
    mayList: (url) => url.hostname.endsWith(".example"),
    now: () => unixSeconds(clock),
    imported: (form, counts, saved) => pages.push({ form, counts, saved }),
    read: () => undefined,
    relayFailed: (error) => {
      throw error;
    },
    importFailed: (error) => {
      throw error;
    },
    ...more,
  };
}
const rules = (...feeds: { url: string; form: DirectoryForm }[]): RoundRules => ({
  feeds,
  hosts: [],
  relays: [],
  everySec: DAY,
  caps: { perCycle: 50, inAll: 100 },
  signal: new AbortController().signal,
});
const index: { url: string; form: DirectoryForm } = { url: INDEX, form: "402index" };
const directory: { url: string; form: DirectoryForm } = { url: DIRECTORY, form: "l402.directory" };
const run = (given: RoundRules = rules(index), more: Partial<RoundPorts> = {}) => importCatalogue(ports(more), given);
const nextDay = () => {
  clock += DAY + 1;
};

type Service = Record<string, unknown>;
const service = (url: string, more: Service = {}): Service => ({ url, protocol: "L402", http_method: "GET", ...more });
/** A list that is given in pages, as it says itself; everybody else has no documents. */
const serve = (services: Service[]) => {
  answers = (url) => {
    if (url.host !== "index.example") return { status: 404 };
    const [offset, limit] = ["offset", "limit"].map((name) => Number(url.searchParams.get(name)));
    return { body: { services: services.slice(offset, offset! + limit!) } };
  };
};
const rows = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;
const live = async () =>
  (await rows("SELECT url FROM endpoint WHERE removed_at IS NULL ORDER BY url")).map(({ url }) => url);
const changes = async () =>
  (await rows("SELECT field, before, after, source FROM endpoint_change ORDER BY endpoint_change_id")).map(
    ({ field, before, after, source }) => [field, before, after, source],
  );
const many = (count: number, host = (n: number) => `h${n}.example`) =>
  Array.from({ length: count }, (_, n) => service(`https://${host(n)}/v1/${n}`, { price_sats: n + 1 }));

test("a list in pages is read to its end, and what it lists is held with where each field comes from", async () => {
  serve([
    service("https://weather.example/v1", { name: "Weather", category: "ai/llm", price_sats: 10, http_method: "POST" }),
    ...many(230),
  ]);
  expect(await run()).toEqual({ complete: 1 });
  expect(await live()).toHaveLength(231);
  const [weather] = await rows("SELECT * FROM endpoint WHERE host = 'weather.example'");
  expect(weather).toMatchObject({
    method: "POST",
    name: "Weather",
    category: "ai",
    price_msat: 10_000n,
    schemes: ["l402"],
  });
  expect(weather.origin).toEqual({ name: "402index", category: "402index", price: "402index", schemes: "402index" });
  expect(asked.slice(0, 4).map(({ url }) => new URL(url).searchParams.get("offset"))).toEqual([
    "0",
    "100",
    "200",
    "231",
  ]);
});

test("counters are what the database differs by, and a second reading changes nothing", async () => {
  const services = [...many(120), service("https://h3.example/v1/3"), service("ftp://x.example/"), { url: 5 }];
  serve(services);
  await run();
  const total = (name: string) => pages.reduce((sum, { saved }) => sum + (saved[name] ?? 0), 0);
  expect(total("added")).toBe((await live()).length);
  expect(total("added") + total("repeated")).toBe(pages.reduce((sum, { counts }) => sum + counts.listed, 0));
  expect(pages.reduce((sum, { counts }) => sum + Object.values(counts).reduce((a, b) => a + b), 0)).toBe(123);
  const before = await rows("SELECT * FROM endpoint ORDER BY endpoint_id");

  pages = [];
  nextDay();
  await run();
  expect(total("same")).toBe(120);
  expect(["added", "joined", "changed", "back", "capped", "moved"].map(total)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(await rows("SELECT * FROM endpoint ORDER BY endpoint_id")).toEqual(before);
  expect(await changes()).toEqual([]);
});

test("a price that changes is seen in the next reading and recorded; one that is no longer told becomes unknown", async () => {
  const at = (more: Service) => serve([service("https://a.example/", more)]);
  at({ price_sats: 10 });
  await run();
  nextDay();
  at({ price_sats: 12 });
  await run();
  nextDay();
  at({ price_sats: null });
  await run();
  expect(await rows("SELECT price_msat FROM endpoint")).toEqual([{ price_msat: null }]);
  expect(await changes()).toEqual([
    ["price", "10000", "12000", "402index"],
    ["price", "12000", null, "402index"],
  ]);
});

test("what a whole reading does not meet is gone; the endpoint is when nobody lists it, and is back when somebody does", async () => {
  const both = (services: Service[], listed: string[]) => {
    answers = (url) => {
      if (url.host === "directory.example")
        return { body: { services: [{ name: "D", endpoints: listed.map((each) => ({ url: each, method: "GET" })) }] } };
      return { body: { services: url.searchParams.get("offset") === "0" ? services : [] } };
    };
  };
  const [a, b, c] = ["https://a.example/", "https://b.example/", "https://c.example/"] as const;
  both([service(a, { name: "A" }), service(b), service(c)], [a]);
  await run(rules(index, directory));
  expect(await live()).toEqual([a, b, c]);
  expect(await rows("SELECT name FROM endpoint WHERE url = $1", [a])).toEqual([{ name: "A" }]);

  nextDay();
  both([service(c)], [a]);
  await run(rules(index, directory));
  expect(await live()).toEqual([a, c]);
  expect(await rows("SELECT name, origin FROM endpoint WHERE url = $1", [a])).toEqual([
    { name: "D", origin: { name: "l402.directory" } },
  ]);

  nextDay();
  both([service(b), service(c)], [a]);
  await run(rules(index, directory));
  expect(await live()).toEqual([a, b, c]);
  expect((await changes()).filter(([field]) => field === "listed")).toEqual([
    ["listed", true, false, "402index"],
    ["listed", false, true, "402index"],
  ]);
});

test("a list that breaks off on page 3 goes on there, and nothing is gone before it has ended", async () => {
  serve(many(50));
  await run();
  nextDay();
  const all = many(350);
  serve(all.slice(50));
  const whole = answers;
  answers = (url, headers) => (url.searchParams.get("offset") === "200" ? { status: 500 } : whole(url, headers));
  asked = [];
  expect((await run())["failed"]).toBe(1);
  expect(await live()).toHaveLength(250);

  clock += 120;
  answers = whole;
  asked = [];
  expect((await run())["complete"]).toBeGreaterThanOrEqual(1);
  const offsets = asked
    .filter(({ url }) => url.startsWith("https://index"))
    .map(({ url }) => new URL(url).searchParams.get("offset"));
  expect(offsets).toEqual(["200", "300"]);
  expect(await live()).toHaveLength(300);
});

test("a page that never comes is left out, and a reading that is not whole ends nothing", async () => {
  serve(many(250));
  await run();
  nextDay();
  serve([...many(220)]);
  const whole = answers;
  answers = (url, headers) => (url.searchParams.get("offset") === "100" ? "down" : whole(url, headers));
  for (let tries = 0; tries < 2; tries++) {
    expect((await run())["failed"]).toBe(1);
    clock += 3_600;
    asked = [];
  }
  expect((await run())["partial"]).toBe(1);
  expect(await live()).toHaveLength(250);
});

test("a list that goes in circles is left, and one that never ends as well", async () => {
  serve(many(200));
  const whole = answers;
  answers = (url, headers) => {
    if (Number(url.searchParams.get("offset")) >= 200) url.searchParams.set("offset", "100");
    return whole(url, headers);
  };
  expect((await run())["partial"]).toBe(1);
  expect(asked.filter(({ url }) => url.startsWith("https://index"))).toHaveLength(3);

  nextDay();
  let n = 0;
  answers = (url) =>
    url.host === "index.example" ? { body: { services: [service(`https://one.example/${n++}`)] } } : { status: 404 };
  asked = [];
  const ends: string[] = [];
  for (; !ends.includes("partial"); clock += 2) ends.push(...Object.keys(await run()));
  expect(ends.filter((end) => end === "continues")).toHaveLength(12);
  expect(asked.filter(({ url }) => url.startsWith("https://index"))).toHaveLength(1_200);
  expect(await rows("SELECT count(*)::int AS n FROM endpoint WHERE host = 'one.example'")).toEqual([{ n: 50 }]);
});

test("a list that is one page whatever it is asked for is whole after it", async () => {
  const all = many(130);
  answers = (url) => (url.host === "index.example" ? { body: { services: all } } : { status: 404 });
  expect((await run())["complete"]).toBeGreaterThanOrEqual(1);
  nextDay();
  all.pop();
  await run();
  expect(await live()).toHaveLength(129);
});

test("an empty or missing list is believed the third time; another form never", async () => {
  serve(many(3));
  await run();
  for (const answer of [{ body: { services: [] } }, { body: { services: [] } }]) {
    nextDay();
    answers = (url) => (url.host === "index.example" ? answer : { status: 404 });
    await run();
    expect(await live()).toHaveLength(3);
  }
  for (const answer of [{ body: { hello: 1 } }, { text: "<html>" }, { status: 404 }, { status: 503 }]) {
    nextDay();
    answers = (url) => (url.host === "index.example" ? answer : { status: 404 });
    await run();
    expect(await live()).toHaveLength(3);
  }
  nextDay();
  answers = (url) => (url.host === "index.example" ? { body: { services: [] } } : { status: 404 });
  await run();
  expect(await live()).toHaveLength(0);
});

test("a document that has not changed is not sent again, and nothing of it is gone", async () => {
  const body = { services: [{ name: "D", endpoints: [{ url: "https://a.example/", method: "GET" }] }] };
  answers = (url, headers) => {
    if (url.host !== "directory.example") return { status: 404 };
    return headers["If-None-Match"] === '"v1"' ? { status: 304 } : { body, headers: [["ETag", '"v1"']] };
  };
  await run(rules(directory));
  nextDay();
  expect((await run(rules(directory)))["unchanged"]).toBe(1);
  expect(await live()).toEqual(["https://a.example/"]);
  expect(asked.filter(({ url }) => url === DIRECTORY).map(({ headers }) => headers["If-None-Match"])).toEqual([
    undefined,
    '"v1"',
  ]);
  nextDay();
  body.services = [{ name: "E", endpoints: [{ url: "https://a.example/", method: "GET" }] }];
  answers = () => ({ body });
  await run(rules(directory));
  expect(await changes()).toEqual([["name", "D", "E", "l402.directory"]]);
});

test("of one host so many are added in a reading, and so many in all; what the host says of itself has places of its own", async () => {
  const host = () => "big.example";
  serve(many(400, host));
  const counted = async () => (await live()).length;
  await run();
  expect(await counted()).toBe(50);
  nextDay();
  await run();
  expect(await counted()).toBe(100);
  nextDay();
  const whole = answers;
  answers = (url, headers) => {
    if (url.href !== "https://big.example/.well-known/l402.json") return whole(url, headers);
    const resources = [1, 2, 3].map((n) => ({ path: `/own/${n}`, pricing: { model: "fixed", price_msat: 5 } }));
    return { body: { version: "1.0", provider: { name: "Big" }, services: [{ name: "s", resources }] } };
  };
  await run();
  expect(await counted()).toBe(103);
});

test("documents of listed hosts are read: a manifest, and the OpenAPI document it names, speak for their host alone", async () => {
  serve([service("https://api.example/v1/x", { name: "Index's", price_sats: 99 })]);
  const whole = answers;
  answers = (url, headers) => {
    if (url.href === "https://api.example/.well-known/l402.json") {
      const resources = [
        { path: "/v1/x", pricing: { model: "fixed", price_msat: 7_000 } },
        { path: "https://other.example/v1", pricing: { model: "fixed", price_msat: 1 } },
      ];
      return {
        body: {
          version: "1.0",
          provider: { name: "Api" },
          openapi: "/spec.json",
          services: [{ name: "s", resources }],
        },
      };
    }
    if (url.href === "https://api.example/spec.json")
      return {
        body: {
          openapi: "3.1.0",
          paths: {
            "/v1/x": {
              get: {
                summary: "Spec's",
                "x-l402-pricing": { model: "fixed", price_msat: 8_000 },
                responses: { "200": { content: { "application/json": { schema: { required: ["temperature"] } } } } },
              },
            },
          },
        },
      };
    return whole(url, headers);
  };
  await run();
  await run();
  expect(await rows("SELECT url, name, price_msat, promised, origin FROM endpoint")).toEqual([
    {
      url: "https://api.example/v1/x",
      name: "s",
      price_msat: 7_000n,
      promised: { contentType: "application/json", fields: ["temperature"] },
      origin: { name: "manifest", price: "manifest", provider: "manifest", schemes: "manifest", promised: "openapi" },
    },
  ]);
  expect(
    (await rows("SELECT before, after FROM endpoint_change WHERE field = 'price'")).map(({ before, after }) => [
      before,
      after,
    ]),
  ).toEqual([["99000", "7000"]]);
});

test("a list that is taken out of the settings takes with it what it alone listed", async () => {
  serve(many(5));
  await run();
  await run(rules());
  expect(await live()).toEqual([]);
  expect(await rows("SELECT feed FROM feed")).toEqual([]);
});

test("several at once import as one does", async () => {
  serve(many(300));
  await Promise.all([run(), run(), run()]);
  clock += 1_000;
  await run();
  expect(await live()).toHaveLength(300);
  expect(await rows("SELECT count(*)::int AS n FROM endpoint_listing")).toEqual([{ n: 300 }]);
});

test("whatever the order of the feeds, the catalogue is the same", async () => {
  const state = () =>
    rows(
      "SELECT url, method, name, price_msat, schemes, origin, removed_at IS NULL AS live FROM endpoint ORDER BY url, method",
    );
  const item = fc.record(
    {
      url: fc.constantFrom("https://a.example/", "https://b.example/", "https://c.example/"),
      name: fc.constantFrom("x", "y"),
      price_sats: fc.integer({ min: 1, max: 3 }),
      protocol: fc.constantFrom("L402", "x402"),
    },
    { requiredKeys: ["url"] },
  );
  const lists = fc.array(fc.array(item, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(lists, async (given) => {
      const results: unknown[] = [];
      for (const order of [[...given.keys()], [...given.keys()].reverse()]) {
        await emptyCatalogue(database.pool);
        const urls = given.map((_, n) => ({ url: `https://f${n}.example/`, form: "402index" as const }));
        answers = (url) => {
          const services = given[Number(/^f(\d)/.exec(url.host)?.[1] ?? 9)];
          return services && url.pathname === "/" && url.searchParams.get("offset") === "0"
            ? { body: { services } }
            : { body: { services: [] } };
        };
        for (const n of order) await run(rules(...order.slice(0, order.indexOf(n) + 1).map((each) => urls[each]!)));
        results.push(await state());
      }
      expect(results[1]).toEqual(results[0]);
    }),
    { numRuns: 15 },
  );
});
