/**
 * Bench: our own relay on a real Postgres that holds the full set; 1,000 clients with a subject each, the whole set to one client, one event to
 * 1,000 clients. Server and clients are processes of their own.
 */
import { type ChildProcess, fork } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type pg from "pg";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { now } from "../../apps/clock.ts";
import { nodeAssertion, stage } from "../some-assertions.ts";
import type { Order, Told } from "./relay-clients.ts";
import type { RelayReady } from "./relay-server.ts";
import { at, ms, ratio, report, spread } from "./report.ts";

const EVENTS = 17_000;
const CLIENTS = 1_000;
const ARRIVALS_PER_SEC = 1_000;
const ROUNDS = 3;

/** Prints the figures, on a Postgres of its own that commits to disk. */
export async function benchRelay(): Promise<void> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-bench-"));
  fs.chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, durable: true });
  const pool = openDatabase({ url: postgres.url, maxConnections: 8, onError: () => undefined });
  const children: ChildProcess[] = [];
  try {
    await migrate(pool);
    await fill(pool);
    const server = start("relay-server", [postgres.url]);
    const crowd = start("relay-clients", []);
    children.push(server, crowd);
    const urls = await told<RelayReady>(server);
    await benchFirstEose(pool, crowd, urls);
    await benchReplay(crowd, urls);
    await benchLive(pool, crowd, urls);
  } finally {
    for (const child of children) child.disconnect();
    await pool.end();
    await postgres.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
}

/** All at one second, as one scoring run leaves them. */
async function fill(pool: pg.Pool): Promise<void> {
  const events = Array.from({ length: EVENTS }, (_, i) => stage(nodeAssertion(i)));
  for (let from = 0; from < EVENTS; from += 1_000)
    await outboxTable(pool).stage(events.slice(from, from + 1_000), now());
  await pool.query("VACUUM ANALYZE outbox_event");
}

const subjectOf = (index: number) => nodeAssertion(index).tags[0]![1]!;
const requests = (first: number) =>
  Array.from({ length: CLIENTS }, (_, i) =>
    JSON.stringify(["REQ", "x", { kinds: [30_385], "#d": [subjectOf((first + 7 * i) % EVENTS)] }]),
  );

async function benchFirstEose(pool: pg.Pool, crowd: ChildProcess, { relay, echo, memory }: RelayReady): Promise<void> {
  const run = async (url: string, perSec?: number) => {
    const times: number[] = [];
    // The first round of each warms it up.
    for (let round = 0; round <= ROUNDS; round++) {
      await order(crowd, { ask: "connect", url, count: CLIENTS });
      const answer = await order(crowd, { ask: "all", messages: requests(round), ...(perSec && { perSec }) });
      if (round > 0 && "times" in answer) times.push(...answer.times);
    }
    return times;
  };
  const one = await selectOne(pool);
  const [bare, inMemory, together] = [await run(echo), await run(memory), await run(relay)];
  const [bareArriving, arriving] = [await run(echo, ARRIVALS_PER_SEC), await run(relay, ARRIVALS_PER_SEC)];
  const against = (times: number[]) =>
    `p99 ${ratio(at(times, 0.99), at(bare, 0.99))} times the echo's, ${ratio(at(times, 0.99), at(inMemory, 0.99))} times that in memory`;
  report(
    `relay: ${CLIENTS.toLocaleString("en")} clients with a #d filter each, among ${EVENTS.toLocaleString("en")} events: time to the first EOSE`,
    [
      { name: "SELECT 1, one connection (baseline)", value: one },
      { name: "all at once: bare WebSocket echo (baseline)", value: spread(bare) },
      { name: "all at once: @nostr-relay in memory (baseline)", value: spread(inMemory) },
      { name: "all at once: our relay", value: spread(together), note: against(together) },
      { name: `all within ${CLIENTS / ARRIVALS_PER_SEC} s: bare echo (baseline)`, value: spread(bareArriving) },
      {
        name: `all within ${CLIENTS / ARRIVALS_PER_SEC} s: our relay`,
        value: spread(arriving),
        note: "aim p99 at most 50 ms",
      },
    ],
  );
}

async function benchReplay(crowd: ChildProcess, { relay, frames, memory }: RelayReady): Promise<void> {
  const run = async (url: string) => {
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await order(crowd, { ask: "connect", url, count: 1 });
      const answer = await order(crowd, { ask: "all", messages: [JSON.stringify(["REQ", "x", { limit: 50_000 }])] });
      rates.push((1_000 * EVENTS) / ("times" in answer ? answer.times[0]! : Number.NaN));
    }
    return at(rates, 0.5);
  };
  const [bare, inMemory, ours] = [await run(frames), await run(memory), await run(relay)];
  const line = (rate: number) => `${rate.toFixed(0)} events/s`;
  report(`relay: the whole set of ${EVENTS.toLocaleString("en")} to one client in one REQ, median of ${ROUNDS}`, [
    { name: "bare WebSocket frames from memory (baseline)", value: line(bare) },
    { name: "@nostr-relay in memory (baseline)", value: line(inMemory) },
    { name: "our relay", value: line(ours), note: `${ratio(ours, bare)} of bare frames; aim at least 20,000` },
  ]);
}

async function benchLive(pool: pg.Pool, crowd: ChildProcess, { relay }: RelayReady): Promise<void> {
  const d = subjectOf(5);
  await order(crowd, { ask: "connect", url: relay, count: CLIENTS });
  const message = JSON.stringify(["REQ", "x", { "#d": [d] }]);
  await order(crowd, { ask: "all", messages: new Array<string>(CLIENTS).fill(message) });
  const times: number[] = [];
  for (let version = 1; version <= 10; version++) {
    await order(crowd, { ask: "hear", each: 1 });
    const last = told<Told>(crowd);
    const from = Date.now();
    await outboxTable(pool).stage([stage(nodeAssertion(5, { createdAt: 1_790_000_000 + version }))], now());
    const answer = await last;
    times.push("lastAtMs" in answer ? answer.lastAtMs - from : Number.NaN);
  }
  report(`relay: one staged event to ${CLIENTS.toLocaleString("en")} clients that wait for it`, [
    {
      name: "from before it is staged to the last client",
      value: `p50 ${ms(at(times, 0.5))}, worst ${ms(Math.max(...times))}`,
      note: "the outbox is asked ten times a second",
    },
  ]);
}

async function selectOne(pool: pg.Pool): Promise<string> {
  const client = await pool.connect();
  const from = performance.now();
  for (let i = 0; i < 2_000; i++) await client.query({ name: "one", text: "SELECT 1" });
  const perSec = 2_000_000 / (performance.now() - from);
  client.release();
  return `${perSec.toFixed(0)}/s`;
}

function start(name: string, args: string[]): ChildProcess {
  return fork(new URL(`./${name}${path.extname(import.meta.url)}`, import.meta.url), args);
}

function told<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null) => reject(new Error(`a process of the bench ended with ${code}`));
    child.once("exit", gone);
    child.once("message", (message) => {
      child.off("exit", gone);
      resolve(message as Message);
    });
  });
}

async function order(child: ChildProcess, what: Order): Promise<Told> {
  child.send(what);
  return told<Told>(child);
}
