/**
 * Documents that were made to harm, each with what exactly becomes of it. A good item stands beside each bad one: nothing that
 * is wrong with an item may cost its neighbour.
 */
import { expect, test } from "vitest";
import { utf8 } from "../bytes.ts";
import type { Claim } from "../endpoint/listing.ts";
import { isPublicName } from "../endpoint/public-host.ts";
import { unixSeconds } from "../units.ts";
import { readDocument } from "./document.ts";
import { type DocumentForm, readForm } from "./forms.ts";
import { type FeedContext, OUTCOMES, type Outcome, type Reading } from "./funnel.ts";

const NOW = unixSeconds(1_790_000_000);
const context = (url: string): FeedContext => ({ url, now: NOW, mayList: ({ hostname }) => isPublicName(hostname) });
const read = (form: DocumentForm, text: string | Uint8Array, url = "https://own.example/doc") =>
  readForm(form, readDocument(typeof text === "string" ? utf8(text) : text), context(url));

/** Counts that are not zero; their sum is always the number of items. */
function seen(reading: Reading | undefined): Partial<Record<Outcome, number>> | undefined {
  if (!reading) return undefined;
  const counts = Object.fromEntries(
    OUTCOMES.flatMap((name) => (reading.counts[name] > 0 ? [[name, reading.counts[name]]] : [])),
  );
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(reading.items);
  expect(reading.listings).toHaveLength((counts["listed"] ?? 0) + (counts["other_scheme"] ?? 0));
  return counts;
}
const claims = (reading: Reading | undefined): Claim[] => reading!.listings.map(({ claim }) => claim);

const GOOD = '{"url":"https://good.example/","protocol":"L402"}';
const index = (...items: string[]) => read("402index", `{"services":[${[...items, GOOD].join(",")}]}`);
const item = (members: string) => `{"url":"https://api.example/v1","protocol":"L402",${members}}`;

test.each<[string, string, Outcome]>([
  ["no object", "5", "malformed"],
  ["null", "null", "malformed"],
  ["a list", '["https://api.example/"]', "malformed"],
  ["no URL", '{"name":"x"}', "malformed"],
  ["a URL that is a number", '{"url":5}', "malformed"],
  ["a URL that is an object", '{"url":{"toString":"https://api.example/"}}', "malformed"],
  ["blanks for a URL", '{"url":"   "}', "malformed"],
  ["a path for a URL", '{"url":"/v1"}', "malformed"],
  ["a URL with a NUL in its host", '{"url":"https://a\\u0000b.example/"}', "malformed"],
  ["javascript", '{"url":"javascript:alert(1)"}', "malformed"],
  ["a file", '{"url":"file:///etc/passwd"}', "malformed"],
  ["ftp", '{"url":"ftp://api.example/"}', "unsafe_url"],
  ["a user", '{"url":"https://user@api.example/"}', "unsafe_url"],
  ["a host in the place of a user", '{"url":"https://api.example@evil.example/"}', "unsafe_url"],
  ["ten megabytes of URL", `{"url":"https://api.example/${"a".repeat(10_000_000)}"}`, "unsafe_url"],
  ["this machine", '{"url":"http://localhost/"}', "unsafe_url"],
  ["this machine with a final dot", '{"url":"http://localhost./"}', "unsafe_url"],
  ["127.0.0.1", '{"url":"http://127.0.0.1/"}', "unsafe_url"],
  ["127.0.0.1 as a number", '{"url":"http://2130706433/"}', "unsafe_url"],
  ["127.0.0.1 in hex", '{"url":"http://0x7f000001/"}', "unsafe_url"],
  ["127.1", '{"url":"http://127.1/"}', "unsafe_url"],
  ["127.0.0.1 in full-width digits", '{"url":"http://\\uff11\\uff12\\uff17.0.0.1/"}', "unsafe_url"],
  ["127.0.0.1 with a circled dot", '{"url":"http://127\\u30020\\u30020\\u30021/"}', "unsafe_url"],
  ["[::1]", '{"url":"http://[::1]/"}', "unsafe_url"],
  ["a mapped address", '{"url":"http://[::ffff:10.0.0.1]/"}', "unsafe_url"],
  ["a cloud's metadata", '{"url":"http://169.254.169.254/latest/meta-data"}', "unsafe_url"],
  ["a name inside", '{"url":"http://db.internal/"}', "unsafe_url"],
  ["a name without a dot", '{"url":"https://postgres/"}', "unsafe_url"],
  ["a host of 300 characters", `{"url":"https://${"a.".repeat(150)}example/"}`, "unsafe_url"],
  ["a placeholder", '{"url":"https://api.example/{id}"}', "templated"],
  ["a hidden placeholder", '{"url":"https://api.example/%7bid%7d"}', "templated"],
  ["a colon's placeholder", '{"url":"https://api.example/users/:id"}', "templated"],
  ["a method that nobody pays with", item('"http_method":"TRACE"'), "malformed"],
  ["a method that is a list", item('"http_method":["GET"]'), "malformed"],
  ["another protocol", '{"url":"https://api.example/","protocol":"HTTP"}', "not_l402"],
  ["no payment at all", item('"price_sats":0'), "free"],
  ["less than nothing, and no payment", item('"price_sats":-0'), "free"],
  ["the neighbour once more", GOOD, "duplicate"],
  ["the neighbour in another spelling", '{"url":"HTTPS://GOOD.EXAMPLE:443/#x","protocol":"L402"}', "duplicate"],
])("402index: an item with %s", (_what, text, outcome) => {
  expect(seen(index(text))).toEqual({ listed: 1, [outcome]: 1 });
});

