/** Floods of unpaid requests against two processes' ports on one database: how often LND is asked, exactly. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { openInvoiceTable } from "../../adapters/postgres/open-invoice.ts";
import { challengeLimit } from "../../adapters/postgres/rate-limit.ts";
import { receiptTable } from "../../adapters/postgres/receipt.ts";
import { OracleError } from "../../core/errors.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { type ChallengePorts, issueChallenge, type Offer } from "./issue-challenge.ts";

let database: TestDatabase;
let other: ReturnType<typeof openDatabase>;
beforeAll(async () => {
  database = await openTestDatabase();
  other = openDatabase({ url: database.url, maxConnections: 10, onError: () => undefined });
});
afterEach(() => database.pool.query("TRUNCATE open_invoice, rate_limit"));
afterAll(async () => {
  await other.end();
  await database.close();
});

const START = 1_800_000_000;

/** An LND that counts, and two processes that use it. */
function world(limits: { perMinute?: number; perMinuteAll?: number; perPrefix?: number; total?: number } = {}) {
  const lnd = { made: 0, open: new Map<string, Uint8Array>(), most: 0, dead: false };
  const ports = [database.pool, other].map((pool): ChallengePorts => {
    const limit = challengeLimit(pool, {
      perPrefix: limits.perMinute ?? 100_000,
      global: limits.perMinuteAll ?? 100_000,
    });
    return {
      async addInvoice() {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (lnd.dead) throw new OracleError("LND_UNAVAILABLE", "down");
        const paymentHash = new Uint8Array(randomBytes(32));
        lnd.made += 1;
        lnd.open.set(String(paymentHash), paymentHash);
        lnd.most = Math.max(lnd.most, lnd.open.size);
        return { paymentHash, invoice: `lnbcrt${lnd.made}` };
      },
      async cancelInvoice(paymentHash) {
        lnd.open.delete(String(paymentHash));
      },
      newTokenId: () => randomBytes(32),
      mint: () => new Uint8Array(randomBytes(8)),
      clientDigest: (text) => createHash("sha256").update(text).digest(),
      takeChallenge: limit.take,
      invoices: openInvoiceTable(pool),
      limits: { expirySec: 600, perPrefix: limits.perPrefix ?? 30, total: limits.total ?? 5_000 },
    };
  });
  let turn = 0;
  const ask = (client: { address: string; prefix: string; agent?: string }, atSec = 0): Promise<Offer> =>
    issueChallenge(ports[turn++ % 2]!, {
      amount: msat(1_000n),
      operation: "intent",
      client: { agent: "flood", ...client },
      shareable: true,
      now: unixSeconds(START + atSec),
    });
  return { lnd, ask };
}

/** At most 100 requests at a time, as sockets would. */
async function flood<Result>(count: number, request: (n: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const n = next++;
      results[n] = await request(n);
    }
  };
  await Promise.all(Array.from({ length: 100 }, lane));
  return results;
}

const offers = (all: Offer[]) => all.filter((offer) => offer.offered).length;

test("10,000 requests of one client cost one invoice", async () => {
  const { lnd, ask } = world({ perMinute: 60 });
  const all = await flood(10_000, () => ask({ address: "192.0.2.1", prefix: "192.0.2.0/24" }));
  expect(lnd.made).toBe(1);
  expect(offers(all)).toBe(10_000);
});

test("10,000 requests of one address range that never looks the same cost as many as may be open", async () => {
  const { lnd, ask } = world({ perMinute: 60 });
  const all = await flood(10_000, (n) =>
    ask({ address: `192.0.2.${n % 256}`, prefix: "192.0.2.0/24", agent: String(n) }),
  );
  expect(lnd.made).toBe(30);
  expect(offers(all)).toBe(30);
  expect(all.find((offer) => !offer.offered)).toMatchObject({ code: "RATE_LIMITED" });
});

test("the limit of a minute holds before the limit of the range", async () => {
  const { lnd, ask } = world({ perMinute: 20 });
  await flood(2_000, (n) => ask({ address: `192.0.2.${n % 256}`, prefix: "192.0.2.0/24", agent: String(n) }));
  expect(lnd.made).toBe(20);
});

test("3,000 requests of 1,000 address ranges cost as many as may be open in all, less the places of top-ups", async () => {
  const { lnd, ask } = world({ total: 500, perMinute: 60, perMinuteAll: 3_000 });
  const all = await flood(3_000, (n) => ask({ address: `host-${n}`, prefix: `range-${n % 1_000}` }));
  expect(lnd.made).toBe(400);
  expect(offers(all)).toBe(400);
  expect(all.some((offer) => !offer.offered && offer.code === "OVERLOADED")).toBe(true);
});

test("a range at its limit trades at most one invoice per place and half minute, and never has more open", async () => {
  const { lnd, ask } = world({ perPrefix: 5 });
  for (let sec = 0; sec < 120; sec += 10) {
    await flood(200, (n) => ask({ address: "192.0.2.1", prefix: "192.0.2.0/24", agent: `${sec}-${n}` }, sec));
  }
  expect(lnd.most).toBe(5);
  expect(lnd.made).toBe(5 * (120 / 30));
});

test("a paid invoice is not handed out again, and its place is free", async () => {
  const { lnd, ask } = world({ perPrefix: 1 });
  const client = { address: "192.0.2.1", prefix: "192.0.2.0/24" };
  const first = await ask(client);
  if (!first.offered) throw new Error("declined");
  const { paymentHash } = first.challenge;
  await receiptTable(database.pool).record(
    [{ paymentHash, amount: msat(1_000n), settledAt: unixSeconds(START), settleIndex: 1n }],
    unixSeconds(START),
  );
  const second = await ask(client);
  expect(second).toMatchObject({ offered: true, challenge: { reused: false } });
  expect(lnd.made).toBe(2);
});

test("while LND is away no place is lost", async () => {
  const { lnd, ask } = world({ perPrefix: 3 });
  lnd.dead = true;
  const failures = await flood(200, (n) =>
    ask({ address: "192.0.2.1", prefix: "192.0.2.0/24", agent: String(n % 20) }).catch((error: OracleError) => error),
  );
  expect(failures.every((each) => !("offered" in each) || !each.offered)).toBe(true);
  lnd.dead = false;
  const all = await flood(3, (n) => ask({ address: "192.0.2.1", prefix: "192.0.2.0/24", agent: String(n) }));
  expect(offers(all)).toBe(3);
});
