/** The door, through HTTP and on a real Postgres: who is let in, what it costs, and what never costs anything. */
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import request from "supertest";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { chargeTable } from "../../adapters/postgres/charge.ts";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { tokenTable } from "../../adapters/postgres/token.ts";
import { fromBase64, fromHex, toBase64, toHex } from "../../core/bytes.ts";
import { decodeIdentifier } from "../../core/l402/identifier.ts";
import { encodeMacaroon } from "../../core/macaroon/binary.ts";
import { attenuate } from "../../core/macaroon/chain.ts";
import { decodeMacaroon } from "../../core/macaroon/decode.ts";
import { msat } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { OPERATOR_SECRET, startTollApi, type Toll } from "../../testing/toll-api.ts";
import { now } from "../clock.ts";
import { serverHmac } from "../hmac.ts";

let database: TestDatabase;
let api: Toll;
beforeAll(async () => {
  database = await openTestDatabase(20);
  api = await startTollApi(database.pool);
});
beforeEach(() => {
  api.handler.mode = "work";
  api.lnd.state.dead = false;
  api.lnd.state.settles = true;
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const call = (authorization?: string, body: unknown = { word: "hello" }) => {
  const posted = request(api.app).post("/api/toll");
  return (authorization === undefined ? posted : posted.set("Authorization", authorization)).send(body as object);
};

/** Pays a challenge and returns its credential. */
async function buy(amount?: bigint): Promise<{ macaroon: string; preimage: string; authorization: string }> {
  const { body } = await call();
  const preimage = api.lnd.pay(body.invoice, amount);
  return { macaroon: body.macaroon, preimage, authorization: `L402 ${body.macaroon}:${preimage}` };
}

/** Everything the ledger holds, to show that a call moved nothing. */
async function books(): Promise<unknown> {
  const { rows } = await database.pool.query(`SELECT (SELECT sum(balance_msat) FROM token) AS balances,
    (SELECT count(*) FROM charge) AS charges, (SELECT count(*) FROM journal) AS postings`);
  return rows[0];
}

test("402, pay, 200: the price is taken once, and the balance is told", async () => {
  const challenge = await call();
  expect(challenge.status).toBe(402);
  const { macaroon, invoice } = challenge.body;
  expect(challenge.headers["www-authenticate"]).toBe(
    `L402 macaroon="${macaroon}", invoice="${invoice}", version="0", token="${macaroon}"`,
  );
  expect(challenge.headers["cache-control"]).toBe("no-store");
  expect(challenge.headers["content-type"]).toContain("application/problem+json");
  expect(challenge.body).toMatchObject({
    status: 402,
    code: "PAYMENT_REQUIRED",
    amountSats: 1,
    priceSats: 1,
    token: macaroon,
  });

  const paid = await call(`L402 ${macaroon}:${api.lnd.pay(invoice)}`);
  expect(paid.status).toBe(200);
  expect(paid.body).toEqual({ data: { echo: "hello" } });
  expect(paid.headers["x-satrank-cost-msat"]).toBe("1000");
  expect(paid.headers["x-satrank-balance-msat"]).toBe("0");
});

test("an unpaid challenge writes no row", async () => {
  const before = await books();
  for (let i = 0; i < 5; i++) expect((await call()).status).toBe(402);
  expect(await books()).toEqual(before);
});

test("an overpayment is credited, and an exhausted balance is topped up on the same account", async () => {
  const { authorization } = await buy(2_500n);
  expect((await call(authorization)).headers["x-satrank-balance-msat"]).toBe("1500");
  expect((await call(authorization)).headers["x-satrank-balance-msat"]).toBe("500");
  const exhausted = await call(authorization);
  expect(exhausted.status).toBe(402);
  expect(exhausted.body.code).toBe("BALANCE_EXHAUSTED");

  const topUp = `L402 ${exhausted.body.macaroon}:${api.lnd.pay(exhausted.body.invoice)}`;
  const after = await call(topUp);
  expect(after.status).toBe(200);
  expect(after.headers["x-satrank-balance-msat"]).toBe("500");
});

test("a token whose payment LND has not settled yet meets 425, never a second invoice", async () => {
  const { authorization } = await buy();
  api.lnd.state.settles = false;
  const invoices = api.lnd.count();
  const early = await call(authorization);
  expect(early.status).toBe(425);
  expect(early.body.code).toBe("PAYMENT_PENDING");
  expect(early.headers["retry-after"]).toBeDefined();
  expect(early.headers["www-authenticate"]).toBeUndefined();
  expect(api.lnd.count()).toBe(invoices);
  api.lnd.state.settles = true;
  expect((await call(authorization)).status).toBe(200);
});

test("without LND an open account is served, and a new challenge is 503 with Retry-After", async () => {
  const { authorization } = await buy(3_000n);
  await call(authorization);
  api.lnd.state.dead = true;
  expect((await call(authorization)).status).toBe(200);
  const unpaid = await call();
  expect(unpaid.status).toBe(503);
  expect(unpaid.body.code).toBe("LND_UNAVAILABLE");
  expect(unpaid.headers["retry-after"]).toBeDefined();
  expect(unpaid.headers["www-authenticate"]).toBeUndefined();
});

test("without LND a just-paid token is asked to wait, not to pay again", async () => {
  const { authorization } = await buy();
  api.lnd.state.dead = true;
  const early = await call(authorization);
  expect(early.status).toBe(503);
  expect(early.headers["www-authenticate"]).toBeUndefined();
});

test.each([
  { name: "a missing field", body: {}, status: 400, code: "VALIDATION_FAILED" },
  { name: "a field of the wrong type", body: { word: 7 }, status: 400, code: "VALIDATION_FAILED" },
  { name: "an unknown subject", body: { word: "unknown" }, status: 404, code: "SUBJECT_UNKNOWN" },
  { name: "a body that is too large", body: { word: "x".repeat(70_000) }, status: 413, code: "BODY_TOO_LARGE" },
])("$name is $status $code for a paying caller, and free", async ({ body, status, code }) => {
  const { authorization } = await buy();
  await call(authorization, {}); // a refused body does not even open the account
  const before = await books();
  const answer = await call(authorization, body);
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(answer.headers["content-type"]).toContain("application/problem+json");
  expect(await books()).toEqual(before);
  expect((await call(authorization)).status).toBe(200);
});

test.each([
  { name: "text that is not JSON", type: "application/json", text: "{", status: 400, code: "JSON_MALFORMED" },
  { name: "JSON that is not an object", type: "application/json", text: "[1]", status: 400, code: "VALIDATION_FAILED" },
  { name: "a body of another type", type: "text/plain", text: "hello", status: 415, code: "MEDIA_TYPE_UNSUPPORTED" },
])("$name is $status $code for a paying caller, and free", async ({ type, text, status, code }) => {
  const { authorization } = await buy();
  const before = await books();
  const answer = await request(api.app)
    .post("/api/toll")
    .set("Authorization", authorization)
    .set("Content-Type", type)
    .send(text);
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(await books()).toEqual(before);
});

test.each(["gzip", "deflate", "br"])("a broken %s body is 400 for a paying caller, and free", async (encoding) => {
  const { authorization } = await buy();
  const before = await books();
  const headers = { Authorization: authorization, "Content-Type": "application/json", "Content-Encoding": encoding };
  const answer = await fetch(`${api.origin}/api/toll`, { method: "POST", headers, body: "not compressed at all" });
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, "JSON_MALFORMED"]);
  expect(await books()).toEqual(before);
});

