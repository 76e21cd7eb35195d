/** What a holder sees of its account through HTTP, and what the holder of a part of it does not. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { holderOn, narrow, type Owned, randomKey, read } from "../../../testing/holder.ts";
import { startTollApi, type Toll } from "../../../testing/toll-api.ts";
import { balanceAnswer } from "./get-balance.ts";
import { getStatementContract } from "./get-statement.ts";

let database: TestDatabase;
let api: Toll;
let holder: ReturnType<typeof holderOn>;
beforeAll(async () => {
  database = await openTestDatabase(20);
  api = await startTollApi(database.pool);
  holder = holderOn(api);
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

const balance = (owned?: Owned) => holder.ask("/api/balance", owned);
const statement = (owned: Owned, query = "") => holder.ask(`/api/balance/statement${query}`, owned);

test("a payment is claimed by looking, and the account adds up while a call runs and after it failed", async () => {
  const owned = await holder.deposit(100);
  const first = await balance(owned);
  expect(first.headers.get("cache-control")).toBe("no-store");
  expect(balanceAnswer.parse(first.data)).toEqual(first.data);
  expect(first.data).toEqual({
    balanceMsat: "100000",
    tier: 0,
    ratePermille: 1000,
    validUntil: null,
    budgets: [],
    account: {
      balanceMsat: "100000",
      heldMsat: "0",
      depositedMsat: "100000",
      spentMsat: "0",
      openedAt: expect.any(Number),
    },
  });
  await holder.call(owned);
  api.handler.mode = "wait";
  const running = holder.call(owned);
  await expect.poll(() => api.handler.waiting.length).toBe(1);
  const during = { balanceMsat: "98000", heldMsat: "1000", depositedMsat: "100000", spentMsat: "1000" };
  expect((await balance(owned)).data.account).toMatchObject(during);
  api.handler.mode = "fail";
  for (const resume of api.handler.waiting.splice(0)) resume();
  await running;
  await holder.call(owned);
  expect((await balance(owned)).data.account).toMatchObject({ balanceMsat: "98000", heldMsat: "0", spentMsat: "2000" });
});

test("a child sees what it may spend, its own limits and its end, and nothing of the account", async () => {
  const owned = await holder.deposit(100);
  const child = narrow(owned, "satrank_max_sats=50", "satrank_valid_until=4000000000", "satrank_max_sats=3");
  await holder.call(child);
  const seen = (await balance(child)).data;
  expect(seen).toMatchObject({
    balanceMsat: "2000",
    validUntil: 4_000_000_000,
    budgets: [
      { limitMsat: "50000", spentMsat: "1000" },
      { limitMsat: "3000", spentMsat: "1000" },
    ],
    account: null,
  });
  const rich = narrow(owned, "satrank_max_sats=1000");
  expect((await balance(rich)).data.balanceMsat).toBe("99000");
  const refused = await statement(child);
  expect([refused.status, refused.code]).toEqual([403, "TOKEN_OUT_OF_SCOPE"]);
});

test("each caveat holds here as it does where calls are paid", async () => {
  const owned = await holder.deposit(21);
  const cases = [
    { caveat: "satrank_capabilities=toll", want: [403, "TOKEN_OUT_OF_SCOPE"] },
    { caveat: "satrank_capabilities=toll,getBalance", want: [200, undefined] },
    { caveat: "satrank_route=/api/balance", want: [200, undefined] },
    { caveat: "satrank_route=/api/toll", want: [403, "TOKEN_OUT_OF_SCOPE"] },
    { caveat: "satrank_method=POST", want: [403, "TOKEN_OUT_OF_SCOPE"] },
    { caveat: "satrank_ip=192.0.2.1", want: [403, "TOKEN_OUT_OF_SCOPE"] },
    { caveat: "satrank_valid_until=1", want: [403, "TOKEN_EXPIRED"] },
    { caveat: "satrank_invented=1", want: [403, "TOKEN_OUT_OF_SCOPE"] },
    { caveat: "services=satrank:4", want: [403, "TOKEN_OUT_OF_SCOPE"] },
  ];
  for (const { caveat, want } of cases) {
    const answer = await balance(narrow(owned, caveat));
    expect([caveat, answer.status, answer.code]).toEqual([caveat, ...want]);
    expect(answer.headers.has("www-authenticate")).toBe(false);
  }
});

test("without a token, with none of ours and with half of one: 401, no challenge, no invoice", async () => {
  const owned = await holder.deposit(21);
  const invoices = api.lnd.count();
  const cases = [
    { owned: undefined, code: "CREDENTIAL_REQUIRED" },
    { owned: { ...owned, preimage: "22".repeat(32) }, code: "CREDENTIAL_INVALID" },
    { owned: { macaroon: "", preimage: owned.preimage }, code: "CREDENTIAL_MALFORMED" },
    { owned: { macaroon: owned.macaroon, preimage: "" }, code: "CREDENTIAL_MALFORMED" },
    { owned: { macaroon: "AAAA", preimage: owned.preimage }, code: "CREDENTIAL_MALFORMED" },
  ];
  for (const path of ["/api/balance", "/api/balance/statement", "/api/token/rotate"]) {
    for (const { owned, code } of cases) {
      const answer = await holder.ask(path, owned, { method: path.startsWith("/api/token") ? "POST" : "GET" });
      expect([path, answer.status, answer.code]).toEqual([path, 401, code]);
      expect(answer.headers.has("www-authenticate")).toBe(false);
    }
  }
  expect(api.lnd.count()).toBe(invoices);
});

test("a payment on its way is 425, and a revoked account says so", async () => {
  const owned = await holder.deposit(21);
  api.lnd.state.settles = false;
  expect([(await balance(owned)).code, (await statement(owned)).code]).toEqual(["PAYMENT_PENDING", "PAYMENT_PENDING"]);
  api.lnd.state.settles = true;
  expect((await balance(owned)).status).toBe(200);
  api.lnd.state.dead = true;
  expect((await balance(owned)).status).toBe(200);
  await database.pool.query("UPDATE token SET revoked_at = 1 WHERE encode(token_id, 'hex') = $1", [
    read(owned.macaroon).tokenId,
  ]);
  for (const answer of [await balance(owned), await statement(owned)])
    expect([answer.status, answer.code]).toEqual([403, "TOKEN_REVOKED"]);
});

test("the statement tells every movement once, page by page, with what names it", async () => {
  const owned = await holder.deposit(50);
  await holder.call(owned);
  api.handler.mode = "fail";
  await holder.call(owned);
  api.handler.mode = "work";
  for (let call = 0; call < 5; call++) await holder.call(owned);
  const whole = await statement(owned);
  expect(getStatementContract.response.parse(whole.data)).toEqual(whole.data);
  expect(whole.data.nextCursor).toBeNull();
  const { lines } = whole.data;
  expect(lines).toHaveLength(8);
  expect(lines.filter(({ refundedAt }: { refundedAt: number | null }) => refundedAt !== null)).toMatchObject([
    {
      kind: "charge",
      amountMsat: "1000",
      operation: "toll",
      paymentHash: null,
      chargeId: expect.stringMatching(/^\d+$/),
    },
  ]);
  expect(lines.filter(({ kind }: { kind: string }) => kind === "deposit")).toEqual([
    {
      kind: "deposit",
      amountMsat: "50000",
      at: expect.any(Number),
      operation: null,
      refundedAt: null,
      paymentHash: read(owned.macaroon).paymentHash,
      chargeId: null,
    },
  ]);
  const paged = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof statement>> = await statement(
      owned,
      `?limit=3${cursor && `&cursor=${cursor}`}`,
    );
    paged.push(...page.data.lines);
    cursor = page.data.nextCursor;
  }
  expect(paged).toEqual(lines);
});

test.each([
  "?limit=0",
  "?limit=101",
  "?limit=x",
  "?cursor=x",
  `?cursor=${btoa("1.p00")}`,
  "?cursor=%00",
  `?cursor=${"a".repeat(300)}`,
])("a statement of %s is 400", async (query) => {
  const owned = await holder.deposit(21);
  const answer = await statement(owned, query);
  expect([answer.status, answer.code]).toEqual([400, "VALIDATION_FAILED"]);
});

test("a rotated account shows where its balance came from", async () => {
  const owned = await holder.deposit(40);
  await holder.call(owned);
  const { data } = await holder.rotate(owned, randomKey());
  const fresh = { macaroon: data.macaroon, preimage: owned.preimage };
  expect((await statement(fresh)).data.lines).toMatchObject([
    { kind: "move", amountMsat: "39000", operation: null, paymentHash: null, chargeId: null },
  ]);
  expect((await balance(fresh)).data.account).toMatchObject({
    balanceMsat: "39000",
    depositedMsat: "39000",
    spentMsat: "0",
  });
});
