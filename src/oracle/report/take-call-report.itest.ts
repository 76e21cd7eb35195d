/** What callers say of endpoints, on a real database: what stands behind a word decides what it is worth, and no word counts twice. */
import { createHash, randomBytes } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { endpointReportTable, noteAsked } from "../../adapters/postgres/endpoint-report.ts";
import type { InvoiceDraft } from "../../core/bolt11/encode.ts";
import { toHex } from "../../core/bytes.ts";
import { errorCode } from "../../core/errors.ts";
import { decodeCall } from "../../core/evidence/call.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { foreignInvoice, OFFERED_AT, PAYEE } from "../../testing/foreign-offer.ts";
import { insertEndpoints } from "../../testing/some-endpoints.ts";
import { type CallReport, takeCallReport } from "./take-call-report.ts";

const NOW = unixSeconds(OFFERED_AT + 120);
const OPERATOR = "0b".repeat(32);

let database: TestDatabase;
let endpoint: string;
let endpointId: bigint;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

/** An endpoint whose invoices we have seen to pay {@link PAYEE}. */
beforeEach(async () => {
  const url = `https://${randomBytes(4).toString("hex")}.example/v1`;
  const [inserted] = await insertEndpoints(database.pool, [{ url, operator: OPERATOR }]);
  endpoint = inserted!.urlHash;
  endpointId = inserted!.id;
  await database.pool.query(
    `INSERT INTO endpoint_probe (attempt, job_id, endpoint_id, may_pay, started_at, state, ended_at, stage, verdict, code, payee)
      VALUES ($1, gen_random_uuid(), $2, false, $3, 'ended', $3, 'invoice', 'good', 'OK', $4)`,
    [randomBytes(32).toString("hex"), endpointId, NOW - 3_600, PAYEE],
  );
});

const ports = () => ({
  ...endpointReportTable(database.pool),
  newAttempt: () => randomBytes(32).toString("hex"),
  now: () => NOW,
});

function paid(draft: Partial<InvoiceDraft> = {}, key?: Uint8Array<ArrayBuffer>) {
  const preimage = new Uint8Array(randomBytes(32));
  const paymentHash = new Uint8Array(createHash("sha256").update(preimage).digest());
  return { invoice: foreignInvoice({ paymentHash, ...draft }, key), preimage };
}

const FAILED = { stage: "delivery", good: false, code: "STATUS_5XX", at: NOW } as const;
const take = (report: Partial<CallReport>) =>
  takeCallReport(ports(), { endpoint, method: "GET", told: FAILED, ...report });
const refusal = (report: Partial<CallReport>) => take(report).catch(errorCode);
const entries = async () => {
  const { rows } = await database.pool.query(
    "SELECT entry FROM evidence WHERE kind = 'call' AND entry::jsonb ->> 6 = $1",
    [endpoint],
  );
  return rows.map(({ entry }) => decodeCall(entry));
};
const holder = () => ({ kind: "holder", witness: randomBytes(32).toString("hex") }) as const;

test("an invoice of the endpoint's payee with its preimage proves that somebody paid", async () => {
  expect(await take({ proof: paid(), latencyMs: 900 })).toEqual({ counted: true, source: "proven" });
  expect(await entries()).toMatchObject([
    {
      source: "proven",
      observedAt: NOW,
      call: { stage: "delivery", good: false, code: "STATUS_5XX", price: 21_000n, payee: PAYEE, latencyMs: 900 },
    },
  ]);
});

test("a payment proves one report, however many bring it at once", async () => {
  const proof = paid();
  const all = await Promise.all(Array.from({ length: 20 }, () => take({ proof }).catch(errorCode)));
  expect(all.filter((each) => each === "PROOF_INVALID")).toHaveLength(19);
  expect(await entries()).toHaveLength(1);
});