test.each([
  ["a text", '"10"'],
  ["a fraction", "0.5"],
  ["below zero", "-1"],
  ["1e400", "1e400"],
  ["-1e400", "-1e400"],
  ["more than is exact", "9007199254740993"],
  ["more than all bitcoin", "2100000000000001"],
  ["null", "null"],
  ["true", "true"],
  ["a list of one", "[5]"],
  ["an object", '{"valueOf":5}'],
])("a price that is %s is unknown, and never 0", (_what, price) => {
  const [first] = claims(index(item(`"price_sats":${price}`)));
  expect(first).toEqual({ schemes: ["l402"] });
});

test("NaN and other things that are no JSON are no document", () => {
  for (const text of [
    '{"services":[{"price_sats":NaN}]}',
    "{'services':[]}",
    '{"services":[],}',
    "",
    "\ufeff\ufeff{}",
    "<html>",
    "{",
  ])
    expect(read("402index", text)).toBeUndefined();
});

test("invalid UTF-8 is no document; a byte order mark is none of the text", () => {
  expect(read("402index", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]))).toBeUndefined();
  expect(read("402index", new Uint8Array([0xc0, 0xaf]))).toBeUndefined();
  expect(seen(read("402index", `\ufeff{"services":[${GOOD}]}`))).toEqual({ listed: 1 });
});

test.each([65, 1_000, 100_000, 2_000_000])("a document nested %d deep is none", (depth) => {
  expect(read("402index", `{"services":[],"x":${"[".repeat(depth)}${"]".repeat(depth)}}`)).toBeUndefined();
});

test("brackets inside of texts do not count as depth", () => {
  const text = JSON.stringify({ services: [{ url: "https://good.example/", name: `"${"[{".repeat(200)}\\` }] });
  expect(seen(read("402index", text))).toEqual({ listed: 1 });
});

test("a hundred thousand services are cut at 5,000, and every one is counted", () => {
  const services = Array.from({ length: 100_000 }, (_, n) => `{"url":"https://h${n}.example/"}`);
  expect(seen(read("402index", `{"services":[${services.join(",")}]}`))).toEqual({ listed: 5_000, over_cap: 95_000 });
});

test("a hundred thousand times the same one is one", () => {
  const services = Array.from({ length: 100_000 }, () => GOOD);
  expect(seen(read("402index", `{"services":[${services.join(",")}]}`))).toEqual({
    listed: 1,
    duplicate: 4_999,
    over_cap: 95_000,
  });
});

