/** Bench: from the command to the first 402, the first pasted curl lines, and the first paid verdict, on an empty data directory. */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { report } from "./report.ts";

const DEADLINE_MS = 120_000;

/** Starts the built program as `make run` does; with SATRANK_GRAPH the simulated network is that graph. */
export async function benchColdStart(): Promise<void> {
  const bare = await timeBareNode();
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-cold-"));
  fs.chmodSync(dataDir, 0o755);
  const graph = process.env["SATRANK_GRAPH"];
  const startedAt = performance.now();
  const since = () => performance.now() - startedAt;
  const env = {
    ...process.env,
    DATA_DIR: dataDir,
    PORT: "3917",
    DEMO_RELAY_PORT: "3918",
    DEMO_MARKET_PORT: "0",
    CRAWLER_METRICS_PORT: "3919",
    LOG_LEVEL: "warn",
    ...(graph && { GRAPH: graph }),
  };
  const child = spawn(process.execPath, ["dist/apps/main.js", "all"], { env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const first402 = until402("http://127.0.0.1:3917", since);
    const [question, greetedMs] = await greeting(child, since);
    const paidMs = await paidCall("http://127.0.0.1:3917", question, since);
    report(`cold start${graph ? ` on ${path.basename(graph)}` : " on the built-in graph"}`, [
      { name: "node -e 0 (baseline)", value: `${bare.toFixed(0)} ms` },
      { name: "first 402", value: `${(await first402).toFixed(0)} ms` },
      { name: "curl lines printed", value: `${greetedMs.toFixed(0)} ms` },
      { name: "first paid verdict", value: `${paidMs.toFixed(0)} ms` },
      { name: "memory of the process", value: `${(rssBytes(child) / 1024 ** 2).toFixed(0)} MiB resident` },
    ]);
  } finally {
    await new Promise((resolve) => {
      child.once("exit", resolve);
      child.kill("SIGTERM");
    });
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
}

async function timeBareNode(): Promise<number> {
  const startedAt = performance.now();
  await new Promise((resolve) => spawn(process.execPath, ["-e", "0"]).once("exit", resolve));
  return performance.now() - startedAt;
}

async function until402(origin: string, since: () => number): Promise<number> {
  while (since() < DEADLINE_MS) {
    const response = await ask(origin, { target: "0".repeat(64), caller: "0".repeat(64) }).catch(() => undefined);
    if (response?.status === 402) return since();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("no 402 in time");
}

/** The question of the printed curl lines, and when they came. */
function greeting(child: ChildProcess, since: () => number): Promise<[question: object, atMs: number]> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error("nothing was printed in time")), DEADLINE_MS);
    child.once("exit", (code) => reject(new Error(`the program exited with ${code}`)));
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const [, question] = /QUESTION='(\{.*?\})'/.exec(text) ?? [];
      if (question === undefined) return;
      clearTimeout(timer);
      resolve([JSON.parse(question), since()]);
    });
  });
}

async function paidCall(origin: string, question: object, since: () => number): Promise<number> {
  const challenge = (await (await ask(origin, question)).json()) as { macaroon: string; invoice: string };
  const paid = await post(`${origin}/demo/pay`, { invoice: challenge.invoice }, {});
  const { preimage } = (await paid.json()) as { preimage: string };
  const answer = await ask(origin, question, { Authorization: `L402 ${challenge.macaroon}:${preimage}` });
  if (answer.status !== 200) throw new Error(`the paid call answered ${answer.status}: ${await answer.text()}`);
  return since();
}

function ask(origin: string, question: object, headers: Record<string, string> = {}): Promise<Response> {
  return post(`${origin}/api/intent`, question, headers);
}

function post(url: string, body: object, headers: Record<string, string>): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

function rssBytes(child: ChildProcess): number {
  const status = fs.readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
