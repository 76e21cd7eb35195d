/** Deposits through HTTP: what is bought is what was offered, and who has paid is never asked again. */
import { fetch402 } from "@getalby/lightning-tools/402";
import { fetchWithL402 } from "@getalby/lightning-tools/402/l402";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { checkBooks } from "../../../adapters/postgres/reconciliation.ts";
import { decodeInvoice } from "../../../core/bolt11/decode.ts";
import { keyRingOf } from "../../../core/l402/root-key.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { authorization, holderOn, narrow, type Owned, read } from "../../../testing/holder.ts";
import { startTollApi, type Toll } from "../../../testing/toll-api.ts";
import { serverHmac } from "../../hmac.ts";

let database: TestDatabase;
let api: Toll;
let holder: ReturnType<typeof holderOn>;
beforeAll(async () => {
  database = await openTestDatabase(20);
  api = await startTollApi(database.pool);
  holder = holderOn(api);
});
beforeEach(() => {
  api.lnd.state.dead = false;
  api.lnd.state.settles = true;
});
afterAll(async () => {
  expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
  await api.close();
  await database.close();
});

const deposit = (body: unknown, owned?: Owned) => holder.ask("/api/deposit", owned, { body });
const invoiceOf = (body: Record<string, unknown>) => decodeInvoice(String(body["invoice"]));

test("without a token: a challenge for exactly that amount, for a new account, with its tier engraved", async () => {
  const [first, second] = [await deposit({ amountSat: 10_000 }), await deposit({ amountSat: 10_000 })];
  expect([first.status, first.code]).toEqual([402, "PAYMENT_REQUIRED"]);
  expect(first.headers.get("www-authenticate")).toMatch(/^L402 macaroon="/);
  expect(first.headers.get("cache-control")).toBe("no-store");
  expect(first.body).toMatchObject({ amountSats: 10_000 });
  expect(invoiceOf(first.body)).toMatchObject({ amount: 10_000_000n, description: "SatRank deposit" });
  const [one, other] = [read(String(first.body["macaroon"])), read(String(second.body["macaroon"]))];
  expect(one.caveats).toEqual(["services=satrank:2"]);
  expect(other.tokenId).not.toBe(one.tokenId);
  expect(other.paymentHash).not.toBe(one.paymentHash);
});

const wallet = { payInvoice: async ({ invoice }: { invoice: string }) => ({ preimage: api.lnd.pay(invoice) }) };
test.each([
  { name: "fetch402", client: fetch402 },
  { name: "fetchWithL402", client: fetchWithL402 },
])("a client that pays by itself completes it: Alby $name", async ({ client }) => {
  const invoices = api.lnd.count();
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"amountSat":1000}' };
  const response = await client(`${api.origin}/api/deposit`, request, { wallet } as never);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ data: { balanceMsat: "1000000", tier: 1, ratePermille: 500 } });
  expect(api.lnd.count()).toBe(invoices + 1);
});

test("an answer that got lost is had again with the same credential: never a second 402", async () => {
  const owned = await holder.deposit(1_000);
  const invoices = api.lnd.count();
  const answers = await Promise.all(Array.from({ length: 20 }, () => deposit({ amountSat: 1_000 }, owned)));
  for (const { status, data } of answers) expect([status, data.account.depositedMsat]).toEqual([200, "1000000"]);
  expect(api.lnd.count()).toBe(invoices);
});

test("a payment that LND has not settled is 425, one that LND cannot confirm 503, a booked one 200 without LND", async () => {
  const owned = await holder.deposit(50);
  api.lnd.state.settles = false;
  const early = await deposit({ amountSat: 50 }, owned);
  expect([early.status, early.code]).toEqual([425, "PAYMENT_PENDING"]);
  expect(early.headers.get("www-authenticate")).toBeNull();
  api.lnd.state.settles = true;
  api.lnd.state.dead = true;
  expect((await deposit({ amountSat: 50 }, owned)).status).toBe(503);
  api.lnd.state.dead = false;
  expect((await deposit({ amountSat: 50 }, owned)).status).toBe(200);
  api.lnd.state.dead = true;
  expect((await deposit({ amountSat: 50 }, owned)).status).toBe(200);
});

