/**
 * A label against the same report over HTTP, signed with the same key: on two databases that are alike before, both leave the same
 * entries in the log and the same beliefs.
 */
import { createHash, randomBytes } from "node:crypto";
import { Router } from "express";
import { getToken } from "nostr-tools/nip98";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Database } from "../../adapters/postgres/connect.ts";
import { endpointBeliefTable } from "../../adapters/postgres/endpoint-belief.ts";
import { endpointModelTable } from "../../adapters/postgres/endpoint-model.ts";
import { endpointReportTable } from "../../adapters/postgres/endpoint-report.ts";
import { appendCalls } from "../../adapters/postgres/evidence.ts";
import { inboxTable } from "../../adapters/postgres/inbox.ts";
import { prefixLimit } from "../../adapters/postgres/rate-limit.ts";
import { reportTable } from "../../adapters/postgres/report.ts";
import { OUTCOMES } from "../../core/inbox/outcome-label.ts";
import type { SignedEvent } from "../../core/nip85/event.ts";
import { unixSeconds } from "../../core/units.ts";
import { takeLabels } from "../../oracle/inbox/take-labels.ts";
import { rateEndpoints } from "../../oracle/trust/rate-endpoints.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { foreignInvoice, OFFERED_AT, PAYEE } from "../../testing/foreign-offer.ts";
import { someCall } from "../../testing/some-call.ts";
import { insertEndpoints } from "../../testing/some-endpoints.ts";
import { openSignedDoor } from "../api/open-signed-door.ts";
import { mountFree } from "../api/operation.ts";
import { readReporter } from "../api/reporter.ts";
import { reportOutcome } from "../api/routes/report-outcome.ts";
import { createApplication, createHttpServer } from "../api/server.ts";
import { createEvents } from "../events.ts";
import { createLog } from "../log.ts";
import { reportLabels } from "./report-labels.ts";

const PUBLIC = "https://oracle.example";
const NAMESPACE = "example.oracle.l402-outcome";
const RATED = "https://api.example/v1";
const NOW = unixSeconds(OFFERED_AT + 120);
const now = () => NOW;
const operator = generateSecretKey();

let overHttp: TestDatabase;
let byLabel: TestDatabase;
let origin: string;
const closing: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  [overHttp, byLabel] = [await openTestDatabase(4), await openTestDatabase(4)];
  for (const { pool } of [overHttp, byLabel]) await furnish(pool);
  origin = await serveReports(overHttp.pool);
  closing.push(overHttp.close, byLabel.close);
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** An endpoint whose invoices we saw, and some calls of ours. */
async function furnish(database: Database): Promise<void> {
  const [endpoint] = await insertEndpoints(database, [{ url: RATED, operator: getPublicKey(operator) }]);
  await database.query(
    `INSERT INTO endpoint_probe (attempt, job_id, endpoint_id, may_pay, started_at, state, ended_at, stage, verdict, code, payee)
      VALUES ($1, gen_random_uuid(), $2, false, $3, 'ended', $3, 'invoice', 'good', 'OK', $4)`,
    ["ab".repeat(32), endpoint!.id, NOW - 3_600, PAYEE],
  );
  const call = { endpoint: endpoint!.urlHash };
  const calls = [1, 2, 3].map((attempt) =>
    someCall({ at: NOW - 7_200 + attempt, stage: "quality", good: true, attempt, call }),
  );
  await appendCalls(database, calls);
}