test.each([
  ["__proto__", '"__proto__":{"name":"evil","price_sats":1}'],
  ["constructor", '"constructor":{"prototype":{"name":"evil"}}'],
  ["twice the same name, of which the last counts", '"name":"first","name":"Weather"'],
])("%s changes nobody else's values", (_what, members) => {
  const [first, good] = claims(index(item(members)));
  expect(good).toEqual({ schemes: ["l402"] });
  expect(first).toEqual(members.includes("Weather") ? { name: "Weather", schemes: ["l402"] } : { schemes: ["l402"] });
  expect(({} as Record<string, unknown>)["name"]).toBeUndefined();
});

test("a document whose members stand on its prototype has none of them", () => {
  expect(read("402index", `{"__proto__":{"services":[${GOOD}]}}`)).toBeUndefined();
});

test.each([
  ["controls and line ends", "a\\u0000b\\nc\\u001b[31md", "a b c [31md"],
  ["a turned line", "safe\\u202etxt.exe", "safe txt.exe"],
  ["zero-width characters", "pay\\u200bpal", "pay pal"],
  ["a lone surrogate", "a\\ud800b", "a b"],
  ["letters that are put together", "e\\u0301", "\u00e9"],
  ["blanks alone", " \\u00a0 \\t ", undefined],
  ["ten megabytes", "x".repeat(10_000_000), "x".repeat(200)],
  ["a cut through a pair", "\\ud83d\\ude00".repeat(300), "\u{1f600}".repeat(200)],
])("a name with %s", (_what, name, shown) => {
  expect(claims(index(item(`"name":"${name}"`)))[0]!.name).toBe(shown);
});

test("a host that looks like another one is shown as what it is", () => {
  const reading = index('{"url":"https://\\u0430pi.example/","protocol":"L402"}');
  expect(reading!.listings[0]!.endpoint.host).toBe("xn--pi-6kc.example");
});

test("a category that is none is absent, and known other names are one", () => {
  const categories = [
    '"<script>"',
    '"AI/LLM"',
    '"lightning"',
    '"earn/faucet"',
    '"a b & c"',
    "5",
    `"${"a".repeat(1_000_000)}"`,
  ];
  const found = categories.map((name) => claims(index(item(`"category":${name}`)))[0]!.category);
  expect(found).toEqual([undefined, "ai", "bitcoin", "earn", "a-b-c", undefined, undefined]);
});

test("an endpoint that offers several ways is listed with all, whatever the list calls first", () => {
  const url = '"url":"https://both.example/"';
  for (const items of [
    [`{${url},"protocol":"L402"}`, `{${url},"protocol":"x402"}`],
    [`{${url},"protocol":"x402"}`, `{${url},"protocol":"L402"}`],
    [`{${url},"protocol":"x402, L402"}`],
  ]) {
    const reading = index(...items);
    expect([...reading!.listings[0]!.claim.schemes!].sort()).toEqual(["l402", "x402"]);
  }
  expect(seen(index(`{${url},"protocol":"x402"}`))).toEqual({ listed: 1, other_scheme: 1 });
});

const directory = (service: object) =>
  read("l402.directory", JSON.stringify({ services: [service, { endpoints: [{ url: "https://good.example/" }] }] }));
const endpoints = [
  { url: "https://a.example/" },
  { url: "https://b.example/", pricing: { amount: 5, currency: "sats" } },
];

test.each<[string, object, Partial<Record<Outcome, number>>]>([
  ["that is live", { status: "live", endpoints }, { listed: 3 }],
  ["that waits", { status: "pending", endpoints }, { listed: 1, withdrawn: 2 }],
  ["whose status is no text", { status: ["live"], endpoints }, { listed: 1, withdrawn: 2 }],
  ["that has expired", { expires_at: "2020-01-01T00:00:00Z", endpoints }, { listed: 1, withdrawn: 2 }],
  ["that expires in a form that nobody knows", { expires_at: "tomorrow", endpoints }, { listed: 3 }],
  ["without endpoints", { endpoints: [] }, { listed: 1, malformed: 1 }],
  ["with endpoints that are a text", { endpoints: "https://a.example/" }, { listed: 1, malformed: 1 }],
  ["with a template", { endpoints: [{ url: "https://a.example/{x}" }] }, { listed: 1, templated: 1 }],
  [
    "that is free",
    { endpoints: [{ url: "https://a.example/", pricing: { amount: 0, currency: "sats" } }] },
    { listed: 1, free: 1 },
  ],
  ["that takes money of another kind", { payment_methods: ["x402"], endpoints }, { listed: 1, other_scheme: 2 }],
  ["that takes a card", { payment_methods: ["card"], endpoints }, { listed: 1, not_l402: 2 }],
])("l402.directory: a service %s", (_what, service, counts) => {
  expect(seen(directory(service))).toEqual(counts);
});

