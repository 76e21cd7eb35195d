/**
 * Operators over HTTP, on a real database, with requests signed by two independent libraries: what their hosts prove, what they
 * may say by that, and what nobody else can.
 */
import { createHash, randomBytes } from "node:crypto";
import { EventBuilder, Keys, Kind, loadWasmSync, Tag } from "@rust-nostr/nostr-sdk";
import { Router } from "express";
import { nip19 } from "nostr-tools";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { claimTable } from "../../adapters/postgres/claim.ts";
import { appendCalls } from "../../adapters/postgres/evidence.ts";
import { prefixLimit } from "../../adapters/postgres/rate-limit.ts";
import { serviceTable } from "../../adapters/postgres/service.ts";
import { utf8 } from "../../core/bytes.ts";
import type { OutsideRequest, OutsideResult } from "../../core/egress.ts";
import { readEndpointUrl } from "../../core/endpoint/endpoint.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { checkClaims } from "../../oracle/catalogue/check-claims.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { emptyCatalogue } from "../../testing/empty-catalogue.ts";
import { listEndpoints, someListing } from "../../testing/listed-endpoint.ts";
import { createEvents } from "../events.ts";
import { createLog } from "../log.ts";
import { openSignedDoor } from "./open-signed-door.ts";
import { mountFree } from "./operation.ts";
import { mountOperators } from "./operators.ts";
import { listServices } from "./routes/list-services.ts";
import { createApplication, createHttpServer } from "./server.ts";

const NOW = 1_790_000_000;
const DAY = 86_400;
const PUBLIC = "https://oracle.example";
const REGISTER = "/api/services/register";
const URL_A = "https://api.example/v1";
const alice = generateSecretKey();
const mallory = generateSecretKey();
const keyOf = (secret: Uint8Array) => getPublicKey(secret);

let database: TestDatabase;
let origins: string[];
let stop: (() => Promise<void>)[];
let clock: number;
let asked: string[];
/** What each URL answers; a host without an entry has nothing there. */
let web: Record<string, { status?: number; body?: string; challenge?: string } | "down">;