test.each(["text/plain", "application/jsonp"])(
  "an unpaid body of type %s is refused before anything is sold",
  async (type) => {
    const invoices = api.lnd.count();
    const answer = await request(api.app).post("/api/toll").set("Content-Type", type).send("x");
    expect([answer.status, answer.body.code]).toEqual([415, "MEDIA_TYPE_UNSUPPORTED"]);
    expect(api.lnd.count()).toBe(invoices);
  },
);

test("what our own parts say of themselves is not told to strangers", async () => {
  api.lnd.state.dead = true;
  // Somebody new: who was here before may be shown the invoice that still waits for them.
  const answer = await request(api.app).post("/api/toll").set("User-Agent", "somebody new").send({ word: "x" });
  expect(answer.body.detail).not.toContain("LND does not answer");
  expect(answer.body.detail).toContain("tokens that are paid keep working");
});

test("a request with an Idempotency-Key is charged once, and answered again byte by byte", async () => {
  const { authorization } = await buy(3_000n);
  const ask = (key: string, word = "hello") =>
    request(api.app).post("/api/toll").set({ Authorization: authorization, "Idempotency-Key": key }).send({ word });
  const [first, again, quoted] = [await ask("key-1"), await ask("key-1"), await ask('"key-1"')];
  expect([first.status, again.status, quoted.status]).toEqual([200, 200, 200]);
  expect([again.text, quoted.text]).toEqual([first.text, first.text]);
  expect(
    [first, again].map(({ headers }) => [headers["x-satrank-cost-msat"], headers["x-satrank-balance-msat"]]),
  ).toEqual([
    ["1000", "2000"],
    ["0", "2000"],
  ]);
  expect([first, again].map(({ headers }) => headers["idempotency-replayed"])).toEqual([undefined, "true"]);
  const other = await ask("key-1", "another question");
  expect([other.status, other.body.code]).toEqual([409, "RETRY_KEY_REUSED"]);
  expect((await ask("key-2")).headers["x-satrank-balance-msat"]).toBe("1000");
  for (const malformed of ["x".repeat(256), "two words"]) expect((await ask(malformed)).status).toBe(400);
});

