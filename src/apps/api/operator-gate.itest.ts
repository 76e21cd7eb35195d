/** The operator's way through the door, over HTTP on a real database: who is served, what is counted, and that no secret gets out. */
import { randomBytes } from "node:crypto";
import http from "node:http";
import request from "supertest";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { operatorTokenTable } from "../../adapters/postgres/operator-token.ts";
import { toHex } from "../../core/bytes.ts";
import { newOperatorToken, OPERATOR_TOKEN_RANDOM_BYTES, type OperatorGrant } from "../../core/operator-token.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { OPERATOR_SECRET, startTollApi, type Toll } from "../../testing/toll-api.ts";
import { now } from "../clock.ts";

let database: TestDatabase;
let api: Toll;
beforeAll(async () => {
  database = await openTestDatabase(20);
  api = await startTollApi(database.pool);
});
beforeEach(() => {
  api.handler.mode = "work";
  api.handler.served = 0;
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const grant: OperatorGrant = { label: "probe", operations: ["toll"], lifeSec: 3_600, maxUses: undefined };

async function create(changes: Partial<OperatorGrant> = {}, at = now()) {
  const made = newOperatorToken(randomBytes(OPERATOR_TOKEN_RANDOM_BYTES), { ...grant, ...changes }, at);
  await operatorTokenTable(database.pool).append(made.token);
  return made;
}

const call = (header: string, toll = api, body: object = { word: "hello" }) =>
  request(toll.app).post("/api/toll").set("X-Operator-Token", header).send(body);

async function auditRows(tokenId: string | null = null) {
  const text = "SELECT * FROM operator_use WHERE operator_token_id IS NOT DISTINCT FROM $1 ORDER BY operator_use_id";
  return (await database.pool.query(text, [tokenId])).rows;
}

test("a token is served for nothing, and its row says who, what and when", async () => {
  const { text, token } = await create();
  const answer = await call(text).set("X-Request-Id", "probe-1");
  expect([answer.status, answer.headers["x-satrank-cost-msat"]]).toEqual([200, "0"]);
  expect(answer.body).toEqual({ data: { echo: "hello" } });
  expect(await auditRows(token.tokenId)).toMatchObject([
    { operation: "toll", request_id: "probe-1", address: "127.0.0.1", operator_token_id: token.tokenId },
  ]);
});

test.each([
  { name: "expired", code: "OPERATOR_TOKEN_EXPIRED", make: () => create({ lifeSec: 5 }, unixSeconds(now() - 10)) },
  { name: "out of scope", code: "OPERATOR_TOKEN_OUT_OF_SCOPE", make: () => create({ operations: ["resolveIntent"] }) },
  {
    name: "used up",
    code: "OPERATOR_TOKEN_USED_UP",
    make: async () => {
      const made = await create({ maxUses: 1 });
      expect((await call(made.text)).status).toBe(200);
      api.handler.served = 0;
      return made;
    },
  },
])("$name is 403 without a challenge, and nothing is served", async ({ code, make }) => {
  const { text } = await make();
  const answer = await call(text);
  expect([answer.status, answer.body.code]).toEqual([403, code]);
  expect(answer.headers["www-authenticate"]).toBeUndefined();
  expect(api.handler.served).toBe(0);
});

test("the id of one token with the secret of another is not known, whatever became of either", async () => {
  const [one, other] = [await create(), await create({ operations: ["resolveIntent"] })];
  for (const [id, secret] of [
    [one, other],
    [other, one],
  ] as const) {
    const answer = await call(id.text.slice(0, 17) + secret.text.slice(17));
    expect([answer.status, answer.body.code]).toEqual([403, "OPERATOR_TOKEN_INVALID"]);
  }
  expect(api.handler.served).toBe(0);
});

test("a revocation works with the next request", async () => {
  const { text, token } = await create();
  expect((await call(text)).status).toBe(200);
  await operatorTokenTable(database.pool).revoke(token.tokenId, now());
  expect((await call(text)).body.code).toBe("OPERATOR_TOKEN_REVOKED");
});

test("a token that ends while its body arrives is not served", async () => {
  const { text, token } = await create();
  const { port } = api;
  const headers = { "X-Operator-Token": text, "Content-Type": "application/json" };
  const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const sent = http.request({ host: "127.0.0.1", port, path: "/api/toll", method: "POST", headers }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += String(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    sent.on("error", reject);
    sent.write('{"word":');
    setTimeout(async () => {
      await operatorTokenTable(database.pool).revoke(token.tokenId, now());
      sent.end('"late"}');
    }, 200);
  });
  expect([answer.status, JSON.parse(answer.body).code]).toEqual([403, "OPERATOR_TOKEN_REVOKED"]);
  expect(api.handler.served).toBe(0);
  expect(await auditRows(token.tokenId)).toEqual([]);
});

test("a request that is invalid, or asks for what does not exist, is neither counted nor written down", async () => {
  const { text, token } = await create({ maxUses: 1 });
  const before = (await auditRows()).length;
  for (const header of [text, OPERATOR_SECRET]) {
    expect((await call(header, api, { word: 7 })).status).toBe(400);
    expect((await call(header, api, { word: "unknown" })).status).toBe(404);
  }
  expect(await auditRows(token.tokenId)).toEqual([]);
  expect((await auditRows()).length).toBe(before);
  expect((await call(text)).status).toBe(200);
});

test("a call that fails after its row is written has used the token", async () => {
  const { text, token } = await create({ maxUses: 1 });
  api.handler.mode = "fail";
  expect((await call(text)).status).toBe(500);
  expect(await auditRows(token.tokenId)).toHaveLength(1);
  expect((await call(text)).body.code).toBe("OPERATOR_TOKEN_USED_UP");
});

test("lines that agree are one, lines that disagree open nothing", async () => {
  const { text } = await create();
  const post = (lines: string[]) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { "X-Operator-Token": lines, "Content-Type": "application/json" };
      const options = { host: "127.0.0.1", port: api.port, path: "/api/toll", method: "POST", headers };
      const sent = http.request(options, (response) => resolve(response.resume().statusCode));
      sent.on("error", reject);
      sent.end('{"word":"hello"}');
    });
  expect(await post([text, text])).toBe(200);
  expect(await post([text, OPERATOR_SECRET])).toBe(403);
  expect(await post([OPERATOR_SECRET, "x"])).toBe(403);
});