/** One of several instances that share a database, as behind a balancer. */
async function startInstance(): Promise<void> {
  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const router = Router();
  const takeListing = prefixLimit(database.pool, "services", 10_000).take;
  const now = () => unixSeconds(clock);
  const door = await openSignedDoor(database.pool, { origin: () => PUBLIC, events, now });
  const ports = { database: database.pool, ask, local: [], mostPerHost: 3, door };
  mountOperators(router, { ...ports, takeListing, events, now });
  mountFree(router, listServices({ ...serviceTable(database.pool), takeListing, events }));
  const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [router]);
  const server = createHttpServer(app, { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 5_000 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origins.push(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
  stop.push(() => new Promise((resolve) => server.close(() => resolve())));
}

async function ask({ url }: Pick<OutsideRequest, "url">): Promise<OutsideResult> {
  asked.push(url);
  const answer = web[url] ?? { status: 404 };
  if (answer === "down") return { ok: false, failure: { kind: "connect", blame: "unknown", detail: "" } };
  const { status = 200, body = "", challenge } = answer;
  const headers: [string, string][] = challenge === undefined ? [] : [["WWW-Authenticate", challenge]];
  const head = { status, url, headers, redirects: 0, firstByteMs: 1, totalMs: 1 };
  return { ok: true, answer: { ...head, body: utf8(body) } };
}

beforeAll(async () => {
  loadWasmSync();
  database = await openTestDatabase(6);
  [origins, stop] = [[], []];
  await startInstance();
  await startInstance();
});
beforeEach(async () => {
  await emptyCatalogue(database.pool);
  await database.pool.query("DELETE FROM rate_limit");
  clock = NOW;
  asked = [];
  web = {};
});
afterAll(async () => {
  await Promise.all(stop.map((each) => each()));
  await database.close();
});

type Signing = {
  at?: number;
  url?: string;
  method?: string;
  kind?: number;
  payload?: string | null;
  tags?: string[][];
};

function sign(secret: Uint8Array, method: string, path: string, body: string | undefined, given: Signing = {}): string {
  const payload =
    given.payload === undefined && body !== undefined ? createHash("sha256").update(body).digest("hex") : given.payload;
  const tags = [
    ["u", given.url ?? `${PUBLIC}${path}`],
    ["method", given.method ?? method],
    ["nonce", randomBytes(8).toString("hex")],
  ];
  if (payload) tags.push(["payload", payload]);
  const event = {
    kind: given.kind ?? 27_235,
    created_at: given.at ?? clock,
    content: "",
    tags: [...tags, ...(given.tags ?? [])],
  };
  return `Nostr ${Buffer.from(JSON.stringify(finalizeEvent(event, secret))).toString("base64")}`;
}

async function send(method: string, path: string, body: unknown, authorization: string | undefined, instance = 0) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${origins[instance]}${path}`, {
    method,
    headers: {
      "Content-Type": "application/json",
      ...(authorization !== undefined && { Authorization: authorization }),
    },
    ...(body !== undefined && { body: text }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer is said to hold, and fail on what it does not
  const parsed: any = await response.json();
  return {
    status: response.status,
    code: parsed.code,
    detail: parsed.detail,
    headers: response.headers,
    data: parsed.data,
  };
}
const signed = (secret: Uint8Array, method: string, path: string, body: unknown, given: Signing = {}) => {
  const text = JSON.stringify(body);
  return send(method, path, text, sign(secret, method, path, text, given));
};
const register = (secret: Uint8Array, more: object = {}) => signed(secret, "POST", REGISTER, { url: URL_A, ...more });
const fileOf = (host: string) => `https://${host}/.well-known/satrank-proof.txt`;
const name = (secret: Uint8Array, host = "api.example") => {
  web[fileOf(host)] = { body: `# our key\n${keyOf(secret)}\n` };
};
const services = async () => (await send("GET", "/api/services?limit=100", undefined, undefined)).data.services;
const held = async (url = URL_A) => (await services()).find((service: { url: string }) => service.url === url);
const check = async () =>
  checkClaims({ ...claimTable(database.pool, 3), ask, now: () => unixSeconds(clock) }, new AbortController().signal);

test("a host that names a key makes it the operator of its endpoints, whose word goes before every list's", async () => {
  await listEndpoints(
    database.pool,
    [someListing(URL_A, { name: "Index's", price: msat(1n), category: "data" })],
    NOW - 5,
  );
  name(alice);
  const answer = await register(alice, {
    name: "Mine",
    priceMsat: "5000",
    tags: ["Rain"],
    promised: { fields: ["a"] },
  });
  expect([answer.status, answer.data]).toEqual([
    200,
    {
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      url: URL_A,
      method: "GET",
      operator: keyOf(alice),
      proof: "file",
      provenUntil: NOW + 7 * DAY,
    },
  ]);
  expect(await held()).toMatchObject({
    name: "Mine",
    priceMsat: "5000",
    category: "data",
    tags: ["rain"],
    operator: keyOf(alice),
    origin: { name: "owner", price: "owner", category: "402index", tags: "owner", schemes: "owner", promised: "owner" },
  });
  expect(asked).toEqual([fileOf("api.example")]);
});

test("an endpoint that nobody listed is entered: 201, and asked for again it is known", async () => {
  name(alice);
  expect((await register(alice, { name: "Mine" })).status).toBe(201);
  expect((await register(alice, { name: "Other" })).status).toBe(200);
  expect((await held()).name).toBe("Other");
  expect(asked).toHaveLength(1);
});

test.each<[string, (key: string) => string]>([
  ["hex", (key) => key],
  ["upper-case hex after comments and blanks", (key) => `\r\n# SatRank\r\n  ${key.toUpperCase()}  \r\n`],
  ["npub", (key) => nip19.npubEncode(key)],
])("the file may name the key as %s", async (_form, text) => {
  web[fileOf("api.example")] = { body: text(keyOf(alice)) };
  expect((await register(alice)).status).toBe(201);
});

test("a challenge that names a key proves the one endpoint and no other of its host", async () => {
  web[URL_A] = { status: 402, challenge: `L402 macaroon="AgEE", invoice="lnbc1", nostr-pubkey="${keyOf(alice)}"` };
  expect((await register(alice)).data.proof).toBe("challenge");
  const other = await register(alice, { url: "https://api.example/other" });
  expect([other.status, other.code]).toEqual([403, "OWNERSHIP_UNPROVEN"]);
});

test("the file of a host goes before the challenge of one of its endpoints", async () => {
  web[URL_A] = { status: 402, challenge: `L402 nostr-pubkey="${keyOf(mallory)}", macaroon="AgEE"` };
  await register(mallory, { name: "Tenant's" });
  expect((await held()).operator).toBe(keyOf(mallory));
  name(alice);
  await register(alice, { url: "https://api.example/other" });
  expect((await held()).operator).toBe(keyOf(alice));
  expect((await register(mallory)).code).toBe("OWNERSHIP_UNPROVEN");
});

test.each<[string, () => void]>([
  ["names nobody", () => undefined],
  ["names somebody else", () => name(alice)],
  [
    "names her only in the second line",
    () => (web[fileOf("api.example")] = { body: `${keyOf(alice)}\n${keyOf(mallory)}` }),
  ],
  ["names her somewhere in a page", () => (web[fileOf("api.example")] = { body: `<html>${keyOf(mallory)}</html>` })],
  ["names her behind a redirect", () => (web[fileOf("api.example")] = { status: 302, body: keyOf(mallory) })],
  ["names her on another host", () => name(mallory, "evil.example")],
  ["names her on a host above", () => name(mallory, "example")],
  [
    "names her in an answer that is no 402",
    () => (web[URL_A] = { status: 200, challenge: `L402 nostr-pubkey="${keyOf(mallory)}"` }),
  ],
  [
    "names two in its challenge",
    () =>
      (web[URL_A] = {
        status: 402,
        challenge: `L402 nostr-pubkey="${keyOf(mallory)}", nostr-pubkey="${keyOf(alice)}"`,
      }),
  ],
  [
    "names her under another scheme",
    () => (web[URL_A] = { status: 402, challenge: `Basic nostr-pubkey="${keyOf(mallory)}"` }),
  ],
  ["is down", () => Object.assign(web, { [fileOf("api.example")]: "down", [URL_A]: "down" })],
])("a host that %s proves nothing, and nothing is entered", async (_what, set) => {
  set();
  const answer = await register(mallory, { name: "Stolen", priceMsat: "1" });
  expect([answer.status, answer.code]).toEqual([403, "OWNERSHIP_UNPROVEN"]);
  expect(await services()).toEqual([]);
});

test("who came first gains nothing, and nobody's word is overwritten by another key", async () => {
  name(alice);
  await register(alice, { name: "Alice's" });
  for (const method of ["POST", "PATCH", "DELETE"]) {
    const answer = await signed(mallory, method, REGISTER, { url: URL_A });
    expect([method, answer.status, answer.code]).toEqual([method, 403, "OWNERSHIP_UNPROVEN"]);
  }
  expect(await held()).toMatchObject({ name: "Alice's", operator: keyOf(alice) });
});

test("a host that passes to somebody else takes the former operator's word with it", async () => {
  await listEndpoints(database.pool, [someListing(URL_A, { name: "Index's" })], NOW - 5);
  name(alice);
  await register(alice, { name: "Alice's" });
  name(mallory);
  await register(mallory, { description: "new" });
  expect(await held()).toMatchObject({ name: "Index's", description: "new", operator: keyOf(mallory) });
  name(alice);
  expect((await signed(alice, "PATCH", REGISTER, { url: URL_A, name: "x" })).code).toBe("SUBJECT_UNKNOWN");
});

test("a proof that is taken away ends the claim at the third look, and fields fall back to other sources", async () => {
  await listEndpoints(database.pool, [someListing(URL_A, { name: "Index's" })], NOW - 5);
  name(alice);
  await register(alice, { name: "Alice's" });
  clock += DAY;
  expect(await check()).toMatchObject({ taken: 1, renewed: 1 });
  web = {};
  clock += DAY;
  for (const state of ["doubted", "doubted", "ended"]) {
    expect((await held()).operator).toBe(keyOf(alice));
    expect(await check()).toMatchObject({ taken: 1, [state]: 1 });
    clock += 3_600;
  }
  expect(await held()).toMatchObject({ name: "Index's", operator: null });
  const { rows } = await database.pool.query("SELECT ended_why FROM operator_claim");
  expect(rows).toEqual([{ ended_why: "removed" }]);
  expect(await check()).toMatchObject({ taken: 0 });
});

test("a host that cannot be asked keeps its operator for a week and no longer", async () => {
  name(alice);
  await register(alice, { name: "Alice's" });
  web = { [fileOf("api.example")]: "down", [URL_A]: "down" };
  clock += DAY;
  expect(await check()).toMatchObject({ doubted: 1 });
  clock = NOW + 7 * DAY - 10;
  expect(await check()).toMatchObject({ doubted: 1 });
  clock = NOW + 8 * DAY;
  expect(await check()).toMatchObject({ ended: 1 });
  expect(await held()).toBeUndefined();
});

test("one key may run several hosts, and one host no more endpoints than it may have", async () => {
  for (const host of ["one.example", "two.example"]) {
    name(alice, host);
    expect((await register(alice, { url: `https://${host}/` })).status).toBe(201);
  }
  for (const path of ["a", "b"])
    expect((await register(alice, { url: `https://one.example/${path}` })).status).toBe(201);
  expect((await register(alice, { url: "https://one.example/c" })).code).toBe("VALIDATION_FAILED");
  expect(await services()).toHaveLength(4);
});

test("some fields change, null takes one back, and the rest stays", async () => {
  name(alice);
  await register(alice, { name: "Mine", description: "d", priceMsat: "5000", category: "ai/llm" });
  await signed(alice, "PATCH", REGISTER, { url: URL_A, priceMsat: "6000", description: null });
  expect(await held()).toMatchObject({ name: "Mine", description: null, priceMsat: "6000", category: "ai" });
  const { rows } = await database.pool.query(
    "SELECT field, before, after, source FROM endpoint_change WHERE field IN ('price', 'description') ORDER BY field",
  );
  expect(rows).toEqual([
    { field: "description", before: "d", after: null, source: "owner" },
    { field: "price", before: "5000", after: "6000", source: "owner" },
  ]);
});

test("what its operator takes out stays out, whoever lists it, until it is put in again or the claim ends", async () => {
  name(alice);
  await register(alice, { name: "Mine" });
  expect((await signed(alice, "DELETE", REGISTER, { url: URL_A })).status).toBe(200);
  await listEndpoints(database.pool, [someListing(URL_A, { name: "Index's" })], NOW + 5);
  expect(await held()).toBeUndefined();
  expect((await signed(alice, "DELETE", REGISTER, { url: URL_A })).code).toBe("SUBJECT_UNKNOWN");
  await register(alice, { name: "Again" });
  expect((await held()).name).toBe("Again");
  await signed(alice, "DELETE", REGISTER, { url: URL_A });
  web = {};
  clock += DAY;
  for (let looks = 0; looks < 3; looks++, clock += 3_600) await check();
  expect(await held()).toMatchObject({ name: "Index's", operator: null });
});

test("endpoints of a claimed host that are listed later have its operator at once", async () => {
  name(alice);
  await register(alice);
  await listEndpoints(
    database.pool,
    [someListing("https://api.example/later"), someListing("https://other.example/")],
    NOW + 5,
  );
  expect((await held("https://api.example/later")).operator).toBe(keyOf(alice));
  expect((await held("https://other.example/")).operator).toBeNull();
});

test.each<[string, Signing | "none" | "bearer" | "garbage" | "forged" | "large"]>([
  ["no signature", "none"],
  ["another scheme", "bearer"],
  ["no event", "garbage"],
  ["a forged signature", "forged"],
  ["9 kB", "large"],
  ["another kind", { kind: 1 }],
  ["a minute too old", { at: NOW - 61 }],
  ["too far ahead", { at: NOW + 11 }],
  ["another URL", { url: `${PUBLIC}/api/services` }],
  ["the address in place of the public origin", { url: "http://127.0.0.1/api/services/register" }],
  ["a query more", { url: `${PUBLIC}${REGISTER}?x=1` }],
  ["another method", { method: "DELETE" }],
  ["no hash of the body", { payload: null }],
  ["another body's hash", { payload: "0".repeat(64) }],
  [
    "the hash in upper case",
    {
      payload: createHash("sha256")
        .update(JSON.stringify({ url: URL_A }))
        .digest("hex")
        .toUpperCase(),
    },
  ],
  ["two URLs", { tags: [["u", `${PUBLIC}${REGISTER}`]] }],
  ["two methods", { tags: [["method", "POST"]] }],
  ["two hashes", { tags: [["payload", "0".repeat(64)]] }],
])("%s: 401 that says how, and no host is asked", async (_what, how) => {
  name(alice);
  const body = JSON.stringify({ url: URL_A });
  const good = sign(alice, "POST", REGISTER, body);
  const forged = () => {
    const event = JSON.parse(Buffer.from(good.slice(6), "base64").toString());
    return `Nostr ${Buffer.from(JSON.stringify({ ...event, pubkey: keyOf(mallory) })).toString("base64")}`;
  };
  const headers = {
    none: undefined,
    bearer: "Bearer x",
    garbage: "Nostr e30=",
    forged: forged(),
    large: `Nostr ${"A".repeat(9_000)}`,
  };
  const authorization = typeof how === "string" ? headers[how] : sign(alice, "POST", REGISTER, body, how);
  const answer = await send("POST", REGISTER, body, authorization);
  expect([answer.status, answer.code, answer.headers.get("www-authenticate")]).toEqual([
    401,
    "SIGNATURE_REQUIRED",
    "Nostr",
  ]);
  expect(asked).toEqual([]);
});

test("a signature is good for one request, on whichever instance, also when many are sent at once", async () => {
  name(alice);
  const body = JSON.stringify({ url: URL_A });
  const authorization = sign(alice, "POST", REGISTER, body);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => send("POST", REGISTER, body, authorization, n % 2)),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(401)]);
  clock += 55;
  expect((await send("POST", REGISTER, body, authorization, 1)).status).toBe(401);
});

