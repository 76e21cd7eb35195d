/** Bench: calls of endpoints that do not pay, through the queue in a durable Postgres, by one crawler process and by two. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { openGuardedClient } from "../../adapters/http/guarded-client.ts";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { ratio, report } from "./report.ts";

const ENDPOINTS = 20_000;
const WARM_UP_MS = 15_000;
const MEASURED_MS = 30_000;
const ALONE = 300;
const WORKER = path.join(import.meta.dirname, "probe-worker.js");

/** Prints calls per hour of one process and of two, and what one request costs without queue, log and judgement. */
export async function benchProbes(): Promise<void> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-bench-"));
  fs.chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, durable: true });
  const children: ChildProcess[] = [];
  const start = (...args: string[]) => {
    const child = fork(WORKER, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    children.push(child);
    return child;
  };
  try {
    const [{ port }] = (await once(start("target"), "message")) as [{ port: number }];
    const target = `127.0.0.1:${port}`;
    await listEndpoints(postgres.url, target);
    const alone = await callAlone(target);
    const one = await callsPerHour([start("worker", postgres.url, target)]);
    const workers = [children.at(-1)!, start("worker", postgres.url, target)];
    const two = await callsPerHour(workers);
    report(`calls of endpoints without payment, ${ENDPOINTS} endpoints, ${os.cpus().length} cores`, [
      { name: "the guarded request alone, one after the other", value: `${alone.toFixed(0)} an hour` },
      {
        name: "one crawler",
        value: `${one.toFixed(0)} an hour`,
        note: `${ratio(one, alone)} of it; the aim is 10,000`,
      },
      { name: "two crawlers", value: `${two.toFixed(0)} an hour`, note: `${ratio(two, one)} of one` },
    ]);
  } finally {
    for (const child of children) child.disconnect();
    await Promise.all(children.map((child) => (child.exitCode === null ? once(child, "exit") : undefined)));
    await postgres.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Each on a host of its own, so that politeness holds nothing up. */
async function listEndpoints(url: string, target: string): Promise<void> {
  const pool = openDatabase({ url, maxConnections: 1, onError: () => undefined });
  await migrate(pool);
  await pool.query(
    `INSERT INTO endpoint (url, url_hash, method, host, listed_at, changed_at)
      SELECT url, encode(sha256(convert_to(url, 'UTF8')), 'hex'), 'GET', 'host-' || n, 0, 0
      FROM generate_series(1, $1::int) n, LATERAL (SELECT 'http://' || $2::text || '/v1/' || n AS url) u`,
    [ENDPOINTS, target],
  );
  await pool.end();
}

async function callAlone(target: string): Promise<number> {
  const client = openGuardedClient({ ports: [Number(target.split(":")[1])], allow: [target] });
  const from = performance.now();
  for (let i = 0; i < ALONE; i += 1) {
    const result = await client.fetch({
      url: `http://${target}/v1/${i}`,
      method: "GET",
      signal: new AbortController().signal,
    });
    if (!result.ok || result.answer.status !== 402) throw new Error(JSON.stringify(result));
  }
  client.close();
  return (ALONE * 3_600_000) / (performance.now() - from);
}

async function callsPerHour(workers: readonly ChildProcess[]): Promise<number> {
  const count = async () => {
    const said = await Promise.all(workers.map((worker) => once(worker, "message") as Promise<[{ calls: number }]>));
    return said.reduce((sum, [{ calls }]) => sum + calls, 0);
  };
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const [before, from] = [await count(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, MEASURED_MS));
  const [after, to] = [await count(), performance.now()];
  return ((after - before) * 3_600_000) / (to - from);
}