async function serveReports(database: Database): Promise<string> {
  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const door = await openSignedDoor(database, { origin: () => PUBLIC, events, now });
  const holder = { readToken: () => ({ kind: "none" }) as const, clientDigest: () => new Uint8Array(32), door };
  const router = Router();
  const operation = reportOutcome({
    ...reportTable(database),
    ...endpointReportTable(database),
    readReporter: (request, response, contract) => readReporter(holder, request, response, contract),
    takeReport: prefixLimit(database, "report", 1_000).take,
    newAttempt: () => randomBytes(32).toString("hex"),
    now,
    events,
  });
  mountFree(router, operation);
  const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [router]);
  const server = createHttpServer(app, { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 5_000 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

type Told = { outcome: string; secret: Uint8Array; paid?: { invoice: string; preimage: string }; at?: number };

/** Whether it counts; a refusal's code otherwise. */
async function tellOverHttp({ outcome, secret, paid, at = NOW }: Told): Promise<string> {
  const endpoint = createHash("sha256").update(RATED).digest("hex");
  const body = { endpoint, method: "GET", ...OUTCOMES[outcome], calledAt: at, latencyMs: 40, ...paid };
  const sign = (event: Parameters<typeof finalizeEvent>[0]) =>
    finalizeEvent(
      { ...event, created_at: NOW, tags: [...event.tags, ["nonce", randomBytes(8).toString("hex")]] },
      secret,
    );
  const authorization = await getToken(`${PUBLIC}/api/report`, "POST", sign, true, body);
  const headers = { "Content-Type": "application/json", Authorization: authorization };
  const response = await fetch(`${origin}/api/report`, { method: "POST", headers, body: JSON.stringify(body) });
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer is said to hold, and fail on what it does not
  const { data, code }: any = await response.json();
  return code ?? (data.counted ? "counted" : "repeated");
}

async function tellByLabel({ outcome, secret, paid, at = NOW }: Told): Promise<string> {
  const proof = paid
    ? [
        ["bolt11", paid.invoice],
        ["preimage", paid.preimage],
      ]
    : [];
  const tags = [["L", NAMESPACE], ["l", outcome, NAMESPACE], ["r", RATED], ["latency_ms", "40"], ...proof];
  const event: SignedEvent = finalizeEvent(
    { kind: 1_985, created_at: at, tags, content: randomBytes(4).toString("hex") },
    secret,
  );
  const seen: string[] = [];
  const ports = {
    ...inboxTable(byLabel.pool),
    report: reportLabels(byLabel.pool, now),
    now,
    seen: (_feed: string, how: string) => seen.push(how),
    failed: (_feed: string, error: unknown) => {
      throw error;
    },
  };
  await takeLabels(ports, [event], [NAMESPACE]);
  return seen[0]!;
}

async function believed({ pool }: TestDatabase) {
  const beliefs = endpointBeliefTable(pool);
  const ports = { ...beliefs, ...endpointModelTable(pool, beliefs) };
  await rateEndpoints(ports, { now, until: unixSeconds(NOW + 60), signal: new AbortController().signal });
  const text = `SELECT stages, probability, low, high, verdict, observations, newest_at, latency_ms, price_msat FROM endpoint_belief`;
  return (await pool.query(text)).rows[0];
}
/** The log without what is drawn by chance. */
const log = async ({ pool }: TestDatabase) =>
  (await pool.query("SELECT entry::jsonb - 3 AS entry FROM evidence ORDER BY position")).rows.map(({ entry }) =>
    JSON.stringify(entry),
  );

function payment(): NonNullable<Told["paid"]> {
  const preimage = new Uint8Array(randomBytes(32));
  const paymentHash = new Uint8Array(createHash("sha256").update(preimage).digest());
  return { invoice: foreignInvoice({ paymentHash }), preimage: Buffer.from(preimage).toString("hex") };
}

const secrets = Array.from({ length: 60 }, () => generateSecretKey());
const strangers = (outcome: string, count: number): Told[] =>
  secrets.slice(0, count).map((secret) => ({ outcome, secret }));
const [one] = secrets as [Uint8Array];

test.each<[string, () => Told[], string[]]>([
  ["a stranger's word", () => strangers("no-challenge", 1), ["counted"]],
  ["a stranger's word of what only a payer sees", () => strangers("paid-no-content", 1), ["counted"]],
  ["sixty strangers' words", () => strangers("no-challenge", 60), Array(60).fill("counted")],
  [
    "a second word on one day",
    () => ["no-challenge", "challenge-ok"].map((outcome) => ({ outcome, secret: one })),
    ["counted", "repeated"],
  ],
  ["a payment that was for nothing", () => [{ outcome: "paid-no-content", secret: one, paid: payment() }], ["counted"]],
  [
    "thirty payments that were for nothing",
    () => Array.from({ length: 30 }, () => ({ outcome: "paid-error", secret: one, paid: payment() })),
    Array(30).fill("counted"),
  ],
  [
    "a payment twice",
    () => Array(2).fill({ outcome: "paid-ok", secret: one, paid: payment() }),
    ["counted", "PROOF_INVALID"],
  ],
  [
    "an invoice with another's preimage",
    () => [{ outcome: "paid-ok", secret: one, paid: { ...payment(), preimage: "ab".repeat(32) } }],
    ["PROOF_INVALID"],
  ],
  ["an operator on itself", () => [{ outcome: "paid-ok", secret: operator, paid: payment() }], ["ACCESS_DENIED"]],
  [
    "a call of the day before yesterday",
    () => [{ outcome: "paid-ok", secret: one, at: NOW - 86_401 }],
    ["REPORT_TOO_LATE"],
  ],
])("%s: the same by label as over HTTP", async (_name, told, want) => {
  const before = await believed(byLabel);
  expect(await believed(overHttp)).toEqual(before);
  const all = told();
  const [http, label]: [string[], string[]] = [[], []];
  for (const each of all) {
    http.push(await tellOverHttp(each));
    label.push(await tellByLabel(each));
  }
  expect(label).toEqual(want);
  expect(http).toEqual(want);
  expect(await log(byLabel)).toEqual(await log(overHttp));
  const after = await believed(byLabel);
  expect(after).toEqual(await believed(overHttp));
  expect(Math.abs(after.probability - before.probability) > 0).toBe(want.includes("counted"));
  // All strangers together move next to nothing, by whichever way they come.
  if (all.every(({ paid }) => !paid)) expect(Math.abs(after.probability - before.probability)).toBeLessThan(0.02);
});
