/** Bench: paid answers over HTTP from the whole program, on one connection and on sixteen, new questions and repeated ones. */
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { freePorts, type Program, startProgram } from "../program.ts";
import { at, ratio, report, spread } from "./report.ts";

type Pair = { target: string; caller: string };

const CONNECTIONS = 16;
const DEPOSIT_SAT = 100_000;
const QUESTIONS = 1_600;
const WARM_UP = 300;
/** A process that uses less than a third of a core for so long has come to rest. */
const CALM_MS = 300;
const CALM_SEC = 5;
const MOST_REST_SEC = 60;

/** Starts everything on SATRANK_GRAPH or the built-in graph, buys a deposit, and asks about `pairs` of that graph. */
export async function benchIntents(pairs: readonly Pair[]): Promise<void> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-bench-"));
  fs.chmodSync(dataDir, 0o755);
  const graph = process.env["SATRANK_GRAPH"];
  if (!graph)
    return void process.stdout.write("\nanswers over HTTP: only with GRAPH=<file>, since they need its nodes\n");
  const program = await startProgram(dataDir, await freePorts(), { GRAPH: graph });
  try {
    const authorization = await deposit(program);
    await rest(program);
    const pair = pairs[Symbol.iterator]();
    const next = () => pair.next().value as Pair;
    const run = (question: () => object | undefined, connections: number, count: number) =>
      ask(program, authorization, question, connections, count);
    await run(next, CONNECTIONS, WARM_UP);
    const live = await run(() => undefined, CONNECTIONS, QUESTIONS);
    const alone = await run(next, 1, QUESTIONS / 8);
    const fresh = await run(next, CONNECTIONS, QUESTIONS);
    const same = next();
    await run(() => same, 1, 1);
    const repeatedAlone = await run(() => same, 1, QUESTIONS / 8);
    const repeated = await run(() => same, CONNECTIONS, QUESTIONS);
    const line = (name: string, load: Load, aim = "") => ({
      name,
      value: `${spread(load.times)}, ${load.perSecond.toFixed(0)}/s`,
      note: `p99 ${ratio(at(load.times, 0.99), at(live.times, 0.99))} of baseline${aim}`,
    });
    report("paid POST /api/intent over HTTP, everything in one process but Postgres", [
      { name: `GET /api/health/live, ${CONNECTIONS} connections (baseline)`, value: spread(live.times) },
      line("a new question, 1 connection", alone),
      line(`a new question, ${CONNECTIONS} connections`, fresh, "; aim at most 15 ms"),
      line("the same question, 1 connection", repeatedAlone),
      line(`the same question, ${CONNECTIONS} connections`, repeated, "; aim 2 ms"),
    ]);
  } finally {
    await program.kill("SIGTERM");
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Until the first scores are published and the program has little to do by itself. Where that cannot be read it waits a minute. */
async function rest({ pid }: Program): Promise<void> {
  for (let calm = 0, waited = 0; calm < CALM_SEC && waited < MOST_REST_SEC; waited++) {
    const before = processorMs(pid);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    calm = processorMs(pid) - before < CALM_MS ? calm + 1 : 0;
  }
}

/** What a process has used of the processor, in ms. */
function processorMs(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!fs.existsSync(file)) return Number.NaN;
  // Behind the name, which may hold anything: user and system time are fields 14 and 15, in hundredths of a second.
  const fields = fs.readFileSync(file, "utf8").split(") ").at(-1)!.split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Buys an account and gives the header that spends it. */
async function deposit({ origin }: Program): Promise<string> {
  const post = async (route: string, body: object) =>
    (await (
      await fetch(`${origin}${route}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      })
    ).json()) as { macaroon: string; invoice: string; preimage: string };
  const { macaroon, invoice } = await post("/api/deposit", { amountSat: DEPOSIT_SAT });
  const { preimage } = await post("/demo/pay", { invoice });
  return `L402 ${macaroon}:${preimage}`;
}

type Load = { times: number[]; perSecond: number };

/** Asks `count` questions, so many at a time; without a question it asks whether the process is alive. @throws when an answer is not 200 */
async function ask(
  { origin }: Program,
  authorization: string,
  question: () => object | undefined,
  connections: number,
  count: number,
): Promise<Load> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const times: number[] = [];
  let left = count;
  const from = performance.now();
  const one = async () => {
    while (left-- > 0) {
      const body = question();
      const askedAt = performance.now();
      await exchange(agent, origin, authorization, body && JSON.stringify(body));
      times.push(performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  agent.destroy();
  return { times, perSecond: (1000 * count) / (performance.now() - from) };
}

function exchange(agent: http.Agent, origin: string, authorization: string, body: string | undefined): Promise<void> {
  const url = body === undefined ? `${origin}/api/health/live` : `${origin}/api/intent`;
  const headers = body === undefined ? {} : { "Content-Type": "application/json", Authorization: authorization };
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent, method: body === undefined ? "GET" : "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}: ${text.slice(0, 500)}`)),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}
