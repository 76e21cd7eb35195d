/** Two crawlers call a market of honest and other services over a simulated network: real invoices, real HTTP, a real queue. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGuardedClient } from "../../../adapters/http/guarded-client.ts";
import { closeLnd, connectLnd, type LndClient } from "../../../adapters/lnd/connect.ts";
import { type Jobs, startJobs } from "../../../adapters/postgres/jobs.ts";
import { toHex } from "../../../core/bytes.ts";
import { readEndpointUrl } from "../../../core/endpoint/endpoint.ts";
import { decodeCall } from "../../../core/evidence/call.ts";
import type { Finding } from "../../../core/inspect/finding.ts";
import { SIMULATED_POLICY } from "../../../core/spend/policy.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { type SimulatedLightning, startSimulatedLightning } from "../../demo/lnd/start.ts";
import { GOODS } from "../../demo/services/goods.ts";
import { type Market, startMarket } from "../../demo/services/start.ts";
import { openTill } from "../../demo/services/till.ts";
import { askEndpoint } from "../../endpoint-calls.ts";
import { probeEndpointsQueue } from "./probe-endpoints.ts";

const clock = () => Date.now() / 1000;
const stopping = new AbortController();
let directory: string;
let database: TestDatabase;
let lightning: SimulatedLightning;
let market: Market;
let tills: ReturnType<typeof openTill>[];
let clients: LndClient[];
let egress: ReturnType<typeof openGuardedClient>;
const crawlers: Jobs[] = [];
const found: { crawler: number; finding: Finding }[] = [];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "satrank-market-"));
  database = await openTestDatabase();
  lightning = await startSimulatedLightning({ dataDir: directory, now: clock });
  tills = [openTill(lightning.shop), openTill(lightning.bazaar)];
  market = await startMarket({ tills: { shop: tills[0]!.till, bazaar: tills[1]!.till }, port: 0, now: clock });
  const { host, tlsCertPath, macaroonPaths } = lightning.oracle;
  clients = [macaroonPaths.read, macaroonPaths.pay].map((macaroon) =>
    connectLnd({ host, tlsCert: readFileSync(tlsCertPath), macaroonHex: toHex(readFileSync(macaroon)) }),
  );
  egress = openGuardedClient({ ports: portsOf(market), allow: market.addresses });
});

afterAll(async () => {
  stopping.abort();
  await Promise.all(crawlers.map((each) => each.stop()));
  egress.close();
  for (const client of clients) closeLnd(client);
  for (const till of tills) till.close();
  await market.stop();
  await lightning.stop();
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

const portsOf = ({ addresses }: Market) => addresses.map((address) => Number(address.split(":")[1]));

/** The oracle knows the two shops' nodes; of the island's nobody has announced anything. */
async function storeNodes(): Promise<void> {
  await database.pool.query(
    `WITH snapshot AS (
      INSERT INTO graph_snapshot (digest, taken_at, node_count, channel_count, arc_count, source, body)
        VALUES (sha256('graph'), 0, 2, 1, 2, 'test', '') RETURNING snapshot_id
    )
    INSERT INTO node (node_key, key_hash, alias, channel_count, live_in_count, capacity_sat, last_update_at, snapshot_id)
      SELECT decode(key, 'hex'), sha256(convert_to(key, 'UTF8')), 'shop', 1, 1, 1, 0, snapshot_id FROM snapshot, unnest($1::text[]) key`,
    [[lightning.shop.nodePubkey, lightning.bazaar.nodePubkey]],
  );
}

/** As a catalogue would have them. */
async function listGoods(): Promise<void> {
  type Page = { services: { url: string; http_method: string; name: string }[] };
  const page = (await (await fetch(market.directoryUrl)).json()) as Page;
  for (const { url, http_method: method, name } of page.services) {
    const read = readEndpointUrl(url);
    if (typeof read === "string") throw new Error(read);
    const { input } = GOODS.find((each) => each.name === name)!;
    await database.pool.query(
      `INSERT INTO endpoint (url, url_hash, method, host, name, input, listed_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, 0, 0)`,
      [read.url, read.id, method, read.host, name, input && { contentType: "application/json", body: input }],
    );
  }
}

async function joinCrawler(crawler: number): Promise<void> {
  const queue = probeEndpointsQueue({
    database: database.pool,
    ask: askEndpoint(egress.fetch),
    self: async () => ({ nodePubkey: lightning.oracle.nodePubkey, network: "bcrt" }),
    payers: () => [{ readonly: clients[0]!, pay: clients[1]! }],
    limits: SIMULATED_POLICY.payments,
    cadence: { everySec: 3_600, paidEverySec: 3_600 },
    concurrency: 4,
    events: { endpointCalled: (finding) => void found.push({ crawler, finding }), jobsWaiting: () => undefined },
    signal: stopping.signal,
  });
  crawlers.push(
    await startJobs(
      database.url,
      { jobs: [], queues: [queue] },
      { onDone: () => undefined, onFailed: () => undefined },
    ),
  );
}

const ENDS: Record<string, string> = {
  "Honest weather": "quality good OK",
  "Slow weather": "quality good OK",
  "Cheap weather": "delivery bad STATUS_5XX",
  "Bait weather": "quality good OK",
  "Hollow weather": "quality bad ERROR_INSTEAD",
  "Island weather": "payment bad NO_WAY_TO_PAYEE",
  Translator: "quality good OK",
};

test("each is called once, paid once, and found to be what it is", async () => {
  await storeNodes();
  await listGoods();
  await Promise.all([joinCrawler(0), joinCrawler(1)]);
  await expect.poll(() => found.length, { timeout: 120_000, interval: 200 }).toBe(GOODS.length);

  const { rows } = await database.pool.query(
    `SELECT name, stage || ' ' || verdict || ' ' || code AS finding, p.price_msat, p.payee
      FROM endpoint_probe p JOIN endpoint USING (endpoint_id)`,
  );
  expect(Object.fromEntries(rows.map(({ name, finding }) => [name, finding]))).toEqual(ENDS);
  const bait = rows.find(({ name }) => name === "Bait weather");
  expect(bait).toMatchObject({ price_msat: 40_000n, payee: lightning.shop.nodePubkey });

  const { rows: payments } = await database.pool.query("SELECT state, subject, purpose FROM outgoing_payment");
  expect(payments.filter(({ state }) => state === "succeeded").length).toBe(GOODS.length - 1);
  expect(new Set(payments.map(({ subject }) => subject)).size).toBe(GOODS.length - 1);
  expect(payments.every(({ purpose }) => purpose === "endpoint-probe")).toBe(true);
});

test("the evidence log has one entry of each call, and none of what nobody answers for", async () => {
  const { rows } = await database.pool.query("SELECT entry FROM evidence WHERE kind = 'call' ORDER BY position");
  const calls = rows.map(({ entry }) => decodeCall(entry));
  expect(calls.length).toBe(GOODS.length);
  expect(
    calls
      .filter(({ call }) => !call.good)
      .map(({ call }) => call.code)
      .sort(),
  ).toEqual(["ERROR_INSTEAD", "NO_WAY_TO_PAYEE", "STATUS_5XX"]);
  expect(calls.every(({ witness }) => witness === lightning.oracle.nodePubkey)).toBe(true);
});
