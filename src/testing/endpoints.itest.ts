/**
 * The endpoint oracle from outside, on the embedded network: a directory is read, what it lists is called and paid, a customer asks
 * for weather and pays for the answer, is let down by the best of it, says so with the proofs of its payments, and finds it gone.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts, type Program, startProgram } from "./program.ts";

const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-market-e2e-"));
fs.chmodSync(dataDir, 0o755);
let program: Program;
beforeAll(async () => {
  program = await startProgram(dataDir, await freePorts());
});
afterAll(async () => {
  expect(await program.kill("SIGTERM")).toBe(0);
  fs.rmSync(dataDir, { recursive: true, force: true });
});

type Candidate = {
  id: string;
  url: string;
  name: string;
  method: string;
  probability: number;
  expectedCostMsat: string;
};
type Listed = { id: string; name: string; belief: { observations: number; probability: number } | null };

async function send(target: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${program.origin}${target}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  // biome-ignore lint/suspicious/noExplicitAny: an answer as a client sees it
  return { status: response.status, body: (await response.json()) as any };
}

const pay = async (invoice: string): Promise<string> => (await send("/demo/pay", { invoice })).body.preimage;
const listed = async (): Promise<Listed[]> =>
  ((await (await fetch(`${program.origin}/api/services?category=weather`)).json()) as { data: { services: Listed[] } })
    .data.services;

const WISH = { category: "weather", explore: false };
let credential: Record<string, string>;
const ask = async (): Promise<Candidate[]> => {
  const { status, body } = await send("/api/intent", WISH, credential);
  expect(status).toBe(200);
  return body.data.candidates;
};

test("what the directory lists is found, called and rated", async () => {
  const called = async () =>
    (await listed()).filter(({ belief }) => (belief?.observations ?? 0) > 0).map(({ name }) => name);
  await expect.poll(called, { timeout: 120_000, interval: 1_000 }).toHaveLength(6);
});

test("asking for a kind of endpoint costs a payment, and the best comes first", async () => {
  const { status, body } = await send("/api/intent", WISH);
  expect(status).toBe(402);
  const preimage = await pay(body.invoice);
  credential = { Authorization: `L402 ${body.macaroon}:${preimage}` };
  const candidates = await ask();
  expect(candidates.length).toBeGreaterThan(0);
  const costs = candidates.map(({ expectedCostMsat }) => Number(expectedCostMsat));
  expect(costs).toEqual([...costs].sort((a, b) => a - b));
  const names = candidates.map(({ name }) => name);
  expect(names).not.toContain("Hollow weather");
  expect(names).not.toContain("Island weather");
});

test("calls that failed after they were paid for, proven by their payments, move the best out of its place", async () => {
  // One satoshi was spent above; the next answers are bought on the same account.
  const deposit = await send("/api/deposit", { amountSat: 100 });
  credential = { Authorization: `L402 ${deposit.body.macaroon}:${await pay(deposit.body.invoice)}` };
  const [best] = await ask();
  const { id: endpoint, url, method } = best!;

  const told = { endpoint, method, stage: "delivery", good: false, code: "STATUS_5XX" };
  expect((await send("/api/report", told)).status).toBe(401);
  expect((await send("/api/report", told, credential)).body.data).toEqual({ counted: true, source: "holder" });
  for (let i = 0; i < 20; i += 1) {
    const { invoice } = (await (await fetch(url)).json()) as { invoice: string };
    const proof = { invoice, preimage: await pay(invoice) };
    expect((await send("/api/report", { ...told, ...proof })).body.data).toEqual({ counted: true, source: "proven" });
  }
  const believed = async () => (await listed()).find(({ id }) => id === endpoint)?.belief?.probability ?? 1;
  await expect.poll(believed, { timeout: 120_000, interval: 1_000 }).toBeLessThan(best!.probability / 1.3);
  expect((await ask())[0]?.id).not.toBe(endpoint);
});
