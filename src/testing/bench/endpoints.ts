/** Bench: endpoints chosen among 100,000, asked for by 32 at once, beside the least a question of Postgres costs; and how many are rated a second. */
import { type ChildProcess, fork } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import type pg from "pg";
import { readChannelGraph } from "../../adapters/lnd/decode-channel-graph.ts";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded.ts";
import { endpointBeliefTable } from "../../adapters/postgres/endpoint-belief.ts";
import { endpointModelTable } from "../../adapters/postgres/endpoint-model.ts";
import { appendCalls } from "../../adapters/postgres/evidence.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { readChoice } from "../../apps/api/routes/choose-endpoints.ts";
import { now } from "../../apps/clock.ts";
import { openVerdictThread } from "../../apps/verdict-thread.ts";
import { nodeKeyHex } from "../../core/graph/channel-graph.ts";
import { encodeSnapshot } from "../../core/graph/snapshot.ts";
import { unixSeconds } from "../../core/units.ts";
import { answerChoice, prepareChoice } from "../../oracle/choice/answer-choice.ts";
import { rateEndpoints } from "../../oracle/trust/rate-endpoints.ts";
import { someCall } from "../some-call.ts";
import { insertEndpoints } from "../some-endpoints.ts";
import { storeSyntheticBeliefs } from "../synthetic-beliefs.ts";
import { seededRandom } from "../synthetic-graph.ts";
import { openServices } from "./endpoints-ports.ts";
import type { Ready } from "./endpoints-server.ts";
import { makeUpGraph } from "./graph-file.ts";
import { at, ratio, report, spread } from "./report.ts";

const ENDPOINTS = 100_000;
const AT_ONCE = 32;
const QUESTIONS = 4_000;
const SORTS = 64;
const CALLERS = 20;
const RATED = 1_000;
const CALLS_EACH = 20;