test("who paid twenty times may tell twenty times", async () => {
  const reporter = holder();
  for (let i = 0; i < 20; i += 1)
    expect(await take({ proof: paid(), reporter })).toEqual({ counted: true, source: "proven" });
  expect(new Set((await entries()).map(({ witness }) => witness)).size).toBe(1);
});

test("the public log tells neither the reporter, nor that two endpoints had the same", async () => {
  const reporter = holder();
  const [other] = await insertEndpoints(database.pool, [{ url: `https://${randomBytes(4).toString("hex")}.example/` }]);
  const proof = paid();
  await take({ reporter, proof });
  await take({ proof: paid() });
  const named = (await entries()).map(({ witness }) => witness);
  expect(new Set(named).size).toBe(2);
  expect(named).not.toContain(reporter.witness);
  const asked = { witness: reporter.witness, endpointIds: [other!.id], now: NOW };
  await noteAsked(database.pool, asked);
  await takeCallReport(ports(), { endpoint: other!.urlHash, method: "GET", told: FAILED, reporter });
  const { rows } = await database.pool.query(
    "SELECT vantage AS witness FROM evidence WHERE source = 'holder' ORDER BY position DESC LIMIT 1",
  );
  expect([...named, reporter.witness]).not.toContain(rows[0].witness);
});

test.each<[string, () => Partial<CallReport>, string]>([
  ["a preimage of something else", () => ({ proof: { ...paid(), preimage: new Uint8Array(32) } }), "PROOF_INVALID"],
  ["an invoice of one's own node", () => ({ proof: paid({}, new Uint8Array(32).fill(66)) }), "PROOF_INVALID"],
  ["an invoice over nothing", () => ({ proof: paid({ amount: undefined as never }) }), "PROOF_INVALID"],
  ["an invoice younger than the call", () => ({ proof: paid({ timestamp: unixSeconds(NOW + 601) }) }), "PROOF_INVALID"],
  [
    "an invoice that had expired",
    () => ({ proof: paid({ timestamp: unixSeconds(NOW - 1_300), expirySec: 600 }) }),
    "PROOF_INVALID",
  ],
  [
    "a payment for a call that was never paid for",
    () => ({ proof: paid(), told: { ...FAILED, stage: "challenge" } }),
    "PROOF_INVALID",
  ],
  [
    "a payment that proves that it failed",
    () => ({ proof: paid(), told: { ...FAILED, stage: "payment" } }),
    "PROOF_INVALID",
  ],
  ["words for an invoice", () => ({ proof: { invoice: "pay me", preimage: new Uint8Array(32) } }), "INVOICE_MALFORMED"],
  ["nobody's word", () => ({}), "CREDENTIAL_REQUIRED"],
  ["a token that never asked", () => ({ reporter: holder() }), "ACCESS_DENIED"],
  ["an operator on itself", () => ({ reporter: { kind: "signed", witness: OPERATOR } }), "ACCESS_DENIED"],
  [
    "an operator on itself, with a payment",
    () => ({ reporter: { kind: "signed", witness: OPERATOR }, proof: paid() }),
    "ACCESS_DENIED",
  ],
  ["an endpoint that nobody knows", () => ({ endpoint: "cd".repeat(32), proof: paid() }), "SUBJECT_UNKNOWN"],
  ["a method that is not offered", () => ({ method: "PUT", proof: paid() }), "SUBJECT_UNKNOWN"],
  ["the beginning of time", () => ({ told: { ...FAILED, at: unixSeconds(0) }, proof: paid() }), "REPORT_TOO_LATE"],
  [
    "the day before yesterday",
    () => ({ told: { ...FAILED, at: unixSeconds(NOW - 86_401) }, proof: paid() }),
    "REPORT_TOO_LATE",
  ],
  ["tomorrow", () => ({ told: { ...FAILED, at: unixSeconds(NOW + 86_400) }, proof: paid() }), "REPORT_TOO_LATE"],
  ["2^31", () => ({ told: { ...FAILED, at: unixSeconds(2 ** 31 + 2 ** 30) }, proof: paid() }), "REPORT_TOO_LATE"],
  ["2^53", () => ({ told: { ...FAILED, at: unixSeconds(2 ** 53 - 1) }, proof: paid() }), "REPORT_TOO_LATE"],
])("%s is refused and leaves nothing", async (_name, report, code) => {
  expect(await refusal(report())).toBe(code);
  expect(await entries()).toEqual([]);
  // Who was refused is heard when the proof is right.
  expect(await take({ proof: paid() })).toMatchObject({ counted: true });
});