test("eight uses and sixty requests at two processes: eight are served", async () => {
  const { text, token } = await create({ maxUses: 8 });
  const second = await startTollApi(database.pool);
  const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => call(text, index % 2 ? api : second)));
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(8);
  expect(new Set(answers.map((answer) => answer.body.code ?? "served"))).toEqual(
    new Set(["served", "OPERATOR_TOKEN_USED_UP"]),
  );
  expect(api.handler.served + second.handler.served).toBe(8);
  expect(await auditRows(token.tokenId)).toHaveLength(8);
  await second.close();
});

test("guessing is limited by range for all processes, before anything is compared, and payers are not held up", async () => {
  const own = await openTestDatabase(4);
  const first = await startTollApi(own.pool, { operatorGuessesPerMinute: 3 });
  const second = await startTollApi(own.pool, { operatorGuessesPerMinute: 3 });
  const statuses: number[] = [];
  for (let guess = 0; guess < 6; guess++) {
    statuses.push((await call(`guess-${guess}`, guess % 2 ? first : second)).status);
  }
  expect(statuses).toEqual([403, 403, 403, 429, 429, 429]);
  const right = await call(OPERATOR_SECRET, first);
  expect([right.status, right.body.code]).toEqual([429, "RATE_LIMITED"]);
  expect(Number(right.headers["retry-after"])).toBeGreaterThan(0);
  // Another range goes on, and so does whoever pays.
  expect((await call(OPERATOR_SECRET, first).set("X-Forwarded-For", "203.0.113.9")).status).toBe(200);
  expect((await request(first.app).post("/api/toll").send({ word: "hello" })).status).toBe(402);
  for (const toll of [first, second]) await toll.close();
  await own.close();
});

test("no secret is in any answer, log line, metric or row, whatever is done with it", async () => {
  const own = await openTestDatabase(4);
  const toll = await startTollApi(own.pool, { operatorGuessesPerMinute: 20 });
  const tokens = operatorTokenTable(own.pool);
  const made = await Promise.all(
    [{}, { maxUses: 1 }, { operations: ["other"] }, { lifeSec: 5 }].map(async (changes) => {
      const at = "lifeSec" in changes ? unixSeconds(now() - 10) : now();
      const one = newOperatorToken(randomBytes(OPERATOR_TOKEN_RANDOM_BYTES), { ...grant, ...changes }, at);
      await tokens.append(one.token);
      return one;
    }),
  );
  const [first] = made;
  const wrong = newOperatorToken(randomBytes(OPERATOR_TOKEN_RANDOM_BYTES), grant, now());
  const headers = [OPERATOR_SECRET, `${OPERATOR_SECRET}x`, wrong.text, ...made.map(({ text }) => text)];
  const answers: string[] = [];
  const keep = (answer: { headers: unknown; text: string }) =>
    answers.push(JSON.stringify(answer.headers), answer.text);
  for (const header of headers) {
    for (const body of [{ word: "hello" }, { word: 7 }, { word: "unknown" }]) keep(await call(header, toll, body));
    toll.handler.mode = "fail";
    keep(await call(header, toll));
    toll.handler.mode = "work";
    keep(await request(toll.app).get("/api/toll").set("X-Operator-Token", header));
    keep(await request(toll.app).post("/api/nowhere").set("X-Operator-Token", header));
    keep(await call(header, toll).set("Content-Type", "application/json").send("{"));
  }
  await tokens.revoke(first!.token.tokenId, now());
  keep(await call(first!.text, toll));

  const rows = await own.pool.query(
    "SELECT row::text AS text FROM operator_use row UNION ALL SELECT row::text FROM operator_token row UNION ALL SELECT row::text FROM rate_limit row",
  );
  const seen = { answers: answers.join("\n"), logs: toll.logs(), metrics: await toll.metrics() };
  const places: Record<string, string> = { ...seen, rows: rows.rows.map(({ text }) => text).join("\n") };
  const secrets = headers.map((header) => (header.startsWith("sro_") ? header.slice(17) : header));
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(100);
    for (const secret of secrets) {
      expect(text, place).not.toContain(secret);
      expect(text, place).not.toContain(secret.slice(0, 20));
      expect(text, place).not.toContain(toHex(Buffer.from(secret)));
      expect(text, place).not.toContain(toHex(Buffer.from(secret, "base64url")));
    }
  }
  // The id is there, so that a use can be traced: the scan would have found the secret beside it.
  expect(seen.logs).toContain(first!.token.tokenId);
  expect(places["rows"]).toContain(first!.token.tokenId);
  expect(seen.metrics).toMatch(/satrank_operator_uses_total\{operation="toll",by="token"\} [1-9]/);
  expect(seen.metrics).toMatch(/satrank_operator_uses_total\{operation="toll",by="secret"\} [1-9]/);
  await toll.close();
  await own.close();
});