test("a token that was withdrawn does not even get an answer that was kept for it", async () => {
  const { authorization } = await buy(2_000n);
  const headers = { Authorization: authorization, "Idempotency-Key": "kept" };
  const ask = () => request(api.app).post("/api/toll").set(headers).send({ word: "hello" });
  expect((await ask()).status).toBe(200);
  await database.pool.query("UPDATE token SET revoked_at = 1 WHERE account_id = (SELECT max(account_id) FROM token)");
  const answer = await ask();
  expect([answer.status, answer.body.code]).toEqual([402, "TOKEN_REVOKED"]);
});

test("a retry while the first request is answered is told so; one after a failure runs anew", async () => {
  const { authorization } = await buy(1_000n);
  const headers = { Authorization: authorization, "Idempotency-Key": "k", "Content-Type": "application/json" };
  const ask = () => fetch(`${api.origin}/api/toll`, { method: "POST", headers, body: '{"word":"hello"}' });
  api.handler.mode = "wait";
  const running = ask();
  while (api.handler.waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const early = await ask();
  expect([early.status, ((await early.json()) as { code: string }).code]).toEqual([409, "REQUEST_IN_PROGRESS"]);
  api.handler.mode = "fail";
  for (const release of api.handler.waiting.splice(0)) release();
  expect((await running).status).toBe(200);
  const { authorization: fresh } = await buy(1_000n);
  headers.Authorization = fresh;
  expect((await ask()).status).toBe(500);
  api.handler.mode = "work";
  expect((await ask()).status).toBe(200);
});

test("a child with a budget spends no more than it, and cannot buy itself a wider one", async () => {
  const { macaroon, preimage, authorization } = await buy(10_000n);
  const child = attenuate(serverHmac, decodeMacaroon(fromBase64(macaroon)!), "satrank_max_sats=2");
  const narrow = `L402 ${toBase64(encodeMacaroon(child))}:${preimage}`;
  const answers = [await call(narrow), await call(narrow), await call(narrow)];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 402]);
  // What the whole account holds is not told to whoever got a part of it.
  expect(answers[0]?.headers["x-satrank-cost-msat"]).toBe("1000");
  for (const { headers } of answers) expect(headers).not.toHaveProperty("x-satrank-balance-msat");
  const refused = await call(narrow);
  expect(refused.body.code).toBe("BUDGET_EXHAUSTED");
  const offered = decodeIdentifier(decodeMacaroon(fromBase64(refused.body.macaroon)!).identifier)!;
  expect(toHex(offered.tokenId)).not.toBe(toHex(decodeIdentifier(child.identifier)!.tokenId));
  expect((await call(authorization)).headers["x-satrank-balance-msat"]).toBe("7000");
});

test("an unpaid caller meets the 402 before its body is judged", async () => {
  const answer = await request(api.app).post("/api/toll").set("Content-Type", "application/json").send("{");
  expect(answer.status).toBe(402);
});