/** Prints the figures, on a catalogue made up for it in a Postgres of its own that commits to disk. */
export async function benchEndpoints(): Promise<void> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-bench-"));
  fs.chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, durable: true });
  const onError = () => undefined;
  const pool = openDatabase({ url: postgres.url, maxConnections: 20, onError });
  const planned = openDatabase({ url: postgres.url, maxConnections: 6, onError, plansOnce: true });
  try {
    await migrate(pool);
    const { graph } = readChannelGraph(makeUpGraph(1).bytes);
    const keys = Array.from({ length: 2_000 }, (_, i) => nodeKeyHex(graph, i));
    await storeSyntheticBeliefs(pool, { count: ENDPOINTS, seed: 1, payees: keys });
    await pool.query("VACUUM ANALYZE endpoint_belief");
    await pool.query("ANALYZE endpoint");
    await benchChoice(pool, planned, encodeSnapshot(graph), keys);
    await benchHttp(pool, postgres.url);
    await benchRating(pool);
  } finally {
    await planned.end();
    await pool.end();
    await postgres.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Another question each time: a category, mostly with a budget or a bound on latency, sometimes a word. */
function questions(seed: number, callers: readonly string[] = []) {
  const random = seededRandom(seed);
  const pick = (chance: number, value: object) => (random() < chance ? value : {});
  return () => ({
    category: `category-${Math.floor(20 * random() ** 2)}`,
    keywords: [] as string[],
    limit: 5,
    explore: true,
    includeUnknown: false,
    ...pick(0.6, { budgetSat: 5 + Math.floor(995 * random()) }),
    ...pick(0.4, { maxLatencyMs: 100 + Math.floor(2_000 * random()) }),
    ...pick(0.1, { keywords: ["weather"] }),
    ...(callers.length > 0 && { caller: callers[Math.floor(random() * callers.length)]! }),
  });
}

async function benchChoice(pool: pg.Pool, planned: pg.Pool, body: Uint8Array, keys: readonly string[]): Promise<void> {
  const { services } = openServices(pool, planned);
  const answer = async (asked: object, approach = services.approach) => {
    const question = readChoice(asked as never);
    const prepared = await prepareChoice(services, { ...question, caller: undefined });
    await answerChoice(
      { ...services, approach },
      { ...prepared, caller: question.caller },
      { predictionId: crypto.randomUUID(), now: now() },
    );
  };
  const ask = questions(2);
  const bare = () => pool.query({ name: "one", text: "SELECT 1" });
  // What a ranking without an index of its order costs: all of the category, sorted.
  const sort = () =>
    pool.query(`SELECT * FROM endpoint_belief WHERE listed AND verdict <> 'avoid' AND category = 'category-${Math.floor(20 * Math.random() ** 2)}'
      ORDER BY price_msat / greatest(paid_low, 1e-6) + coalesce(latency_ms, 30000) / greatest(unpaid_low * payment_low, 1e-6) LIMIT 5`);
  await runAll(QUESTIONS / 4, () => answer(ask()));
  const one = await runAll(QUESTIONS, bare);
  const sorted = await runAll(SORTS, sort);
  const chosen = await runAll(QUESTIONS, () => answer(ask()));
  const thread = openVerdictThread();
  await thread.load({ body, deltas: [], takenAt: unixSeconds(now()) });
  const forCaller = questions(3, keys.slice(-CALLERS));
  await runAll(CALLERS * 8, () => answer(forCaller(), thread.approach));
  const called = await runAll(QUESTIONS / 4, () => answer(forCaller(), thread.approach));
  await thread.close();
  const line = (name: string, load: Load, note?: string) => ({ name, value: text(load), ...(note && { note }) });
  const against = (load: Load) => `p99 ${ratio(at(load.times, 0.99), at(sorted.times, 0.99))} of the sort`;
  report(
    `endpoints chosen among ${ENDPOINTS.toLocaleString("en")}, ${AT_ONCE} questions at once, each another one, in one process with its client`,
    [
      line("SELECT 1 (baseline)", one),
      line("all of a category sorted in SQL (baseline)", sorted),
      line("chosen, described, and its prediction logged", chosen, `${against(chosen)}; aim p99 at most 20 ms`),
      line(`the same for one of ${CALLERS} callers`, called, against(called)),
    ],
  );
}

async function benchHttp(pool: pg.Pool, databaseUrl: string): Promise<void> {
  const child = fork(new URL(`./endpoints-server${path.extname(import.meta.url)}`, import.meta.url), [databaseUrl]);
  try {
    const { port, credentials } = await ready(child);
    const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
    const ask = questions(4);
    let next = 0;
    const post = () => exchange(agent, port, credentials[next++ % credentials.length]!, JSON.stringify(ask()));
    await runAll(QUESTIONS / 4, post);
    const one = await runAll(QUESTIONS, () => pool.query({ name: "one", text: "SELECT 1" }));
    const paid = await runAll(QUESTIONS, post);
    agent.destroy();
    report(`paid POST /api/intent for services over HTTP, ${AT_ONCE} connections`, [
      { name: "SELECT 1 (baseline)", value: text(one) },
      {
        name: "charged, chosen, answered",
        value: text(paid),
        note: `p50 ${ratio(at(paid.times, 0.5), at(one.times, 0.5))} times the baseline; aim p99 at most 20 ms`,
      },
    ]);
  } finally {
    child.disconnect();
  }
}

async function benchRating(pool: pg.Pool): Promise<void> {
  const called = await insertEndpoints(
    pool,
    Array.from({ length: RATED }, (_, i) => ({
      url: `https://rated-${Math.floor(i / 4)}.example/${i}`,
      changedAt: now(),
    })),
  );
  const calls = called.flatMap(({ urlHash }) =>
    Array.from({ length: CALLS_EACH }, (_, i) =>
      someCall({ at: now() - 3_600 * i, call: { endpoint: urlHash, latencyMs: 100 } }),
    ),
  );
  for (let from = 0; from < calls.length; from += 1_000) await appendCalls(pool, calls.slice(from, from + 1_000));
  const beliefs = endpointBeliefTable(pool);
  const ports = { ...beliefs, ...endpointModelTable(pool, beliefs) };
  const from = performance.now();
  const { rated } = await rateEndpoints(ports, {
    now,
    until: unixSeconds(now() + 600),
    signal: new AbortController().signal,
  });
  const seconds = (performance.now() - from) / 1_000;
  report(
    `rating again after ${calls.length.toLocaleString("en")} calls of ${RATED.toLocaleString("en")} endpoints among ${ENDPOINTS.toLocaleString("en")}, one process`,
    [
      {
        name: "news found, calls read, beliefs stored",
        value: `${rated} endpoints, ${(rated / seconds).toFixed(0)} a second`,
      },
    ],
  );
}

type Load = { times: number[]; perSecond: number };

/** So many questions, so many at a time. */
async function runAll(count: number, one: () => Promise<unknown>): Promise<Load> {
  const times: number[] = [];
  let left = count;
  const from = performance.now();
  const worker = async () => {
    while (left-- > 0) {
      const askedAt = performance.now();
      await one();
      times.push(performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { times, perSecond: (1_000 * count) / (performance.now() - from) };
}

function text({ times, perSecond }: Load): string {
  return `${spread(times)}, ${perSecond.toFixed(0)}/s`;
}

function ready(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as Ready));
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

function exchange(agent: http.Agent, port: number, authorization: string, body: string): Promise<void> {
  const headers = { "Content-Type": "application/json", Authorization: authorization };
  return new Promise((resolve, reject) => {
    const request = http.request(
      { agent, port, host: "127.0.0.1", path: "/api/intent", method: "POST", headers },
      (response) => {
        let answer = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          answer += chunk;
        });
        // A question that nothing fits is refused, and that is an answer too.
        response.on("end", () =>
          response.statusCode === 200 || response.statusCode === 404
            ? resolve()
            : reject(new Error(`${response.statusCode}: ${answer.slice(0, 300)}`)),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}
