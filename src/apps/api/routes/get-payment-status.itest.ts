/** The preimage of a deposit, for the holder of its macaroon and for nobody else. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { fromBase64, fromHex, toBase64 } from "../../../core/bytes.ts";
import { keyRingOf } from "../../../core/l402/root-key.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { holderOn, narrow, read } from "../../../testing/holder.ts";
import { startTollApi, type Toll } from "../../../testing/toll-api.ts";
import { serverHmac } from "../../hmac.ts";

let database: TestDatabase;
let api: Toll;
let holder: ReturnType<typeof holderOn>;
beforeAll(async () => {
  database = await openTestDatabase(10);
  api = await startTollApi(database.pool);
  holder = holderOn(api);
});
beforeEach(() => {
  api.lnd.state.dead = false;
  api.lnd.state.settles = true;
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const status = (macaroon: unknown) => holder.ask("/api/deposit/status", undefined, { body: { macaroon } });

test("open, then settled with the preimage; the macaroon and that preimage open the account", async () => {
  const { macaroon, invoice } = await holder.offer(500);
  expect((await status(macaroon)).data).toEqual({ state: "open", preimage: null });
  const preimage = api.lnd.pay(invoice);
  const settled = await status(macaroon);
  expect(settled.headers.get("cache-control")).toBe("no-store");
  expect(settled.data).toEqual({ state: "settled", preimage });
  expect((await holder.ask("/api/balance", { macaroon, preimage: settled.data.preimage })).data.balanceMsat).toBe(
    "500000",
  );
  expect(api.logs() + (await api.metrics())).not.toContain(preimage);
});

test("an offer to top up is asked about in the same way, from a narrowed copy too; a canceled invoice says so", async () => {
  const owned = await holder.deposit(21);
  const { data } = await holder.ask("/api/deposit", owned, { body: { amountSat: 30, topUp: true } });
  const preimage = api.lnd.pay(data.invoice);
  expect((await status(data.macaroon)).data).toEqual({ state: "settled", preimage });
  const copy = narrow({ macaroon: data.macaroon, preimage }, "satrank_max_sats=1");
  expect((await status(copy.macaroon)).data.state).toBe("settled");

  const { macaroon } = await holder.offer(22);
  await api.lnd.cancelInvoice(fromHex(read(macaroon).paymentHash)!);
  expect((await status(macaroon)).data).toEqual({ state: "canceled", preimage: null });
});

test("a priced call's invoice is shared behind an address: whoever else was offered it gets no preimage of it", async () => {
  const [mine, stranger] = [await holder.call(), await holder.call()];
  expect(stranger.body["invoice"]).toBe(mine.body["invoice"]);
  expect(stranger.body["macaroon"]).not.toBe(mine.body["macaroon"]);
  const preimage = api.lnd.pay(String(mine.body["invoice"]));
  for (const { body } of [mine, stranger]) {
    const answer = await status(body["macaroon"]);
    expect([answer.status, answer.code]).toEqual([404, "PAYMENT_UNKNOWN"]);
    expect(JSON.stringify(answer.body)).not.toContain(preimage);
  }
});

test("deposits of one address are never shared, so their macaroons know only their own payment", async () => {
  const [mine, other] = [await holder.offer(100), await holder.offer(100)];
  expect(other.invoice).not.toBe(mine.invoice);
  api.lnd.pay(mine.invoice);
  expect((await status(other.macaroon)).data).toEqual({ state: "open", preimage: null });
});

test("a macaroon that is none of ours, or of an invoice that is none of ours, learns nothing and asks LND nothing", async () => {
  const { macaroon, invoice } = await holder.offer(100);
  api.lnd.pay(invoice);
  const bytes = fromBase64(macaroon)!;
  const flip = (at: number) => toBase64(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)));
  const foreign = await startTollApi(database.pool, { keyRing: keyRingOf(serverHmac, [randomBytes(32)]) });
  const elsewhere = await holderOn(foreign).offer(100);
  await foreign.close();
  const lookups = api.lnd.state.lookups;
  // A bit of the signature, of the payment hash and of the account; and a macaroon of another oracle.
  for (const forged of [flip(bytes.length - 1), flip(12), flip(60), elsewhere.macaroon]) {
    const answer = await status(forged);
    expect([answer.status, answer.code]).toEqual([404, "PAYMENT_UNKNOWN"]);
  }
  expect(api.lnd.state.lookups).toBe(lookups);
});

test.each([
  { name: "no macaroon", macaroon: undefined, code: "VALIDATION_FAILED" },
  { name: "nothing", macaroon: "", code: "VALIDATION_FAILED" },
  { name: "more than any macaroon", macaroon: "A".repeat(20_000), code: "VALIDATION_FAILED" },
  { name: "no base64", macaroon: "???", code: "MACAROON_MALFORMED" },
  { name: "other bytes", macaroon: "AAAA", code: "MACAROON_MALFORMED" },
])("a question with $name is 400 $code", async ({ macaroon, code }) => {
  const answer = await status(macaroon);
  expect([answer.status, answer.code]).toEqual([400, code]);
});

test("without LND it is 503, and too many questions are 429 before LND hears of them", async () => {
  const { macaroon } = await holder.offer(100);
  api.lnd.state.dead = true;
  expect((await status(macaroon)).code).toBe("LND_UNAVAILABLE");
  await database.pool.query("DELETE FROM rate_limit");
  const busy = await startTollApi(database.pool, { lookupsPerMinute: 3, keyRing: api.keyRing });
  const asked = [];
  for (let i = 0; i < 5; i++)
    asked.push(await holderOn(busy).ask("/api/deposit/status", undefined, { body: { macaroon } }));
  expect(asked.map((answer) => answer.code)).toEqual([
    ...Array(3).fill("PAYMENT_UNKNOWN"),
    "RATE_LIMITED",
    "RATE_LIMITED",
  ]);
  expect(asked[4]!.headers.get("retry-after")).toMatch(/^[1-9]\d?$/);
  expect(busy.lnd.state.lookups).toBe(3);
  await busy.close();
});