test.each<[object, bigint | undefined]>([
  [{ amount: 5, currency: "sats" }, 5_000n],
  [{ amount: 5, currency: "MSAT", model: "per_request" }, 5n],
  [{ amount: 5, currency: "USD" }, undefined],
  [{ amount: 5 }, undefined],
  [{ amount: 5, currency: "sats", model: "subscription" }, undefined],
  [{ amount: "5", currency: "sats" }, undefined],
])("l402.directory: the pricing %j", (pricing, price) => {
  expect(claims(directory({ endpoints: [{ url: "https://a.example/", pricing }] }))[0]!.price).toBe(price);
});

const OWN = "https://own.example/.well-known/l402.json";
const good = { path: "/good" };
const manifest = (resources: unknown[], more: object = {}) =>
  read(
    "l402.json",
    JSON.stringify({
      version: "1.0",
      provider: { name: "P" },
      services: [{ name: "s", resources: [...resources, good] }],
      ...more,
    }),
    OWN,
  );

test.each<[string, unknown, Outcome]>([
  ["another host", { path: "https://victim.example/v1", pricing: { model: "fixed", price_msat: 1 } }, "foreign_host"],
  ["another host without a scheme", { path: "//victim.example/v1" }, "foreign_host"],
  ["another host behind backslashes", { path: "\\\\victim.example\\v1" }, "templated"],
  ["another port of the host", { path: "https://own.example:8443/v1" }, "foreign_host"],
  ["a host below it", { path: "https://sub.own.example/v1" }, "foreign_host"],
  ["a host that ends like it", { path: "https://notown.example/v1" }, "foreign_host"],
  ["a regular expression", { path: "^/v1/.*$" }, "templated"],
  ["a wildcard", { path: "/v1/*" }, "templated"],
  ["a placeholder", { path: "/v1/{id}" }, "templated"],
  ["javascript", { path: "javascript:alert(1)" }, "templated"],
  ["a data URL", { path: "data:text/html,x" }, "malformed"],
  ["no path", {}, "malformed"],
  ["a method that is none", { path: "/v1", method: "EAT" }, "malformed"],
  ["a way up and back to itself", { path: "/a/../good" }, "duplicate"],
])("l402.json: a resource with %s", (_what, resource, outcome) => {
  expect(seen(manifest([resource]))).toEqual({ listed: 1, [outcome]: 1 });
});

test.each<[string, object]>([
  ["another version", { version: "2.0" }],
  ["a version that is a number", { version: 1 }],
  ["no provider", { provider: undefined }],
  ["a provider without a name", { provider: { name: "  " } }],
  ["services that are an object", { services: {} }],
])("l402.json with %s is another document", (_what, more) => {
  expect(manifest([], more)).toBeUndefined();
});