test("raw bytes are what is signed: the same JSON with another blank is another body", async () => {
  name(alice);
  const authorization = sign(alice, "POST", REGISTER, `{"url":"${URL_A}"}`);
  expect((await send("POST", REGISTER, `{"url": "${URL_A}"}`, authorization)).status).toBe(401);
});

test("a request signed by rust-nostr is taken, with url-safe base64 and the method in lower case", async () => {
  const keys = Keys.generate();
  web[fileOf("api.example")] = { body: keys.publicKey.toHex() };
  const body = JSON.stringify({ url: URL_A });
  const payload = createHash("sha256").update(body).digest("hex");
  const tags = [
    ["u", `${PUBLIC}${REGISTER}`],
    ["method", "post"],
    ["payload", payload],
  ].map((tag) => Tag.parse(tag));
  clock = Math.floor(Date.now() / 1000);
  const event = new EventBuilder(new Kind(27_235), "").tags(tags).signWithKeys(keys);
  const header = `Nostr ${Buffer.from(event.asJson()).toString("base64url")}`;
  expect((await send("POST", REGISTER, body, header)).status).toBe(201);
});

test.each<[string, object]>([
  ["no URL", { url: undefined }],
  ["a placeholder", { url: "https://api.example/{id}" }],
  ["plain http", { url: "http://api.example/" }],
  ["another scheme", { url: "ftp://api.example/" }],
  ["credentials", { url: "https://user:word@api.example/" }],
  ["a private address", { url: "https://10.0.0.1/" }],
  ["a number for an address", { url: "https://2130706433/" }],
  ["a local name", { url: "https://localhost/" }],
  ["the metadata service", { url: "https://169.254.169.254/latest" }],
  ["another method", { method: "TRACE" }],
  ["a price of nothing", { priceMsat: "0" }],
  ["a fraction", { priceMsat: 1.5 }],
  ["a negative price", { priceMsat: "-5" }],
  ["more than there is", { priceMsat: "9999999999999999999" }],
  ["an unknown field", { nonsense: 1 }],
  ["a name that turns the line", { name: "evil\u202etxt" }],
  ["a name with a NUL", { name: "a\u0000b" }],
  ["a name of 201 characters", { name: "x".repeat(201) }],
  ["no category", { category: "!!" }],
  ["21 tags", { tags: Array.from({ length: 21 }, (_, n) => `t${n}`) }],
  ["an input that is no JSON", { input: { contentType: "application/json", body: "{" } }],
  ["a payee that is no node", { payee: "02ab" }],
])("%s is refused before any host is asked", async (_what, more) => {
  name(alice);
  const answer = await register(alice, more);
  expect([answer.status, answer.code]).toEqual([400, "VALIDATION_FAILED"]);
  expect(asked).toEqual([]);
});