test("an overpayment is credited in full, in the tier that was offered", async () => {
  const owned = await holder.deposit(999, 1_500_000n);
  expect((await deposit({ amountSat: 999 }, owned)).data).toMatchObject({ balanceMsat: "1500000", tier: 0 });
});

test.each([20, 0, -5, 1_000_001, 21.5, "21", null])(
  "a deposit of %s sat is refused before anything is made",
  async (sat) => {
    const invoices = api.lnd.count();
    const answer = await deposit({ amountSat: sat });
    expect([answer.status, answer.code]).toEqual([400, "VALIDATION_FAILED"]);
    expect(api.lnd.count()).toBe(invoices);
  },
);

test("a top-up is an offer, not a 402: the same account, the better tier, and everything spends at it", async () => {
  const owned = await holder.deposit(100);
  const offer = await deposit({ amountSat: 10_000, topUp: true }, owned);
  expect(offer.status).toBe(201);
  expect(offer.headers.get("www-authenticate")).toBeNull();
  expect(offer.data).toMatchObject({ amountSat: 10_000, tier: 2, ratePermille: 200, token: offer.data.macaroon });
  const invoice = invoiceOf(offer.data);
  expect(invoice).toMatchObject({ amount: 10_000_000n, description: "SatRank deposit" });
  expect(offer.data.expiresAt).toBe(invoice.timestamp + invoice.expirySec);
  const [before, after] = [read(owned.macaroon), read(offer.data.macaroon)];
  expect(after).toEqual({
    tokenId: before.tokenId,
    paymentHash: offer.data.paymentHash,
    caveats: ["services=satrank:2"],
  });

  const topped = { macaroon: offer.data.macaroon, preimage: api.lnd.pay(offer.data.invoice) };
  expect((await deposit({ amountSat: 10_000 }, topped)).data).toMatchObject({ balanceMsat: "10100000", tier: 2 });
  expect((await holder.call(topped)).headers.get("x-satrank-cost-msat")).toBe("200");
  expect((await holder.call(owned)).headers.get("x-satrank-cost-msat")).toBe("1000");
  expect((await holder.ask("/api/balance", owned)).data.account).toMatchObject({ balanceMsat: "10098800" });
});

test("a small top-up keeps the tier, and the restrictions of whoever asks", async () => {
  const owned = await holder.deposit(10_000);
  const child = narrow(owned, "satrank_method=POST", "services=satrank:2", "satrank_valid_until=4000000000");
  const offer = await deposit({ amountSat: 21, topUp: true }, child);
  expect(offer.data).toMatchObject({ tier: 2, ratePermille: 200 });
  expect(read(offer.data.macaroon).caveats).toEqual([
    "services=satrank:2",
    "satrank_method=POST",
    "services=satrank:2",
    "satrank_valid_until=4000000000",
  ]);
  const raised = await deposit({ amountSat: 100_000, topUp: true }, child);
  expect(read(raised.data.macaroon).caveats.slice(0, 3)).toEqual([
    "services=satrank:3",
    "satrank_method=POST",
    "services=satrank:3",
  ]);
  const paid = { macaroon: raised.data.macaroon, preimage: api.lnd.pay(raised.data.invoice) };
  expect((await holder.call(paid)).headers.get("x-satrank-cost-msat")).toBe("100");
});

test("who was handed a budget pays into no account, and nobody is asked to pay one above its limit", async () => {
  const owned = await holder.deposit(1_000_000);
  const child = narrow(owned, "satrank_max_sats=5");
  const refused = await deposit({ amountSat: 21, topUp: true }, child);
  expect([refused.status, refused.code]).toEqual([403, "TOKEN_OUT_OF_SCOPE"]);
  let topped = owned;
  const invoices = api.lnd.count();
  for (let million = 2; million <= 10; million++) {
    const { data } = await deposit({ amountSat: 1_000_000, topUp: true }, topped);
    topped = { macaroon: data.macaroon, preimage: api.lnd.pay(data.invoice) };
  }
  const full = await deposit({ amountSat: 21, topUp: true }, topped);
  expect([full.status, full.code]).toEqual([409, "BALANCE_LIMIT"]);
  expect(api.lnd.count()).toBe(invoices + 9);
});

