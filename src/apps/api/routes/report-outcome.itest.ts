/** What askers say became of their payments, on a real database: the first word counts, and a proof is one for one prediction. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { Router } from "express";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { endpointReportTable } from "../../../adapters/postgres/endpoint-report.ts";
import { evidenceTable } from "../../../adapters/postgres/evidence.ts";
import { appendPredictions, predictionTable } from "../../../adapters/postgres/prediction.ts";
import { prefixLimit } from "../../../adapters/postgres/rate-limit.ts";
import { reportTable } from "../../../adapters/postgres/report.ts";
import { encodeInvoice, type InvoiceDraft } from "../../../core/bolt11/encode.ts";
import { decodeEvidence } from "../../../core/evidence/canonical.ts";
import type { PredictionKind } from "../../../core/prediction/prediction.ts";
import { msat, unixSeconds } from "../../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { ask } from "../../../testing/holder.ts";
import { somePrediction } from "../../../testing/some-prediction.ts";
import { createEvents } from "../../events.ts";
import { createLog } from "../../log.ts";
import { mountFree } from "../operation.ts";
import { createApplication, createHttpServer } from "../server.ts";
import { reportOutcome, reportOutcomeContract } from "./report-outcome.ts";

const PREDICTED_AT = unixSeconds(1_790_000_000);
const payee = randomBytes(32);
const target = Buffer.from(secp256k1.getPublicKey(payee, true)).toString("hex");

let database: TestDatabase;
let origin: string;
let now: number;
let close: () => Promise<void>;
beforeAll(async () => {
  database = await openTestDatabase(4);
  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const router = Router();
  const operation = reportOutcome({
    ...reportTable(database.pool),
    ...endpointReportTable(database.pool),
    readReporter: async () => undefined,
    takeReport: prefixLimit(database.pool, "report", 60).take,
    newAttempt: () => randomBytes(32).toString("hex"),
    now: () => unixSeconds(now),
    events,
  });
  mountFree(router, operation);
  const server = createHttpServer(
    createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [router]),
    {
      requestTimeout: 30_000,
      headersTimeout: 10_000,
      keepAliveTimeout: 5_000,
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  close = () => new Promise((resolve) => server.close(() => resolve()));
});
beforeEach(async () => {
  now = PREDICTED_AT + 600;
  await database.pool.query("DELETE FROM rate_limit");
});
afterAll(async () => {
  await close();
  await database.close();
});

async function predict(kind: PredictionKind = "payment"): Promise<string> {
  const prediction = somePrediction({ kind, at: PREDICTED_AT, target });
  await appendPredictions(database.pool, [prediction]);
  return prediction.predictionId;
}
const report = (body: object) => ask(origin, "/api/report", undefined, { body });

/** An invoice of the payee over about what was predicted, paid. */
function proof(changes: Partial<InvoiceDraft> = {}, key: Uint8Array = payee) {
  const preimage = randomBytes(32);
  const draft: InvoiceDraft = {
    network: "bcrt",
    amount: msat(12_345_000n),
    timestamp: unixSeconds(PREDICTED_AT - 60),
    expirySec: 3_600,
    paymentHash: createHash("sha256").update(preimage).digest(),
    paymentSecret: randomBytes(32),
    description: "a call",
    minFinalCltvExpiry: 18,
    routeHints: [],
    features: [8, 14],
    ...changes,
  };
  return { invoice: encodeInvoice(draft, key), preimage: preimage.toString("hex") };
}
const judged = async () =>
  (await predictionTable(database.pool).judged(PREDICTED_AT, 100)).map(({ kind, happened }) => [kind, happened]);
const evidence = async () => (await evidenceTable(database.pool).page(0n, 100)).map(({ text }) => decodeEvidence(text));

test("the first word on a prediction counts, and says the same to whoever repeats it", async () => {
  const predictionId = await predict();
  const before = await judged();
  const first = await report({ predictionId, outcome: "failed" });
  expect(first.status).toBe(200);
  expect(first.headers.get("cache-control")).toBe("no-store");
  expect(reportOutcomeContract.response.parse(first.data)).toEqual({ counted: true, proven: false });
  expect((await report({ predictionId, outcome: "arrived" })).data).toEqual({ counted: false, proven: false });
  expect(await judged()).toEqual([["payment", false], ...before]);
  expect(await evidence()).toEqual([]);
});

test("many at once: one of them counts", async () => {
  const predictionId = await predict();
  const answers = await Promise.all(Array.from({ length: 8 }, () => report({ predictionId, outcome: "arrived" })));
  expect(answers.map(({ data }) => data.counted).filter(Boolean)).toHaveLength(1);
});