test("bodies that are too large or no JSON are refused", async () => {
  const large = JSON.stringify({ url: URL_A, description: "x".repeat(20_000) });
  expect((await send("POST", REGISTER, large, sign(alice, "POST", REGISTER, large))).code).toBe("BODY_TOO_LARGE");
  const broken = '{"url":';
  expect((await send("POST", REGISTER, broken, sign(alice, "POST", REGISTER, broken))).code).toBe("JSON_MALFORMED");
  expect((await send("DELETE", REGISTER, undefined, sign(alice, "DELETE", REGISTER, undefined))).code).toBe(
    "JSON_MALFORMED",
  );
});

test("a key, and a host, are asked about so often in a minute and no more", async () => {
  const keen = generateSecretKey();
  for (let n = 0; n < 10; n++) expect((await register(keen, { url: `https://h${n}.example/` })).status).toBe(403);
  expect((await register(keen, { url: "https://h10.example/" })).code).toBe("RATE_LIMITED");
  expect(asked.filter((url) => url.startsWith("https://h10"))).toEqual([]);
  const busy = () => register(generateSecretKey(), { url: "https://busy.example/" });
  for (let n = 0; n < 10; n++) expect((await busy()).status).toBe(403);
  expect((await busy()).code).toBe("RATE_LIMITED");
  expect(asked.filter((url) => url.startsWith("https://busy"))).toHaveLength(20);
});