test("a top-up without a token is 401, and no token of ours but one that opens nothing is offered a new account", async () => {
  const owned = await holder.deposit(21);
  await deposit({ amountSat: 21 }, owned);
  const forged = { ...owned, preimage: "00".repeat(32) };
  const expired = narrow(owned, "satrank_valid_until=1");
  const narrowed = narrow(owned, "satrank_capabilities=toll");
  const retired = await startTollApi(database.pool, { keyRing: keyRingOf(serverHmac, [otherKey(api)]) });
  const old = await holderOn(retired).deposit(21);
  await retired.close();
  const cases = [
    { owned: undefined, topUp: true, want: [401, "CREDENTIAL_REQUIRED"] },
    { owned: forged, topUp: true, want: [401, "CREDENTIAL_INVALID"] },
    { owned: forged, topUp: false, want: [401, "CREDENTIAL_INVALID"] },
    { owned: expired, topUp: true, want: [403, "TOKEN_EXPIRED"] },
    { owned: expired, topUp: false, want: [402, "TOKEN_EXPIRED"] },
    { owned: narrowed, topUp: true, want: [403, "TOKEN_OUT_OF_SCOPE"] },
    { owned: narrowed, topUp: false, want: [403, "TOKEN_OUT_OF_SCOPE"] },
    { owned: old, topUp: true, want: [403, "TOKEN_KEY_RETIRED"] },
    { owned: old, topUp: false, want: [402, "TOKEN_KEY_RETIRED"] },
  ];
  for (const { owned, topUp, want } of cases) {
    const invoices = api.lnd.count();
    const answer = await deposit({ amountSat: 21, topUp }, owned);
    expect([answer.status, answer.code]).toEqual(want);
    expect(answer.headers.has("www-authenticate")).toBe(answer.status === 402);
    expect(api.lnd.count() - invoices).toBe(answer.status === 402 ? 1 : 0);
  }
  await database.pool.query("UPDATE token SET revoked_at = 1 WHERE encode(token_id, 'hex') = $1", [
    read(owned.macaroon).tokenId,
  ]);
  expect([
    (await deposit({ amountSat: 21 }, owned)).code,
    (await deposit({ amountSat: 21, topUp: true }, owned)).code,
  ]).toEqual(["TOKEN_REVOKED", "TOKEN_REVOKED"]);
});

/** A key with another name than the api's. */
function otherKey({ keyRing }: Toll): Uint8Array {
  for (let fill = 0; ; fill++) {
    const key = new Uint8Array(32).fill(fill);
    if (keyRingOf(serverHmac, [key]).currentKeyId !== keyRing.currentKeyId) return key;
  }
}

test("the operator's token means nothing where accounts are", async () => {
  const headers = { "X-Operator-Token": "operator-secret-of-at-least-32-characters" };
  const bought = await holder.ask("/api/deposit", undefined, { body: { amountSat: 21 }, headers });
  expect(bought.status).toBe(402);
  expect((await holder.ask("/api/balance", undefined, { headers })).status).toBe(401);
});

test("no part of a credential is in a log line or a metric", async () => {
  const owned = await holder.deposit(77);
  await deposit({ amountSat: 77 }, owned);
  await deposit({ amountSat: 77 }, { ...owned, preimage: "11".repeat(32) });
  const seen = api.logs() + (await api.metrics());
  for (const secret of [owned.preimage, owned.macaroon, read(owned.macaroon).tokenId])
    expect(seen).not.toContain(secret);
  expect(authorization(owned)).toContain(owned.preimage);
});
