/** Bench: a paid request, debit committed on a durable Postgres before the answer leaves, against a bare Express hello. */
import { type ChildProcess, fork } from "node:child_process";
import autocannon from "autocannon";
import type { Ready } from "./paid-server.ts";
import { type Measurement, ratio, report } from "./report.ts";

const SECONDS = 5;
const WARM_UP_SECONDS = 2;

/** Prints requests per second and latency for each, and their ratio. */
export async function benchPaid(): Promise<void> {
  for (const connections of [1, 64]) {
    const bare = await measure("bare", connections);
    const paid = await measure("paid", connections);
    report(`paid request, ${connections} connection${connections === 1 ? "" : "s"}`, [
      bare,
      { ...paid, note: `${ratio(paid.perSecond, bare.perSecond)} of bare Express` },
    ]);
  }
}

async function measure(mode: "bare" | "paid", connections: number): Promise<Measurement & { perSecond: number }> {
  const { child, ready } = await start(mode);
  try {
    const requests = (ready.credentials.length > 0 ? ready.credentials : [""]).map((authorization) => ({
      method: "POST" as const,
      path: "/api/toll",
      headers: { "Content-Type": "application/json", ...(authorization && { Authorization: authorization }) },
      body: '{"word":"hello"}',
    }));
    const options = { url: `http://127.0.0.1:${ready.port}`, connections, requests };
    await autocannon({ ...options, duration: WARM_UP_SECONDS });
    const result = await autocannon({ ...options, duration: SECONDS });
    if (result.non2xx > 0 || result.errors > 0)
      throw new Error(`${mode}: ${result.non2xx} answers other than 2xx, ${result.errors} errors`);
    const perSecond = result.requests.average;
    const { p50, p99 } = result.latency;
    return {
      name: mode === "bare" ? "bare Express hello" : "paid request",
      value: `${perSecond.toFixed(0)} req/s, p50 ${p50} ms, p99 ${p99} ms`,
      perSecond,
    };
  } finally {
    await stop(child);
  }
}

function start(mode: string): Promise<{ child: ChildProcess; ready: Ready }> {
  const child = fork(new URL("./paid-server.ts", import.meta.url), [mode], { execArgv: ["--import", "tsx"] });
  return new Promise((resolve, reject) => {
    child.once("message", (ready) => resolve({ child, ready: ready as Ready }));
    child.once("exit", (code) => reject(new Error(`the ${mode} server exited with ${code}`)));
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners("exit");
    child.once("exit", () => resolve());
    child.disconnect();
    setTimeout(() => child.kill("SIGKILL"), 5_000).unref();
  });
}
