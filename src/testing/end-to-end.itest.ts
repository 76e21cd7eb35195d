/** The product from outside: the printed lines are pasted, a real client pays, a kill -9 loses nothing, the event verifies. */
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { fetch402 } from "@getalby/lightning-tools/402";
import { fetchWithL402 } from "@getalby/lightning-tools/402/l402";
import { loadWasmSync, Event as RustEvent } from "@rust-nostr/nostr-sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fetchEvents } from "../adapters/nostr/fetch-events.ts";
import { getCalibrationContract } from "../apps/api/routes/get-calibration.ts";
import { getNodeContract } from "../apps/api/routes/get-node.ts";
import { resolveIntentContract } from "../apps/api/routes/resolve-intent.ts";
import type { SignedEvent } from "../core/nip85/event.ts";
import { verifyHeartbeat } from "../core/nip85/verify-heartbeat.ts";
import { unixSeconds } from "../core/units.ts";
import { EVERYTHING, SATRANK } from "./compiled.ts";
import { freePorts, type Ports, type Program, startProgram } from "./program.ts";

const run = promisify(execFile);
const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-e2e-"));
fs.chmodSync(dataDir, 0o755);
let ports: Ports;
let program: Program;

beforeAll(async () => {
  ports = await freePorts();
  program = await startProgram(dataDir, ports);
});
afterAll(async () => {
  expect(await program.kill("SIGTERM")).toBe(0);
  fs.rmSync(dataDir, { recursive: true, force: true });
});