test("l402.json: only a fixed price is known, and the payee must be a node's key", () => {
  const pricings = [
    { model: "fixed", price_msat: 7 },
    { model: "formula", base_msat: 7 },
    { model: "dynamic" },
    { price_msat: 7 },
    7,
  ];
  const resources = pricings.map((pricing, n) => ({ path: `/${n}`, pricing }));
  const reading = manifest(resources, { provider: { name: "P", node_pubkey: "02".repeat(33) } });
  expect(claims(reading).map(({ price }) => price)).toEqual([
    7n,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(claims(manifest([], { provider: { name: "P", node_pubkey: "02ab" } }))[0]!.payee).toBeUndefined();
});

test("l402-services: static prices of its own paths, by Lightning or Cashu", () => {
  const document = {
    version: "1",
    payment_methods: [{ type: "lightning" }, { type: "cashu" }],
    routes: [
      { path: "/v1", price: { type: "static", amount_msat: 9 } },
      { path: "/v2", price: { type: "dynamic", amount_msat: 9 } },
      { path: "//victim.example/" },
      { path: "~ ^/api" },
    ],
  };
  const reading = read("l402-services", JSON.stringify(document), OWN);
  expect(seen(reading)).toEqual({ listed: 2, foreign_host: 1, templated: 1 });
  expect(claims(reading).map(({ price, schemes }) => [price, schemes])).toEqual([
    [9n, ["l402", "cashu"]],
    [undefined, ["l402", "cashu"]],
  ]);
});

test(".well-known/l402: a copy of another provider's document says nothing, and no more than 500 are looked at", () => {
  const document = (url: string | undefined, count: number) =>
    JSON.stringify({
      protocol: "L402",
      provider: { name: "P", url },
      endpoints: Array.from({ length: count }, (_, n) => ({ path: `/${n}`, price_sats: 2 })),
    });
  expect(seen(read("l402", document("https://victim.example", 2), OWN))).toEqual({ foreign_host: 2 });
  expect(seen(read("l402", document("not a url", 2), OWN))).toEqual({ foreign_host: 2 });
  expect(seen(read("l402", document("https://own.example", 600), OWN))).toEqual({ listed: 500, over_cap: 100 });
  expect(claims(read("l402", document(undefined, 1), OWN))[0]!.price).toBe(2_000n);
});

const fixed = { "x-l402-pricing": { model: "fixed", price_msat: 3 } };
const openApi = (paths: object, more: object = {}) =>
  read(
    "openapi",
    JSON.stringify({ openapi: "3.1.0", paths: { ...paths, "/good": { get: fixed } }, ...more }),
    "https://own.example/spec.json",
  );

test.each<[string, object, object, Partial<Record<Outcome, number>>]>([
  ["an operation that is not paid", { "/v1": { get: {} } }, {}, { listed: 1, not_l402: 1 }],
  ["a 402 of another kind", { "/v1": { get: { responses: { "402": {} } } } }, {}, { listed: 1, not_l402: 1 }],
  [
    "a 402 of an L402 service",
    { "/v1": { get: { "x-l402-service": "s", responses: { "402": {} } } } },
    {},
    { listed: 2 },
  ],
  ["a template", { "/v1/{id}": { get: fixed } }, {}, { listed: 1, templated: 1 }],
  [
    "a free operation",
    { "/v1": { get: { "x-l402-pricing": { model: "fixed", price_msat: 0 } } } },
    {},
    { listed: 1, free: 1 },
  ],
  ["servers elsewhere", {}, { servers: [{ url: "https://victim.example" }] }, { foreign_host: 1 }],
  [
    "its own server behind a foreign one",
    {},
    { servers: [{ url: "https://victim.example" }, { url: "/api" }] },
    { listed: 1 },
  ],
  ["a server that is a template", {}, { servers: [{ url: "https://{region}.example" }] }, { foreign_host: 1 }],
  [
    "an operation's own server elsewhere",
    { "/v1": { get: { ...fixed, servers: [{ url: "https://victim.example" }] } } },
    {},
    { listed: 1, foreign_host: 1 },
  ],
  ["a path item that refers to itself", { "/v1": { $ref: "#/paths/~1v1" } }, {}, { listed: 1 }],
  ["a path item from elsewhere", { "/v1": { $ref: "https://victim.example/x.json" } }, {}, { listed: 1 }],
  ["verbs that are none", { "/v1": { trace: fixed, "x-get": fixed, parameters: [] } }, {}, { listed: 1 }],
])("OpenAPI with %s", (_what, paths, more, counts) => {
  expect(seen(openApi(paths, more))).toEqual(counts);
});

test.each<[object, bigint | undefined]>([
  [{ model: "fixed", price_msat: 3 }, 3n],
  [{ model: "per_request", priceSats: 3 }, 3_000n],
  [{ priceSats: 3 }, 3_000n],
  [{ model: "per_request", priceSats: 3, tokenBudget: 1_000 }, undefined],
  [{ model: "time", priceSats: 3, durationMinutes: 60 }, undefined],
  [{ model: "dynamic", price_msat: 3 }, undefined],
])("OpenAPI: the x-l402-pricing %j", (pricing, price) => {
  expect(claims(openApi({ "/a": { get: { "x-l402-pricing": pricing } } }))[0]!.price).toBe(price);
});

const bodyOf = (media: object, more: object = {}) => {
  const operation = { ...fixed, requestBody: { content: { "application/json; charset=utf-8": media } } };
  return claims(openApi({ "/a": { post: operation } }, more)).find(({ input }) => input)?.input?.body;
};
const circle = {
  components: { schemas: { A: { properties: { b: { $ref: "#/components/schemas/A" } }, required: ["b"] } } },
};
const bush = Object.fromEntries(
  Array.from({ length: 12 }, (_, n) => {
    const next = { $ref: `#/components/schemas/S${n + 1}` };
    const properties = Object.fromEntries(Array.from({ length: 30 }, (_x, p) => [`p${p}`, next]));
    return [`S${n}`, { type: "object", properties, required: Object.keys(properties) }];
  }),
);

test.each<[string, object, object, string | undefined]>([
  ["its example", { example: { q: "rain" } }, {}, '{"q":"rain"}'],
  ["one of its examples", { examples: { one: { value: { q: 1 } } } }, {}, '{"q":1}'],
  ["its schema's example", { schema: { example: { q: 2 } } }, {}, '{"q":2}'],
  [
    "what its schema requires",
    {
      schema: {
        type: "object",
        required: ["a", "b", "c", "d"],
        properties: {
          a: { type: "string" },
          b: { enum: ["x"] },
          c: { type: "array", items: { type: "integer", minimum: 2.5 } },
          d: { default: true },
          e: {},
        },
      },
    },
    {},
    '{"a":"example","b":"x","c":[3],"d":true}',
  ],
  [
    "a reference",
    { schema: { $ref: "#/components/schemas/Q" } },
    { components: { schemas: { Q: { const: "q" } } } },
    '"q"',
  ],
  ["a reference that leads out", { schema: { $ref: "https://victim.example/schema.json" } }, {}, undefined],
  ["a reference to a prototype", { schema: { $ref: "#/constructor/prototype" } }, {}, undefined],
  [
    "a circle of schemas",
    { schema: { $ref: "#/components/schemas/A" } },
    circle,
    '{"b":{"b":{"b":{"b":{"b":{"b":{}}}}}}}',
  ],
  ["more than a small body", { example: "x".repeat(5_000) }, {}, undefined],
])("OpenAPI: the input is %s", (_what, media, more, body) => {
  expect(bodyOf(media, more)).toBe(body);
});

test("OpenAPI: schemas that multiply are left when two hundred values are made", () => {
  const body = bodyOf({ schema: { $ref: "#/components/schemas/S0" } }, { components: { schemas: bush } });
  expect((body ?? "").length).toBeLessThanOrEqual(4_096);
});

test("OpenAPI: what is promised is JSON, its type and the fields it must have", () => {
  const responses = {
    "402": {},
    "201": {
      content: { "text/html": {}, "application/vnd.x+json": { schema: { required: ["a", 5, "a", "b\u0000"] } } },
    },
  };
  expect(claims(openApi({ "/a": { get: { ...fixed, responses } } }))[0]!.promised).toEqual({
    contentType: "application/vnd.x+json",
    fields: ["a", "b"],
  });
  const page = { "200": { content: { "text/html": {} } } };
  expect(claims(openApi({ "/a": { get: { ...fixed, responses: page } } }))[0]!.promised).toBeUndefined();
});

test("whatever one form is given of another, it is that form or none", () => {
  for (const text of [
    "{}",
    "[]",
    "null",
    "5",
    '"x"',
    '{"services":5}',
    '{"openapi":3,"paths":{}}',
    '{"openapi":"2.0","paths":{}}',
  ])
    for (const form of ["402index", "l402.directory", "l402.json", "l402-services", "l402", "openapi"] as const)
      expect(read(form, text)).toBeUndefined();
});
