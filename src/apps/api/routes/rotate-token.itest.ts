/** A leaked token is replaced: the balance is safe, the old token is dead, and a lost answer loses nothing. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { checkBooks } from "../../../adapters/postgres/reconciliation.ts";
import { keyRingOf } from "../../../core/l402/root-key.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { authorization, holderOn, narrow, randomKey, read } from "../../../testing/holder.ts";
import { startTollApi, type Toll } from "../../../testing/toll-api.ts";
import { serverHmac } from "../../hmac.ts";

let database: TestDatabase;
let api: Toll;
let holder: ReturnType<typeof holderOn>;
beforeAll(async () => {
  database = await openTestDatabase(30);
  api = await startTollApi(database.pool);
  holder = holderOn(api);
});
beforeEach(() => {
  api.handler.mode = "work";
  api.lnd.state.settles = true;
});
afterAll(async () => {
  expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
  await api.close();
  await database.close();
});

const refunds = async () => (await database.pool.query("SELECT count(*)::integer AS n FROM refund")).rows[0].n;

test("the new token has the preimage, the tier and the balance of the old one, which opens nothing any more", async () => {
  const owned = await holder.deposit(1_000);
  await holder.call(owned);
  const answer = await holder.rotate(owned, randomKey());
  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const { macaroon } = answer.data;
  const [before, after] = [read(owned.macaroon), read(macaroon)];
  expect(after).toMatchObject({ paymentHash: before.paymentHash, caveats: ["services=satrank:1"] });
  expect(after.tokenId).not.toBe(before.tokenId);

  const fresh = { macaroon, preimage: owned.preimage };
  expect((await holder.ask("/api/balance", fresh)).data).toMatchObject({ balanceMsat: "999500", tier: 1 });
  expect((await holder.call(fresh)).headers.get("x-satrank-cost-msat")).toBe("500");
  expect((await holder.call(owned)).code).toBe("TOKEN_REVOKED");
  expect((await holder.call(narrow(owned, "satrank_max_sats=5"))).code).toBe("TOKEN_REVOKED");
  expect((await holder.ask("/api/balance", owned)).code).toBe("TOKEN_REVOKED");
  // Its payment is not credited a second time by the new macaroon.
  expect((await holder.ask("/api/balance", fresh)).data.account.depositedMsat).toBe("999500");
});

test("a lost answer: the old token with the same key gets the same new token, as often as it asks", async () => {
  const owned = await holder.deposit(50);
  const key = randomKey();
  const [first, second] = [await holder.rotate(owned, key), await holder.rotate(owned, key)];
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(second.data.macaroon).toBe(first.data.macaroon);
  const fresh = { macaroon: second.data.macaroon, preimage: owned.preimage };
  await holder.call(fresh);
  expect((await holder.rotate(owned, key)).data.macaroon).toBe(first.data.macaroon);
  expect((await holder.ask("/api/balance", fresh)).data.balanceMsat).toBe("49000");
});

test("the old token alone is not told the new one: a thief with another key gets nothing", async () => {
  const owned = await holder.deposit(50);
  const [key, guess] = [randomKey(), randomKey()];
  const { data } = await holder.rotate(owned, key);
  const thief = await holder.rotate(owned, guess);
  expect([thief.status, thief.code]).toEqual([403, "TOKEN_REVOKED"]);
  expect(JSON.stringify(thief.body)).not.toContain(data.macaroon);
});

test("50 parallel rotations with one key, of a balance that calls are running on: one new token, nothing lost", async () => {
  const owned = await holder.deposit(90);
  await holder.call(owned);
  const key = randomKey();
  const asked = Array.from({ length: 50 }, () => holder.rotate(owned, key));
  const calls = Array.from({ length: 50 }, () => holder.call(owned));
  const answers = await Promise.all(asked);
  const served = (await Promise.all(calls)).filter(({ status }) => status === 200).length;
  expect(new Set(answers.map(({ status, data }) => `${status} ${data.macaroon}`)).size).toBe(1);
  const fresh = { macaroon: answers[0]!.data.macaroon, preimage: owned.preimage };
  expect((await holder.ask("/api/balance", fresh)).data.balanceMsat).toBe(String(90_000 - 1_000 - served * 1_000));
});

test("a thief who keeps calls running cannot hold a rotation up; what they give back follows", async () => {
  const owned = await holder.deposit(30);
  api.handler.mode = "wait";
  const body = JSON.stringify({ word: "hello" });
  const [caller, headers] = [
    new AbortController(),
    { Authorization: authorization(owned), "Content-Type": "application/json" },
  ];
  const asked = { method: "POST", body, headers, signal: caller.signal };
  const running = fetch(`${api.origin}/api/toll`, asked).catch(() => undefined);
  await expect.poll(() => api.handler.waiting.length).toBe(1);
  const key = randomKey();
  const { status, data } = await holder.rotate(owned, key);
  expect(status).toBe(200);
  const fresh = { macaroon: data.macaroon, preimage: owned.preimage };
  expect((await holder.ask("/api/balance", fresh)).data.balanceMsat).toBe("29000");

  // The caller hangs up, so its call is not charged after all.
  caller.abort();
  await running;
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const resume of api.handler.waiting.splice(0)) resume();
  await expect.poll(async () => (await refunds()) === 1).toBe(true);
  expect((await holder.rotate(owned, key)).data.macaroon).toBe(data.macaroon);
  expect((await holder.ask("/api/balance", fresh)).data.balanceMsat).toBe("30000");
});

test.each(["satrank_max_sats=50", "satrank_valid_until=4000000000", "satrank_capabilities=rotateToken", "nonce=1"])(
  "a token narrowed by %s does not stand for the account",
  async (caveat) => {
    const owned = await holder.deposit(50);
    const answer = await holder.rotate(narrow(owned, caveat), randomKey());
    expect([answer.status, answer.code]).toEqual([403, "TOKEN_OUT_OF_SCOPE"]);
    expect((await holder.call(owned)).status).toBe(200);
  },
);

test("the preimage that some clients write into the macaroon narrows nothing", async () => {
  const owned = await holder.deposit(50);
  expect((await holder.rotate(narrow(owned, `preimage=${owned.preimage}`), randomKey())).status).toBe(200);
});

test.each(["", "short", "fifteen-letters"])("a key of '%s' could be guessed, or is none", async (key) => {
  const owned = await holder.deposit(50);
  const answer = await holder.rotate(owned, key);
  expect([answer.status, answer.code]).toEqual([400, "VALIDATION_FAILED"]);
  expect((await holder.call(owned)).status).toBe(200);
});

test("rotations cost nothing and leave rows, so an address range may do few of them", async () => {
  const busy = await startTollApi(database.pool, { rotationsPerMinute: 2, keyRing: api.keyRing });
  const owned = await holder.deposit(50);
  await holder.call(owned);
  await database.pool.query("DELETE FROM rate_limit");
  const key = randomKey();
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await holderOn(busy).rotate(owned, key));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(answers[2]!.headers.get("retry-after")).toMatch(/^[1-9]\d?$/);
  await busy.close();
});

test("a payment that is not settled is not moved: 425, and the token lives", async () => {
  const owned = await holder.deposit(50);
  api.lnd.state.settles = false;
  expect((await holder.rotate(owned, randomKey())).status).toBe(425);
  api.lnd.state.settles = true;
  expect((await holder.call(owned)).status).toBe(200);
});

test("a customer of a retiring key is moved under the current one while both are accepted", async () => {
  const owned = await holder.deposit(50);
  const [old] = api.keyRing.keys;
  const current = anotherKey(old!.keyId);
  const both = await startTollApi(database.pool, { keyRing: keyRingOf(serverHmac, [current, old!.key]) });
  // The payment is claimed where it was made: each of these apis has a node of its own.
  await holder.call(owned);
  const { data } = await holderOn(both).rotate(owned, randomKey());
  const fresh = { macaroon: data.macaroon, preimage: owned.preimage };
  const after = await startTollApi(database.pool, { keyRing: keyRingOf(serverHmac, [current]) });
  expect((await holderOn(after).call(fresh)).status).toBe(200);
  expect((await holderOn(after).ask("/api/balance", owned)).code).toBe("TOKEN_KEY_RETIRED");
  await both.close();
  await after.close();
});

/** A key of another name. */
function anotherKey(keyId: number): Uint8Array {
  for (let fill = 1; ; fill++) {
    const key = new Uint8Array(32).fill(fill);
    if (keyRingOf(serverHmac, [key]).currentKeyId !== keyId) return key;
  }
}