test("a node that takes payments for many does not show for whom; a token's word still counts", async () => {
  const custodian = new Uint8Array(32).fill(77);
  const key = toHex(secp256k1.getPublicKey(custodian, true));
  const others = await insertEndpoints(
    database.pool,
    Array.from({ length: 3 }, () => ({ url: `https://${randomBytes(4).toString("hex")}.example/` })),
  );
  const see = (id: bigint) =>
    database.pool.query(
      `INSERT INTO endpoint_probe (attempt, job_id, endpoint_id, may_pay, started_at, state, ended_at, stage, verdict, code, payee)
        VALUES ($1, gen_random_uuid(), $2, false, $3, 'ended', $3, 'invoice', 'good', 'OK', $4)`,
      [randomBytes(32).toString("hex"), id, NOW - 60, key],
    );
  for (const { id } of [{ id: endpointId }, ...others.slice(0, 2)]) await see(id);
  expect(await take({ proof: paid({}, custodian) })).toMatchObject({ source: "proven" });
  await see(others[2]!.id);
  expect(await refusal({ proof: paid({}, custodian) })).toBe("PROOF_INVALID");
  expect(await take({ proof: paid() })).toMatchObject({ source: "proven" });
});

test("a refused proof is not used up", async () => {
  const proof = paid();
  expect(await refusal({ proof, told: { ...FAILED, stage: "challenge" } })).toBe("PROOF_INVALID");
  expect(await take({ proof })).toEqual({ counted: true, source: "proven" });
});

test("who was told of an endpoint for money has one word on it a day, and no longer than a day", async () => {
  const reporter = holder();
  await noteAsked(database.pool, { witness: reporter.witness, endpointIds: [endpointId], now: NOW });
  expect(await take({ reporter })).toEqual({ counted: true, source: "holder" });
  expect(await take({ reporter })).toEqual({ counted: false, source: "holder" });
  expect(await entries()).toHaveLength(1);

  const late = holder();
  await noteAsked(database.pool, { witness: late.witness, endpointIds: [endpointId], now: unixSeconds(NOW - 86_401) });
  expect(await refusal({ reporter: late })).toBe("ACCESS_DENIED");
  await noteAsked(database.pool, { witness: late.witness, endpointIds: [], now: NOW });
  const { rows } = await database.pool.query("SELECT count(*)::int AS kept FROM endpoint_asked WHERE witness = $1", [
    late.witness,
  ]);
  expect(rows[0].kept).toBe(0);
});

test("a stranger's signature counts as such; beyond fifty endpoints a day nobody is heard, but for what is proven", async () => {
  const reporter = { kind: "signed", witness: randomBytes(32).toString("hex") } as const;
  const urls = Array.from({ length: 51 }, (_, i) => ({
    url: `https://${randomBytes(4).toString("hex")}.example/${i}`,
  }));
  const many = await insertEndpoints(database.pool, urls);
  const said = [];
  for (const { urlHash } of many)
    said.push(
      await takeCallReport(ports(), { endpoint: urlHash, method: "GET", told: FAILED, reporter }).catch(errorCode),
    );
  expect(said.slice(0, 50)).toEqual(Array(50).fill({ counted: true, source: "signed" }));
  expect(said[50]).toBe("RATE_LIMITED");
  expect(await take({ reporter, proof: paid() })).toEqual({ counted: true, source: "proven" });
});