test("other methods of the path are named", async () => {
  const response = await fetch(`${origins[0]}${REGISTER}`, { method: "PUT" });
  expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, PATCH, DELETE, OPTIONS"]);
});

const id = (readEndpointUrl(URL_A) as { id: string }).id;
const attempt = "ab".repeat(32);
const statements = async () => (await send("GET", `/api/services/${id}/statements`, undefined, undefined)).data;

async function observe(): Promise<void> {
  const call = { endpoint: id, method: "GET" as const, stage: "delivery" as const, good: false, code: "STATUS_5XX" };
  await appendCalls(database.pool, [
    { observedAt: unixSeconds(NOW), source: "probe", attempt, witness: `02${"ab".repeat(32)}`, call },
  ]);
}

test("an operator replies, and disputes a call: both are shown beside it, and the evidence stays", async () => {
  name(alice);
  await register(alice);
  await observe();
  const evidence = async () => (await database.pool.query("SELECT count(*)::int AS n FROM evidence")).rows;
  const before = await evidence();
  await signed(alice, "POST", `/api/services/${id}/reply`, { text: "We moved on Tuesday." });
  const path = `/api/services/${id}/dispute`;
  const disputed = () => signed(alice, "POST", path, { attempt, text: "The body was whole." });
  expect((await disputed()).data).toEqual({ saved: true });
  expect((await disputed()).data).toEqual({ saved: false });
  expect((await signed(alice, "POST", path, { attempt: "cd".repeat(32), text: "x" })).code).toBe("EVIDENCE_UNKNOWN");
  expect((await signed(alice, "POST", path, { attempt, method: "POST", text: "x" })).code).toBe("SUBJECT_UNKNOWN");
  expect(await statements()).toEqual({
    reply: { operator: keyOf(alice), text: "We moved on Tuesday.", at: NOW },
    disputeCount: 1,
    disputes: [{ operator: keyOf(alice), attempt, text: "The body was whole.", at: NOW }],
  });
  expect(await held()).toMatchObject({ reply: "We moved on Tuesday.", disputeCount: 1 });
  expect(await evidence()).toEqual(before);
  await signed(alice, "POST", `/api/services/${id}/reply`, { text: null });
  expect((await statements()).reply).toBeNull();
});

test("nobody but the operator replies or disputes, and the words of a former one are not shown", async () => {
  name(alice);
  await register(alice);
  const reply = (secret: Uint8Array) => signed(secret, "POST", `/api/services/${id}/reply`, { text: "mine" });
  expect((await reply(mallory)).code).toBe("OWNERSHIP_UNPROVEN");
  expect((await signed(alice, "POST", `/api/services/${"0".repeat(64)}/reply`, { text: "x" })).code).toBe(
    "SUBJECT_UNKNOWN",
  );
  await reply(alice);
  name(mallory);
  await register(mallory);
  expect(await statements()).toEqual({ reply: null, disputeCount: 0, disputes: [] });
  expect((await reply(alice)).code).toBe("OWNERSHIP_UNPROVEN");
});

test.each([{ text: "" }, { text: "x".repeat(501) }, { text: "a\u202eb" }, { text: "a\nb" }, { text: 5 }, {}])(
  "the reply %j is refused",
  async (body) => {
    expect((await signed(alice, "POST", `/api/services/${id}/reply`, body)).code).toBe("VALIDATION_FAILED");
  },
);