test("a paid invoice of the target is evidence that it was online, no younger than the prediction, and names nobody else", async () => {
  const predictionId = await predict();
  expect((await report({ predictionId, outcome: "arrived", ...proof() })).data).toEqual({
    counted: true,
    proven: true,
  });
  expect((await evidence()).map(({ attempt, ...rest }) => ({ ...rest, attempt: attempt.length }))).toEqual([
    {
      observedAt: PREDICTED_AT,
      source: "report",
      attempt: 64,
      vantage: target,
      observation: { kind: "reached", node: target, amount: 10_000_000n, code: "SETTLED" },
    },
  ]);
});

test("one payment proves one prediction, also when both are told at once; the other stays open", async () => {
  const predictions = [await predict(), await predict()];
  const known = (await evidence()).length;
  const paid = proof();
  const answers = await Promise.all(
    predictions.map((predictionId) => report({ predictionId, outcome: "arrived", ...paid })),
  );
  expect(answers.map(({ status, code }) => [status, code]).sort()).toEqual([
    [200, undefined],
    [400, "PROOF_INVALID"],
  ]);
  expect(await evidence()).toHaveLength(known + 1);
  const open = predictions[answers.findIndex(({ status }) => status === 400)];
  expect((await report({ predictionId: open, outcome: "failed" })).data).toEqual({ counted: true, proven: false });
});

test.each([
  ["another node's invoice", () => proof({}, randomBytes(32))],
  ["another preimage", () => ({ ...proof(), preimage: randomBytes(32).toString("hex") })],
  ["another amount", () => proof({ amount: msat(40_000_000n) })],
  ["no amount", () => proof({ amount: undefined } as never)],
  ["an invoice that was dead before", () => proof({ timestamp: unixSeconds(PREDICTED_AT - 7_200) })],
  ["an invoice alone", () => ({ invoice: proof().invoice })],
  ["a preimage alone", () => ({ preimage: proof().preimage })],
])("%s proves nothing, and nothing is booked", async (_what, made) => {
  const predictionId = await predict();
  const answer = await report({ predictionId, outcome: "arrived", ...made() });
  expect([answer.status, answer.code]).toEqual([400, "PROOF_INVALID"]);
  expect((await report({ predictionId, outcome: "failed" })).data.counted).toBe(true);
});

test.each<[string, number, string, () => Promise<object>]>([
  ["no such prediction", 404, "PREDICTION_UNKNOWN", async () => ({ predictionId: randomUUID(), outcome: "failed" })],
  [
    "a probe's",
    404,
    "PREDICTION_UNKNOWN",
    async () => ({ predictionId: await predict("probe-explore"), outcome: "failed" }),
  ],
  ["no id", 400, "VALIDATION_FAILED", async () => ({ predictionId: "x", outcome: "failed" })],
  ["no outcome", 400, "VALIDATION_FAILED", async () => ({ predictionId: await predict() })],
  [
    "a word too many",
    400,
    "VALIDATION_FAILED",
    async () => ({ predictionId: await predict(), outcome: "failed", more: 1 }),
  ],
  [
    "proof of a failure",
    400,
    "PROOF_INVALID",
    async () => ({ predictionId: await predict(), outcome: "failed", ...proof() }),
  ],
  [
    "no invoice",
    400,
    "INVOICE_MALFORMED",
    async () => ({ predictionId: await predict(), outcome: "arrived", ...proof(), invoice: "lnbc1" }),
  ],
])("%s is refused", async (_what, status, code, body) => {
  const answer = await report(await body());
  expect([answer.status, answer.code]).toEqual([status, code]);
});

test("a day after the prediction is too late", async () => {
  const predictionId = await predict();
  now = PREDICTED_AT + 86_401;
  expect((await report({ predictionId, outcome: "arrived" })).code).toBe("REPORT_TOO_LATE");
  now = PREDICTED_AT + 86_400;
  expect((await report({ predictionId, outcome: "arrived" })).status).toBe(200);
});

test("an address range reports so often in a minute and no more", async () => {
  const answers = await Promise.all(
    Array.from({ length: 62 }, () => report({ predictionId: randomUUID(), outcome: "failed" })),
  );
  const refused = answers.filter(({ code }) => code === "RATE_LIMITED");
  expect(refused).toHaveLength(2);
  expect(Number(refused[0]!.headers.get("retry-after"))).toBeGreaterThan(0);
});

test.each([
  [{ endpoint: "zz", method: "GET", stage: "delivery", good: false }, /^endpoint: /],
  [{ endpoint: "ab".repeat(32), method: "GET", stage: "taste", good: false }, /^stage: /],
  [{ endpoint: "ab".repeat(32), method: "GET", stage: "delivery", good: "no" }, /^good: /],
  [{ predictionId: "x", outcome: "arrived" }, /^predictionId: /],
  [{}, /^predictionId: .*outcome: /],
])("%o is refused for what is wrong with it, whichever of the two forms it is", async (body, detail) => {
  const answer = await report(body);
  expect(answer).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
  expect(answer.body["detail"]).toMatch(detail);
});
