/** Reports signed with a Nostr key, over HTTP: over the raw bytes of the body, for one request, and of no other's name. */
import { createHash, randomBytes } from "node:crypto";
import { Router } from "express";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endpointReportTable } from "../../adapters/postgres/endpoint-report.ts";
import { prefixLimit } from "../../adapters/postgres/rate-limit.ts";
import { reportTable } from "../../adapters/postgres/report.ts";
import { publicWitness } from "../../core/report/call-proof.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { insertEndpoints } from "../../testing/some-endpoints.ts";
import { now } from "../clock.ts";
import { createEvents } from "../events.ts";
import { createLog } from "../log.ts";
import { openSignedDoor } from "./open-signed-door.ts";
import { mountFree } from "./operation.ts";
import { readReporter } from "./reporter.ts";
import { reportOutcome } from "./routes/report-outcome.ts";
import { createApplication, createHttpServer } from "./server.ts";

const PUBLIC = "https://oracle.example";
const stranger = generateSecretKey();

let database: TestDatabase;
let origin: string;
let close: () => Promise<void>;
let body: string;
beforeAll(async () => {
  database = await openTestDatabase(4);
  const [endpoint] = await insertEndpoints(database.pool, [{ url: "https://api.example/v1" }]);
  body = JSON.stringify({ endpoint: endpoint!.urlHash, method: "GET", stage: "challenge", good: false }, undefined, 1);
  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const door = await openSignedDoor(database.pool, { origin: () => PUBLIC, events, now });
  const holder = { readToken: () => ({ kind: "none" }) as const, clientDigest: () => new Uint8Array(32), door };
  const router = Router();
  mountFree(
    router,
    reportOutcome({
      ...reportTable(database.pool),
      ...endpointReportTable(database.pool),
      readReporter: (request, response, operation) => readReporter(holder, request, response, operation),
      takeReport: prefixLimit(database.pool, "report", 1_000).take,
      newAttempt: () => randomBytes(32).toString("hex"),
      now,
      events,
    }),
  );
  const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [router]);
  const server = createHttpServer(app, { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 5_000 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  close = () => new Promise((resolve) => server.close(() => resolve()));
});
afterAll(async () => {
  await close();
  await database.close();
});

/** As any Nostr client signs a request. */
function signed(about: { text?: string; url?: string; method?: string; ageSec?: number } = {}): string {
  const { text = body, url = `${PUBLIC}/api/report`, method = "POST", ageSec = 0 } = about;
  const tags = [
    ["u", url],
    ["method", method],
    ["payload", createHash("sha256").update(text).digest("hex")],
    ["nonce", randomBytes(8).toString("hex")],
  ];
  const event = finalizeEvent({ kind: 27_235, content: "", tags, created_at: now() - ageSec }, stranger);
  return `Nostr ${Buffer.from(JSON.stringify(event)).toString("base64")}`;
}

async function report(authorization: string, text = body) {
  const headers = { "Content-Type": "application/json", Authorization: authorization };
  const response = await fetch(`${origin}/api/report`, { method: "POST", headers, body: text });
  return { status: response.status, body: await response.json(), asks: response.headers.get("www-authenticate") };
}

const witnesses = async () =>
  (
    await database.pool.query(
      "SELECT entry::jsonb ->> 2 AS source, entry::jsonb ->> 4 AS witness FROM evidence WHERE kind = 'call'",
    )
  ).rows;

test("a signed report counts as that of its key, once", async () => {
  const first = signed();
  expect(await report(first)).toMatchObject({ status: 200, body: { data: { counted: true, source: "signed" } } });
  const { endpoint } = JSON.parse(body);
  const witness = publicWitness(getPublicKey(stranger), endpoint, "GET");
  expect(await witnesses()).toEqual([{ source: "signed", witness }]);
  expect(await report(first)).toMatchObject({ status: 401, body: { code: "SIGNATURE_REQUIRED" }, asks: "Nostr" });
  expect(await report(signed())).toMatchObject({ status: 200, body: { data: { counted: false, source: "signed" } } });
  expect(await witnesses()).toHaveLength(1);
});

test.each([
  ["another body", () => signed({ text: JSON.stringify(JSON.parse(body)) })],
  ["another address", () => signed({ url: "https://elsewhere.example/api/report" })],
  ["another method", () => signed({ method: "PUT" })],
  ["two minutes ago", () => signed({ ageSec: 120 })],
  ["nothing", () => "Nostr bm90aGluZw=="],
])("a signature over %s is none", async (_name, authorization) => {
  expect(await report(authorization())).toMatchObject({
    status: 401,
    body: { code: "SIGNATURE_REQUIRED" },
    asks: "Nostr",
  });
});

test("a signature somebody tampered with is none", async () => {
  const event = JSON.parse(Buffer.from(signed().slice(6), "base64").toString());
  event.pubkey = getPublicKey(generateSecretKey());
  const forged = `Nostr ${Buffer.from(JSON.stringify(event)).toString("base64")}`;
  expect(await report(forged)).toMatchObject({ status: 401, body: { code: "SIGNATURE_REQUIRED" } });
});
