/**
 * What every client must get from us, and must not be made to pay. The happy path runs against the whole program with
 * real invoices; faults run against the same door with a node that dies, lags or is asked too much on demand.
 */
import diagnostics from "node:diagnostics_channel";
import fs from "node:fs";
import type { IncomingMessage } from "node:http";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openTestDatabase, type TestDatabase } from "../database.ts";
import { freePorts, type Program, startProgram } from "../program.ts";
import { startTollApi, type Toll } from "../toll-api.ts";
import { type Call, type Client, countingWallet, type Session, type Wallet } from "./client.ts";

const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-interop-"));
let program: Program;
let database: TestDatabase;
let toll: Toll;
let busyToll: Toll;
let lsatToll: Toll;

/** Registers the tests of these clients; called once by a test file. */
export function testClients(clients: readonly Client[]): void {
  beforeAll(start, 90_000);
  beforeEach(() => {
    toll.lnd.state.dead = false;
    toll.lnd.state.settles = true;
  });
  afterAll(stop, 60_000);
  describe.each(clients)("$name", testClient);
}

async function start(): Promise<void> {
  fs.chmodSync(dataDir, 0o755);
  database = await openTestDatabase(10);
  toll = await startTollApi(database.pool);
  busyToll = await startTollApi(database.pool, { challengesPerMinute: 1 });
  lsatToll = await startTollApi(database.pool, { lsatLine: true });
  program = await startProgram(dataDir, await freePorts(), { CHALLENGES_PER_MINUTE: "10000" });
}

async function stop(): Promise<void> {
  await program?.kill("SIGTERM");
  await toll?.close();
  await busyToll?.close();
  await lsatToll?.close();
  await database?.close();
  fs.rmSync(dataDir, { recursive: true, force: true });
}

function testClient(client: Client): void {
  test("asks, pays a real invoice, asks again and is answered", async () => {
    const { session, wallet } = open(client, payOnNetwork);
    expect(await session(intent())).toBe(200);
    expect(wallet.invoices).toHaveLength(1);
    expect(wallet.invoices[0]).toMatch(/^lnbcrt10n1/);
  });

  test(`a spent token: ${client.whenSpent}, and no client pays twice for one answer`, async () => {
    const { session, wallet } = open(client, payOnNetwork);
    await session(intent());
    const paysAgain = client.whenSpent === "pays again";
    expect(await session(intent())).toBe(paysAgain ? 200 : 402);
    expect(wallet.invoices).toHaveLength(paysAgain ? 2 : 1);
    expect(new Set(wallet.invoices).size).toBe(wallet.invoices.length);
  });

  test.each([
    ["is not one", "L402 garbage"],
    ["has a macaroon that is not one", `L402 AgEEbHNhdA==:${"22".repeat(32)}`],
  ])("a credential that %s: 401, and nothing is paid", async (_, credential) => {
    const { session, wallet } = open(client, payAtToll);
    expect(await session({ ...word(), authorization: credential })).toBe(401);
    expect(wallet.invoices).toEqual([]);
  });

  test("our node is gone: 503, and nothing is paid", async () => {
    toll.lnd.state.dead = true;
    const { session, wallet } = open(client, payAtToll);
    expect(await session(word())).toBe(503);
    expect(wallet.invoices).toEqual([]);
  });

  test("too many unpaid questions from its network: 429, and nothing is paid", async () => {
    const call = { url: `${busyToll.origin}/api/toll`, body: word().body };
    await fetch(call.url, { method: "POST" });
    const { session, wallet } = open(client, payAtToll);
    expect(await session(call)).toBe(429);
    expect(wallet.invoices).toEqual([]);
  });

  test("a deposit is bought by asking for it: one payment, one account", async () => {
    const { session, wallet } = open(client, payOnNetwork);
    expect(await session({ url: `${program.origin}/api/deposit`, body: { amountSat: 50 } })).toBe(200);
    expect(wallet.invoices).toHaveLength(1);
    expect(wallet.invoices[0]).toMatch(/^lnbcrt500n1/);
  });

  test("the older name on a second line of the challenge changes nothing", async () => {
    const { session, wallet } = open(client, async (invoice) => lsatToll.lnd.pay(invoice));
    expect(await session({ url: `${lsatToll.origin}/api/toll`, body: word().body })).toBe(200);
    expect(wallet.invoices).toHaveLength(1);
  });

  testPayments(client);
  if (client.inBrowsers) testPreflight(client);
}

function testPayments(client: Client): void {
  test("paid, but our node has not seen it: 425, never a second invoice", async () => {
    toll.lnd.state.settles = false;
    const { session, wallet } = open(client, payAtToll);
    expect(await session(word())).toBe(425);
    toll.lnd.state.settles = true;
    expect(await session(word())).toBe(200);
    expect(wallet.invoices).toHaveLength(client.keepsToken ? 1 : 2);
  });

  if (!client.keepsToken) return;
  test("a balance is used up before anything is bought, with our node gone too", async () => {
    const { session, wallet } = open(client, async (invoice) => toll.lnd.pay(invoice, 3_000n));
    expect([await session(word()), await session(word())]).toEqual([200, 200]);
    toll.lnd.state.dead = true;
    expect(await session(word())).toBe(200);
    expect(wallet.invoices).toHaveLength(1);
  });
}

function testPreflight(client: Client): void {
  test("a browser's preflight allows every header it sends", async () => {
    const sent = new Set<string>();
    const listen = (message: unknown) => {
      for (const name of Object.keys((message as { request: IncomingMessage }).request.headers)) sent.add(name);
    };
    diagnostics.subscribe("http.server.request.start", listen);
    await open(client, payAtToll)
      .session(word())
      .catch(() => undefined);
    diagnostics.unsubscribe("http.server.request.start", listen);
    expect(sent).toContain("content-type");
    const preflight = await fetch(`${toll.origin}/api/toll`, { method: "OPTIONS" });
    const allowed = preflight.headers.get("access-control-allow-headers")?.toLowerCase().split(/, */) ?? [];
    expect([...sent].filter((name) => !SET_BY_THE_BROWSER.has(name) && !allowed.includes(name))).toEqual([]);
  });
}

/** Headers that no preflight asks for. */
const SET_BY_THE_BROWSER = new Set(
  "accept accept-encoding accept-language cache-control connection content-length host pragma sec-fetch-mode transfer-encoding user-agent".split(
    " ",
  ),
);

function open(client: Client, pay: (invoice: string) => Promise<string>): { session: Session; wallet: Wallet } {
  const wallet = countingWallet(pay);
  return { session: client.open(wallet), wallet };
}

/** The question that `make run` prints. */
function intent(): Call {
  const question = /QUESTION='(\{.*?\})'/.exec(program.printed())?.[1] ?? "{}";
  return { url: `${program.origin}/api/intent`, body: JSON.parse(question) };
}

const word = (): Call => ({ url: `${toll.origin}/api/toll`, body: { word: "hello" } });

async function payAtToll(invoice: string): Promise<string> {
  return toll.lnd.pay(invoice);
}

async function payOnNetwork(invoice: string): Promise<string> {
  const response = await fetch(`${program.origin}/demo/pay`, { method: "POST", body: JSON.stringify({ invoice }) });
  if (!response.ok) throw new Error(await response.text());
  return ((await response.json()) as { preimage: string }).preimage;
}
