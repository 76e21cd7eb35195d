/** Two api processes whose keys are exchanged one by one while customers buy and call, and two whose clocks do not agree. */
import http from "node:http";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { checkBooks } from "../../adapters/postgres/reconciliation.ts";
import { now } from "../../apps/clock.ts";
import { serverHmac } from "../../apps/hmac.ts";
import { fromBase64, toBase64 } from "../../core/bytes.ts";
import { keyRingOf } from "../../core/l402/root-key.ts";
import { encodeMacaroon } from "../../core/macaroon/binary.ts";
import { attenuate } from "../../core/macaroon/chain.ts";
import { decodeMacaroon } from "../../core/macaroon/decode.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";
import { fakeLnd } from "../fake-lnd.ts";
import { Random } from "../fuzz/random.ts";
import type { Toll } from "../toll-api.ts";
import { ROUTES, startAttackedApi } from "./api.ts";
import { ask, type Outcome } from "./ask.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(30);
});
afterAll(() => database.close());

/** Everybody who was started, so that a test that fails leaves nobody behind. */
const running = new Set<Place>();
afterEach(async () => {
  for (const place of running) await leave(place);
  expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
});

const random = new Random(20_261_120);
/** Two keys whose names differ, as a ring demands. */
const OLD = random.bytes(32);
const NEW = random.bytes(32);
const [CHEAP, MIDDLE] = ROUTES;

/** A process behind the load balancer; `busy` counts the calls it has not answered. */
type Place = { api: Toll; agent: http.Agent; busy: number };
type Skewed = { keys: Uint8Array[]; skewSec?: number };

async function join(lnd: ReturnType<typeof fakeLnd>, { keys, skewSec = 0 }: Skewed): Promise<Place> {
  const clock = (): UnixSeconds => unixSeconds(now() + skewSec);
  const api = await startAttackedApi(database.pool, { keyRing: keyRingOf(serverHmac, keys), node: lnd, now: clock });
  const place = { api, agent: new http.Agent({ keepAlive: true }), busy: 0 };
  running.add(place);
  return place;
}

/** As a rolling deployment does it: nobody new, then the calls under way, then the end. */
async function leave(place: Place): Promise<void> {
  running.delete(place);
  while (place.busy > 0) await sleep(5);
  place.agent.destroy();
  await place.api.close();
}