const question = () => JSON.parse(/QUESTION='(\{.*?\})'/.exec(program.printed())?.[1] ?? "{}");
const post = (route: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${program.origin}${route}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
const wallet = {
  async payInvoice({ invoice }: { invoice: string }): Promise<{ preimage: string }> {
    const response = await post("/demo/pay", { invoice });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as { preimage: string };
  },
};

/** A challenge and its payment, not yet used. */
async function buy(): Promise<string> {
  const challenge = (await (await post("/api/intent", question())).json()) as { macaroon: string; invoice: string };
  const { preimage } = await wallet.payInvoice(challenge);
  return `L402 ${challenge.macaroon}:${preimage}`;
}

test("the printed lines work when they are pasted", async () => {
  const lines = program
    .printed()
    .split("\n")
    .filter((line) => line.startsWith("  "))
    .join("\n");
  const { stdout } = await run("bash", ["-c", `set -eu\n${lines}`], {
    env: { PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}` },
  });
  expect(stdout).toContain("HTTP/1.1 402 Payment Required");
  expect(stdout).toMatch(/WWW-Authenticate: L402 macaroon="[^"]+", invoice="lnbcrt[^"]+"/);
  expect(stdout).toContain("HTTP/1.1 200 OK");
  const { data } = JSON.parse(stdout.slice(stdout.lastIndexOf('{"data"')));
  expect(resolveIntentContract.response.parse(data)).toEqual(data);
  expect(data.target).toBe(question().target);
});

test("whoever asked says what became of the payment, once it is known that it was asked about", async () => {
  const answer = await post("/api/intent", question(), { Authorization: await buy() });
  const { predictionId } = ((await answer.json()) as { data: { predictionId: string } }).data;
  const report = () => post("/api/report", { predictionId, outcome: "arrived" });
  await expect.poll(async () => (await report()).status).toBe(200);
  expect(await (await report()).json()).toEqual({ data: { counted: false, proven: false } });
});

test.each([
  { name: "fetch402", client: fetch402 },
  { name: "fetchWithL402", client: fetchWithL402 },
])("a real client completes pay, retry, 200: Alby $name", async ({ client }) => {
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question()) };
  const response = await client(`${program.origin}/api/intent`, request, { wallet } as never);
  expect(response.status).toBe(200);
  const { data } = (await response.json()) as { data: { probability: number; verdict: string } };
  expect(data.probability).toBeGreaterThanOrEqual(0);
  expect(response.headers.get("x-satrank-cost-msat")).toBe("1000");
});

test("the operator's first smoke test works literally: 64-hex names, 402, a regtest invoice", async () => {
  const response = await post("/api/intent", { target: "ab".repeat(32), caller: "cd".repeat(32) });
  expect(response.status).toBe(402);
  expect(response.headers.get("www-authenticate")).toMatch(/^L402 macaroon="[^"]+", invoice="lnbcrt/);
});

test("health has every field, and all is well", async () => {
  const response = await fetch(`${program.origin}/api/health`);
  const { data } = (await response.json()) as { data: Record<string, unknown> };
  expect(response.status).toBe(200);
  expect(data).toMatchObject({ status: "ok", dbStatus: "ok", lndStatus: "ok", scoringStale: false });
  expect(data["schemaVersion"]).toBe(data["expectedSchemaVersion"]);
  expect(data["nodePubkey"]).toMatch(/^0[23][0-9a-f]{64}$/);
});

test.each([
  "/api/nodes?limit=5",
  "/api/nodes/search?alias=demo",
  "/api/health/live",
  "/api/health/ready",
  "/api/openapi.json",
  "/api/docs/errors",
  "/.well-known/l402.json",
  "/.well-known/l402-services",
  "/metrics",
])("%s answers", async (route) => {
  const response = await fetch(program.origin + route);
  expect(response.status).toBe(200);
  expect((await response.text()).length).toBeGreaterThan(20);
});

test("walking all pages shows each rated node once, best first", async () => {
  const seen: { key: string; rank: number }[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: Response = await fetch(
      `${program.origin}/api/nodes?limit=7${cursor === "" ? "" : `&cursor=${cursor}`}`,
    );
    const { data } = (await page.json()) as {
      data: { nodes: { key: string; rank: number }[]; nextCursor: string | null };
    };
    seen.push(...data.nodes);
    cursor = data.nextCursor;
  }
  expect(new Set(seen.map(({ key }) => key)).size).toBe(seen.length);
  expect(seen.length).toBeGreaterThan(10);
  expect(seen.map(({ rank }) => rank)).toEqual(seen.map(({ rank }) => rank).sort((a, b) => b - a));
});

test("a node is found by key, by hash and by alias, and gives one answer", async () => {
  const { data } = (await (await fetch(`${program.origin}/api/nodes?limit=1`)).json()) as {
    data: { nodes: { key: string; alias: string }[] };
  };
  const { key, alias } = data.nodes[0]!;
  const hash = Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key))).toString("hex");
  for (const target of [key, hash, `alias@${alias}`]) {
    const response = await post("/api/intent", { ...question(), target }, { Authorization: await buy() });
    expect([target, response.status]).toEqual([target, 200]);
    expect(((await response.json()) as { data: { target: string } }).data.target).toBe(key);
  }
});

test("a node's profile is bought like an answer, by a real client and at the same price", async () => {
  const { data } = (await (await fetch(`${program.origin}/api/nodes?limit=1`)).json()) as {
    data: { nodes: { key: string; rank: number }[] };
  };
  const { key, rank } = data.nodes[0]!;
  const response = await fetch402(`${program.origin}/api/nodes/${key}`, {}, { wallet } as never);
  expect([response.status, response.headers.get("x-satrank-cost-msat")]).toEqual([200, "1000"]);
  const profile = ((await response.json()) as { data: unknown }).data;
  expect(getNodeContract.response.parse(profile)).toEqual(profile);
  expect(profile).toMatchObject({ key, standing: "receivable", rank: { rank }, history: { days: [{}] } });
  const refused = await fetch(`${program.origin}/api/nodes/${"9".repeat(64)}`, {
    headers: { Authorization: await buy() },
  });
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([404, "SUBJECT_UNKNOWN"]);
});

test("what was answered is among the predictions, and the report on them fits its contract", async () => {
  const response = await fetch(`${program.origin}/api/calibration`);
  const { data } = (await response.json()) as { data: unknown };
  const report = getCalibrationContract.response.parse(data);
  expect(report).toEqual(data);
  expect(report.made.find(({ kind }) => kind === "payment")!.count).toBeGreaterThan(0);
  expect(Number(report.log.position)).toBeGreaterThan(0);
});

test("who speaks is found by name and by the brand's list, and a heartbeat shows that nothing is withheld", async () => {
  const named = async (name: string) => {
    const response = await fetch(`${program.origin}/.well-known/nostr.json?name=${name}`, { redirect: "error" });
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    return ((await response.json()) as { names: Record<string, string> }).names[name];
  };
  await expect.poll(() => named("_")).toMatch(/^[0-9a-f]{64}$/);
  const [brand, node] = [(await named("_"))!, (await named("node"))!];
  const found = async (filter: Parameters<typeof fetchEvents>[1]) =>
    (await fetchEvents(program.relayUrl, filter)) as SignedEvent[];
  await expect.poll(() => found({ kinds: [10_040], authors: [brand], limit: 1 })).toHaveLength(1);
  const [list] = await found({ kinds: [10_040], authors: [brand], limit: 1 });
  expect(list!.tags).toContainEqual(["30385:rank", node, `${program.origin.replace("http", "ws")}/relay`]);

  const check = async () => {
    const [heartbeat] = await found({ kinds: [30_078], authors: [node], limit: 1 });
    const shown = await found({ kinds: [30_385, 30_384], authors: [node], limit: 500 });
    const at = unixSeconds(Math.floor(Date.now() / 1_000));
    if (!heartbeat || shown.length === 0) return "nothing yet";
    return verifyHeartbeat(heartbeat, shown, { pubkey: node, now: at }).verdict;
  };
  await expect.poll(check, { timeout: 150_000, interval: 1_000 }).toBe("complete");
});

test("the published assertion is verified by an independent library, and by satrank verify", async () => {
  const { target } = question();
  const filter = { kinds: [30385], "#d": [`lightning:regtest:node:${target}`], limit: 1 };
  let events: unknown[] = [];
  for (let i = 0; i < 100 && events.length === 0; i++) {
    events = await fetchEvents(program.relayUrl, filter);
    if (events.length === 0) await new Promise((resolve) => setTimeout(resolve, 200));
  }
  loadWasmSync();
  const event = RustEvent.fromJson(JSON.stringify(events[0]));
  expect(event.verify()).toBe(true);

  const command = [SATRANK, "--json", "verify", target, "--relay", program.relayUrl];
  const { stdout } = await run(process.execPath, command);
  expect(JSON.parse(stdout)).toMatchObject([{ holds: true }]);

  const forged = path.join(dataDir, "forged.json");
  fs.writeFileSync(forged, JSON.stringify({ ...(events[0] as object), created_at: 1 }));
  await expect(run(process.execPath, [SATRANK, "verify", forged])).rejects.toMatchObject({ code: 1 });
});

test("our own relay has every event that the public one was sent, and satrank verify asks it", async () => {
  const own = `${program.origin.replace("http", "ws")}/relay`;
  await expect
    .poll(async () => {
      const ours = { kinds: [30385], limit: 500 };
      const [there, here] = [await fetchEvents(program.relayUrl, ours), await fetchEvents(own, ours)] as {
        id: string;
      }[][];
      const ids = new Set(here!.map(({ id }) => id));
      return [ids.size > 20, there!.length > 0, there!.filter(({ id }) => !ids.has(id)).length];
    })
    .toEqual([true, true, 0]);
  const { stdout } = await run(process.execPath, [SATRANK, "--json", "verify", question().target, "--relay", own]);
  expect(JSON.parse(stdout)).toMatchObject([{ holds: true }]);
});

test("the command line pays and answers in one go", async () => {
  const { target, caller } = question();
  const command = [SATRANK, "intent", target, "--caller", caller, "--url", program.origin];
  await expect(run(process.execPath, command)).rejects.toMatchObject({ code: 3 });
  const { stdout } = await run(process.execPath, [...command, "--pay-demo"]);
  expect(stdout).toMatch(/PAY|CAUTION|AVOID|INSUFFICIENT/);
});

test("kill -9 loses nothing that was acknowledged: a paid token, a balance, the published events", async () => {
  const paidNotUsed = await buy();
  const published = await fetchEvents(program.relayUrl, { kinds: [30385], limit: 500 });
  await program.kill("SIGKILL");
  program = await startProgram(dataDir, ports);

  const answer = await post("/api/intent", question(), { Authorization: paidNotUsed });
  expect(answer.status).toBe(200);
  expect((await post("/api/intent", question(), { Authorization: paidNotUsed })).status).toBe(402);
  const after = await fetchEvents(program.relayUrl, { kinds: [30385], limit: 500 });
  expect(after.length).toBe(published.length);
});

test("kill -9 of the database: it is started again, and what was paid for is still there", async () => {
  const paidNotUsed = await buy();
  const lock = fs.readFileSync(path.join(dataDir, "postgres/cluster/postmaster.pid"), "utf8");
  process.kill(Number(lock.split("\n")[0]), "SIGKILL");
  const ask = () => post("/api/intent", question(), { Authorization: paidNotUsed });
  let answer = await ask();
  for (let i = 0; i < 50 && answer.status === 503; i++) {
    expect(answer.headers.get("retry-after")).not.toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 200));
    answer = await ask();
  }
  expect(answer.status).toBe(200);
});

test("a second start over the same data directory is refused, and says why", async () => {
  const env = {
    ...process.env,
    DATA_DIR: dataDir,
    PORT: "0",
    DEMO_RELAY_PORT: "0",
    DEMO_MARKET_PORT: "0",
    CRAWLER_METRICS_PORT: "0",
    LOG_LEVEL: "info",
  };
  const second = run(process.execPath, [EVERYTHING, "all"], { env });
  await expect(second).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining("is in use by process") });
});