test("a handler that fails gives the price back, exactly", async () => {
  const { authorization } = await buy(1_000n);
  api.handler.mode = "fail";
  for (let i = 0; i < 3; i++) {
    const failed = await call(authorization);
    expect([failed.status, failed.body.code]).toEqual([500, "INTERNAL"]);
  }
  api.handler.mode = "work";
  expect((await call(authorization)).status).toBe(200);
});

test("200 parallel first uses of a 1-sat token: one is served", async () => {
  const { authorization } = await buy();
  const before = api.handler.served;
  const answers = await Promise.all(Array.from({ length: 200 }, () => fetchToll(authorization)));
  const statuses = answers.map((answer) => answer.status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  expect(statuses.filter((status) => ![200, 402, 425].includes(status))).toEqual([]);
  expect(api.handler.served - before).toBe(1);
});

function fetchToll(authorization: string): Promise<Response> {
  const headers = { "Content-Type": "application/json", Authorization: authorization };
  return fetch(`${api.origin}/api/toll`, { method: "POST", headers, body: '{"word":"hello"}' });
}

test("forged and malformed credentials are 401 without a challenge, and cost no invoice", async () => {
  const { macaroon, preimage } = await buy();
  const bytes = fromBase64(macaroon)!;
  const tampered = Uint8Array.from(bytes);
  tampered[tampered.length - 1]! ^= 1;
  const foreign = await startTollApi(database.pool);
  const elsewhere = await request(foreign.app).post("/api/toll").send({ word: "x" });
  const cases = {
    "a flipped bit": `L402 ${toBase64(tampered)}:${preimage}`,
    "another preimage": `L402 ${macaroon}:${toHex(randomBytes(32))}`,
    "cut bytes": `L402 ${toBase64(bytes.slice(0, 40))}:${preimage}`,
    "no macaroon": `L402 :${preimage}`,
    "a preimage alone": `L402 ${preimage}`,
    "a deposit form": `L402 deposit:${preimage}`,
    "not base64": `L402 ???:${preimage}`,
  };
  const invoices = api.lnd.count();
  for (const [name, authorization] of Object.entries(cases)) {
    const answer = await call(authorization);
    expect([name, answer.status]).toEqual([name, 401]);
    expect(answer.headers["www-authenticate"]).toBeUndefined();
  }
  const stranger = await call(`L402 ${elsewhere.body.macaroon}:${foreign.lnd.pay(elsewhere.body.invoice)}`);
  expect(stranger.status).not.toBe(200);
  expect(api.lnd.count() - invoices).toBeLessThanOrEqual(1);
  await foreign.close();
});

test("a settled invoice that no macaroon of ours names opens nothing", async () => {
  const { paymentHash, invoice } = await api.lnd.addInvoice({ amount: 9_000n as never });
  const preimage = api.lnd.pay(invoice);
  const { macaroon } = await buy();
  const answer = await call(`L402 ${macaroon}:${preimage}`);
  expect(answer.status).toBe(401);
  expect(createHash("sha256").update(fromHex(preimage)!).digest().equals(paymentHash)).toBe(true);
});

test("a holder can narrow a token, and the door holds every caveat it knows", async () => {
  const { macaroon, preimage } = await buy(5_000n);
  const narrowed = (caveat: string) => {
    const child = attenuate(serverHmac, decodeMacaroon(fromBase64(macaroon)!), caveat);
    return call(`L402 ${toBase64(encodeMacaroon(child))}:${preimage}`);
  };
  expect((await narrowed("satrank_capabilities=toll")).status).toBe(200);
  expect((await narrowed(`preimage=${preimage}`)).status).toBe(200);
  expect((await narrowed("foreign=anything")).status).toBe(200);
  expect((await narrowed("satrank_capabilities=other")).body.code).toBe("TOKEN_OUT_OF_SCOPE");
  expect((await narrowed("satrank_valid_until=1")).body.code).toBe("TOKEN_EXPIRED");
  expect((await narrowed("satrank_invented=1")).status).not.toBe(200);
  expect((await narrowed("services=elsewhere:0")).status).not.toBe(200);
});

test("topping up from a narrowed token gives a token as narrow", async () => {
  const { macaroon, preimage } = await buy(1_000n);
  const child = attenuate(serverHmac, decodeMacaroon(fromBase64(macaroon)!), "satrank_valid_until=4000000000");
  const narrow = `L402 ${toBase64(encodeMacaroon(child))}:${preimage}`;
  expect((await call(narrow)).status).toBe(200);
  const exhausted = await call(narrow);
  expect(exhausted.body.code).toBe("BALANCE_EXHAUSTED");
  const conditions = decodeMacaroon(fromBase64(exhausted.body.macaroon)!).caveats.map(({ id }) =>
    new TextDecoder().decode(id),
  );
  expect(conditions).toContain("satrank_valid_until=4000000000");
});

test("a revoked account is not topped up: its holder is offered a new one", async () => {
  const { macaroon, authorization } = await buy(5_000n);
  expect((await call(authorization)).status).toBe(200);
  const tokenId = decodeIdentifier(decodeMacaroon(fromBase64(macaroon)!).identifier)!.tokenId;
  await database.pool.query("UPDATE token SET revoked_at = 1 WHERE token_id = $1", [tokenId]);
  const refused = await call(authorization);
  expect([refused.status, refused.body.code]).toEqual([402, "TOKEN_REVOKED"]);
  const offered = decodeIdentifier(decodeMacaroon(fromBase64(refused.body.macaroon)!).identifier)!.tokenId;
  expect(toHex(offered)).not.toBe(toHex(tokenId));
});

test("the operator is served without paying, with an audit row written first, and never by a wrong secret", async () => {
  const rows = async () => Number((await database.pool.query("SELECT count(*) AS n FROM operator_use")).rows[0].n);
  const before = await rows();
  const served = await request(api.app)
    .post("/api/toll")
    .set("X-Operator-Token", OPERATOR_SECRET)
    .send({ word: "hello" });
  expect(served.status).toBe(200);
  expect(await rows()).toBe(before + 1);
  for (const wrong of ["", OPERATOR_SECRET.slice(1), `${OPERATOR_SECRET} `.toUpperCase()]) {
    const refused = await request(api.app).post("/api/toll").set("X-Operator-Token", wrong).send({ word: "hello" });
    expect([refused.status, refused.body.code]).toEqual([403, "OPERATOR_TOKEN_INVALID"]);
  }
  expect(await rows()).toBe(before + 1);
  expect(api.logs()).not.toContain(OPERATOR_SECRET);
});

test("a dead database is 503 with Retry-After, and nobody is served", async () => {
  const { authorization } = await buy();
  const dead = openDatabase({
    url: "postgres://postgres@127.0.0.1:1/none",
    maxConnections: 2,
    onError: () => undefined,
  });
  const lost = await startTollApi(dead, { keyRing: api.keyRing });
  for (const headers of [{}, { Authorization: authorization }, { "X-Operator-Token": OPERATOR_SECRET }]) {
    const answer = await request(lost.app).post("/api/toll").set(headers).send({ word: "hello" });
    expect([answer.status, answer.body.code]).toEqual([503, "DATABASE_UNAVAILABLE"]);
    expect(answer.headers["retry-after"]).toBeDefined();
    expect(answer.headers["www-authenticate"]).toBeUndefined();
  }
  expect(lost.handler.served).toBe(0);
  await lost.close();
  await dead.end();
  expect((await call(authorization)).status).toBe(200);
});

test("challenges from one address range are limited before an invoice is made", async () => {
  const limited = await startTollApi(database.pool, { challengesPerMinute: 3 });
  const from = (address: string) =>
    request(limited.app).post("/api/toll").set("X-Forwarded-For", address).send({ word: "x" });
  const statuses = [];
  for (let i = 0; i < 5; i++) statuses.push((await from(`198.51.100.${i}`)).status);
  expect(statuses).toEqual([402, 402, 402, 429, 429]);
  expect(limited.lnd.count()).toBe(3);
  expect((await from("203.0.113.5")).status).toBe(402);
  await limited.close();
});

test("no spelling of Authorization is served without exactly one committed charge", async () => {
  const { macaroon, preimage } = await buy(1_000_000_000n);
  await call(`L402 ${macaroon}:${preimage}`);
  const part = fc.oneof(
    fc.constantFrom(
      "L402",
      "LSAT",
      "l402",
      "LsAt",
      "Bearer",
      "Basic",
      "deposit",
      "deposit:",
      " ",
      "\t",
      ":",
      ",",
      "=",
      "",
      "L402 ",
      "preimage=",
    ),
    fc.constantFrom(
      macaroon,
      preimage,
      preimage.toUpperCase(),
      macaroon.replaceAll("+", "-").replaceAll("/", "_"),
      macaroon.replace(/=+$/, ""),
    ),
    fc.string({ unit: "binary-ascii", maxLength: 12 }).map((text) => text.replace(/[^\x20-\x7e]/g, "")),
  );
  const header = fc.array(part, { maxLength: 7 }).map((parts) => parts.join("").trim());
  const charges = async () =>
    Number(
      (await database.pool.query("SELECT (SELECT count(*) FROM charge) - (SELECT count(*) FROM refund) AS n")).rows[0]
        .n,
    );
  await fc.assert(
    fc.asyncProperty(header, async (authorization) => {
      const [served, settled] = [api.handler.served, await charges()];
      const { status } = await fetchToll(authorization);
      const ran = api.handler.served - served;
      expect([200, 401, 402]).toContain(status);
      expect(ran).toBe(status === 200 ? 1 : 0);
      expect((await charges()) - settled).toBe(ran);
    }),
    { numRuns: 1_500 },
  );
});

test("no part of a credential reaches a log", async () => {
  const { macaroon, preimage, authorization } = await buy();
  api.handler.mode = "fail";
  await call(authorization);
  await call(`L402 ${macaroon}:${toHex(randomBytes(32))}`);
  expect(api.logs()).not.toContain(preimage);
  expect(api.logs()).not.toContain(macaroon);
});

test("while a dead process holds the price, its caller is asked to wait, not to pay again", async () => {
  const { macaroon, authorization } = await buy(2_000n);
  expect((await call(authorization)).status).toBe(200);
  const { tokenId } = decodeIdentifier(decodeMacaroon(fromBase64(macaroon)!).identifier)!;
  const dead = chargeTable(database.pool);
  const held = await dead.reserve({ tokenId, operation: "toll", amount: msat(1_000n), at: now(), budgets: [] });
  expect(held.held).toBe(true);
  const invoices = api.lnd.count();
  const early = await call(authorization);
  expect([early.status, early.body.code]).toEqual([425, "PAYMENT_PENDING"]);
  expect(api.lnd.count()).toBe(invoices);
  await dead.end(now());
  expect((await call(authorization)).status).toBe(200);
});

test("beyond a thousand requests at once the rest are told to come back, and the door recovers", async () => {
  const { authorization } = await buy(2_000_000n);
  await call(authorization);
  api.handler.mode = "wait";
  const first = Array.from({ length: 1_000 }, () => fetchToll(authorization));
  while (api.handler.waiting.length < 1_000) await new Promise((resolve) => setTimeout(resolve, 5));
  const refused = await fetchToll(authorization);
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([503, "OVERLOADED"]);
  api.handler.mode = "work";
  for (const release of api.handler.waiting.splice(0)) release();
  expect((await Promise.all(first)).every((answer) => answer.status === 200)).toBe(true);
  expect((await call(authorization)).status).toBe(200);
});

test("a caller who hangs up is not charged", async () => {
  const { macaroon, authorization } = await buy(1_000n);
  const { tokenId } = decodeIdentifier(decodeMacaroon(fromBase64(macaroon)!).identifier)!;
  api.handler.mode = "wait";
  const controller = new AbortController();
  const headers = { "Content-Type": "application/json", Authorization: authorization };
  const gone = fetch(`${api.origin}/api/toll`, {
    method: "POST",
    headers,
    body: '{"word":"hello"}',
    signal: controller.signal,
  }).catch(() => undefined);
  while (!(await isHeld())) await new Promise((resolve) => setTimeout(resolve, 10));
  controller.abort();
  await gone;
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const release of api.handler.waiting.splice(0)) release();
  api.handler.mode = "work";
  for (let i = 0; i < 50 && (await isHeld()); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect((await call(authorization)).status).toBe(200);

  async function isHeld(): Promise<boolean> {
    const account = await tokenTable(database.pool).account(tokenId);
    return account !== undefined && account.held > 0n;
  }
});