async function call(place: Place, headers: Record<string, string> = {}): Promise<Extract<Outcome, { kind: "answer" }>> {
  place.busy += 1;
  const outcome = await ask({ port: place.api.port, agent: place.agent }, { method: "GET", path: CHEAP.path, headers });
  place.busy -= 1;
  if (outcome.kind !== "answer") throw new Error(`a call was ${outcome.kind}`);
  return outcome;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const codeOf = ({ status, body }: { status: number; body: string }) =>
  `${status} ${status === 200 ? "" : JSON.parse(body).code}`.trim();
const authorized = (authorization: string) => ({ Authorization: authorization });

async function buy(place: Place, lnd: ReturnType<typeof fakeLnd>, amount: bigint): Promise<string> {
  const answer = await call(place, { "User-Agent": random.bytes(6).toString("hex") });
  expect(codeOf(answer)).toBe("402 PAYMENT_REQUIRED");
  const { macaroon, invoice } = JSON.parse(answer.body);
  return `L402 ${macaroon}:${lnd.pay(invoice, amount)}`;
}

test("keys are exchanged under load: a paid token is served until its key is dropped, and then asked to buy anew", async () => {
  const lnd = fakeLnd();
  const places = [await join(lnd, { keys: [OLD] }), await join(lnd, { keys: [OLD] })];
  const tokens: string[] = [];
  const answers = new Map<string, number>();
  const anybody = () => random.pick(places);
  let [dropping, answered] = [false, 0];
  let serving = true;
  const customer = async () => {
    while (serving) {
      if (random.oneIn(12)) tokens.push(await buy(anybody(), lnd, 10_000_000n));
      const authorization = tokens.length > 0 ? random.pick(tokens) : await buy(anybody(), lnd, 10_000_000n);
      const answer = codeOf(await call(anybody(), authorized(authorization)));
      answered += 1;
      // A call that was under way when the last exchange began may meet either.
      const name = `${dropping ? "at last" : "before"}: ${answer}`;
      answers.set(name, (answers.get(name) ?? 0) + 1);
    }
  };
  const customers = Array.from({ length: 8 }, customer);
  const traffic = Promise.all(customers);
  let failed = false;
  traffic.catch(() => {
    failed = true;
  });

  const exchange = async (keys: Uint8Array[]) => {
    for (const index of places.keys()) {
      const before = places[index]!;
      places[index] = await join(lnd, { keys });
      await leave(before);
      await moreAnswers();
    }
  };
  /** Every state of the exchange sees traffic, however slow the machine is. */
  const moreAnswers = async () => {
    for (const enough = answered + 60; answered < enough && !failed; ) await sleep(10);
  };
  await moreAnswers();
  await exchange([OLD, NEW]);
  await exchange([NEW, OLD]);
  const oldTokens = [...tokens];
  dropping = true;
  await exchange([NEW]);
  serving = false;
  await traffic;

  const told = Object.fromEntries(answers);
  expect(Object.keys(told).sort()).toEqual(["at last: 200", "at last: 402 TOKEN_KEY_RETIRED", "before: 200"]);
  expect(told["before: 200"]).toBeGreaterThan(50);
  // Of each token it is certain now: served, or asked to buy anew, and never told that it was forged.
  for (const [index, place] of places.entries()) {
    const verdicts = new Set<string>();
    for (const token of oldTokens) verdicts.add(codeOf(await call(place, authorized(token))));
    expect([index, [...verdicts].sort()]).toEqual([index, ["200", "402 TOKEN_KEY_RETIRED"]]);
    expect(codeOf(await call(place, authorized(await buy(place, lnd, 1_000n))))).toBe("200");
  }
});

test("a token that was bought under the old key and first shown after the exchange is served", async () => {
  const lnd = fakeLnd();
  const before = await join(lnd, { keys: [OLD] });
  const paid = await buy(before, lnd, 5_000n);
  await leave(before);
  const after = await join(lnd, { keys: [NEW, OLD] });
  expect(codeOf(await call(after, authorized(paid)))).toBe("200");
  // What tops it up belongs to the same account, and so to the same key.
  for (let i = 0; i < 15; i++) expect(codeOf(await call(after, authorized(paid)))).toBe("200");
  const exhausted = await call(after, authorized(paid));
  expect(codeOf(exhausted)).toBe("402 BALANCE_EXHAUSTED");
  const { macaroon, invoice } = JSON.parse(exhausted.body);
  const raised = `L402 ${macaroon}:${lnd.pay(invoice, 1_000n)}`;
  expect(codeOf(await call(after, authorized(raised)))).toBe("200");
  const last = await join(lnd, { keys: [NEW] });
  for (const token of [paid, raised]) expect(codeOf(await call(last, authorized(token)))).toBe("402 TOKEN_KEY_RETIRED");
});

test("clocks ten minutes off in both directions: nobody alive is taken for dead, and whoever is dead is found", async () => {
  const lnd = fakeLnd();
  const [slow, fast] = [
    await join(lnd, { keys: [OLD], skewSec: -600 }),
    await join(lnd, { keys: [OLD], skewSec: 600 }),
  ];
  const token = await buy(slow, lnd, 1_000_000_000n);
  const skewed = [unixSeconds(now() - 600), unixSeconds(now() + 600)] as const;
  let [serving, swept, served] = [true, 0, 0];
  const beats = [slow, fast].map(async ({ api: { charges } }, index) => {
    while (serving) {
      await charges.beat(skewed[index]!);
      swept += await charges.sweep(2, skewed[index]!);
      await sleep(100);
    }
  });
  const customers = Array.from({ length: 6 }, async (_, index) => {
    while (serving) {
      expect(codeOf(await call(index % 2 === 0 ? slow : fast, authorized(token)))).toBe("200");
      served += 1;
    }
  });
  await sleep(3_000);
  serving = false;
  await Promise.all([...beats, ...customers]);
  expect(swept).toBe(0);
  expect(served).toBeGreaterThan(20);

  // The fast one falls silent with a call under way: by the database's clock, and by nobody else's.
  const account = await database.pool.query(
    "SELECT token_id, balance_msat FROM token ORDER BY account_id DESC LIMIT 1",
  );
  const [{ token_id: tokenId, balance_msat: balance }] = account.rows;
  const charge = { tokenId, operation: "attackCheap", amount: MIDDLE.price, at: skewed[1], budgets: [] };
  expect(await fast.api.charges.reserve(charge)).toMatchObject({ held: true });
  expect(await slow.api.charges.sweep(2, skewed[0])).toBe(0);
  await sleep(3_200);
  await slow.api.charges.beat(skewed[0]);
  expect(await slow.api.charges.sweep(2, skewed[0])).toBe(1);
  const after = await database.pool.query("SELECT balance_msat FROM token WHERE token_id = $1", [tokenId]);
  expect(after.rows[0].balance_msat).toBe(balance);
});

test("an end in a token is judged by the clock of the process that is asked", async () => {
  const lnd = fakeLnd();
  const [slow, fast] = [
    await join(lnd, { keys: [OLD], skewSec: -600 }),
    await join(lnd, { keys: [OLD], skewSec: 600 }),
  ];
  const [, text = "", preimage = ""] = /^L402 ([^:]+):(.*)$/.exec(await buy(slow, lnd, 100_000n)) ?? [];
  const until = (at: number) => {
    const macaroon = attenuate(serverHmac, decodeMacaroon(fromBase64(text)!), `satrank_valid_until=${at}`);
    return authorized(`L402 ${toBase64(encodeMacaroon(macaroon))}:${preimage}`);
  };
  const verdicts = async (at: number) => [codeOf(await call(slow, until(at))), codeOf(await call(fast, until(at)))];
  expect(await verdicts(now())).toEqual(["200", "402 TOKEN_EXPIRED"]);
  expect(await verdicts(now() + 700)).toEqual(["200", "200"]);
  expect(await verdicts(now() - 700)).toEqual(["402 TOKEN_EXPIRED", "402 TOKEN_EXPIRED"]);
});
