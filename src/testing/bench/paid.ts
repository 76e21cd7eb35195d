/** Bench: a paid request, its debit committed on a durable Postgres before the answer leaves, against a bare Express hello. */
import { type ChildProcess, fork } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { LOAD_TOOL, type Load, load } from "./load.ts";
import type { Ready } from "./paid-server.ts";
import { at, ratio, report } from "./report.ts";

const SECONDS = 3;
/** Until V8 has compiled what is hot: a paid request is far more code than the hello, and goes on getting faster for so long. */
const WARM_UP_SECONDS = 8;
const ROUNDS = 7;
const PROCESS_ROUNDS = 3;

type Server = { child: ChildProcess; ready: Ready };

/** Prints requests per second and latency of each and their ratio, as medians of alternating rounds; then two processes. */
export async function benchPaid(): Promise<void> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-bench-"));
  fs.chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, durable: true });
  const pool = openDatabase({ url: postgres.url, maxConnections: 1, onError: () => undefined });
  await migrate(pool);
  await pool.end();
  const servers: Server[] = [];
  try {
    for (const mode of ["bare", "paid", "paid"]) servers.push(await start(mode, postgres.url));
    const [bare, paid, second] = servers as [Server, Server, Server];
    for (const connections of [1, 64]) await compare(bare, paid, connections);
    await compareProcesses(paid, second);
  } finally {
    await Promise.all(servers.map(({ child }) => stop(child)));
    await postgres.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
}

async function compare(bare: Server, paid: Server, connections: number): Promise<void> {
  const rounds = { bare: [] as Load[], paid: [] as Load[] };
  for (const server of [bare, paid]) await run(server, connections, WARM_UP_SECONDS);
  for (let round = 0; round < ROUNDS; round++) {
    rounds.bare.push(await run(bare, connections, SECONDS));
    rounds.paid.push(await run(paid, connections, SECONDS));
  }
  // Each round against the one beside it: what else the machine does weighs on both.
  const ratios = rounds.paid.map((ours, index) => ours.perSecond / rounds.bare[index]!.perSecond);
  const spread = `median ${ratio(at(ratios, 0.5), 1)}, from ${ratio(at(ratios, 0), 1)} to ${ratio(at(ratios, 1), 1)}`;
  report(
    `paid request, ${connections} connection${connections === 1 ? "" : "s"} (${LOAD_TOOL}, medians of ${ROUNDS} rounds)`,
    [
      { name: "bare Express hello", value: text(median(rounds.bare)) },
      { name: "paid request", value: text(median(rounds.paid)), note: `of bare Express: ${spread}` },
    ],
  );
}

/**
 * Two api processes against one, each with its own connections: few, which leaves processor time free and shows whether they
 * stand in each other's way in the database; then as many as fill one, when the ratio says as much about the cores as about them.
 */
async function compareProcesses(one: Server, two: Server): Promise<void> {
  for (const server of [one, two]) await run(server, 32, WARM_UP_SECONDS);
  for (const connections of [4, 32]) {
    const alone: Load[] = [];
    const together: number[] = [];
    for (let round = 0; round < PROCESS_ROUNDS; round++) {
      alone.push(await run(one, connections, SECONDS));
      const both = await Promise.all([run(one, connections, SECONDS), run(two, connections, SECONDS)]);
      together.push(both[0].perSecond + both[1].perSecond);
    }
    const ratios = together.map((sum, index) => sum / alone[index]!.perSecond);
    report(`api processes on one database, ${connections} connections each, ${os.cpus().length} cores`, [
      { name: "one process", value: text(median(alone)) },
      {
        name: "two processes",
        value: `${at(together, 0.5).toFixed(0)} req/s`,
        note: `median ${ratio(at(ratios, 0.5), 1)} of one`,
      },
    ]);
  }
}

function run({ ready }: Server, connections: number, seconds: number): Promise<Load> {
  const { port, path, credentials } = ready;
  return load({ url: `http://127.0.0.1:${port}${path}`, connections, seconds, credentials });
}

/** The median of each figure. */
function median(loads: Load[]): Load {
  const middle = (figure: (load: Load) => number) => at(loads.map(figure), 0.5);
  return {
    perSecond: middle((each) => each.perSecond),
    p50: middle((each) => each.p50),
    p99: middle((each) => each.p99),
  };
}

function text({ perSecond, p50, p99 }: Load): string {
  return `${perSecond.toFixed(0)} req/s, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(1)} ms`;
}

function start(mode: string, databaseUrl: string): Promise<Server> {
  const child = fork(new URL(`./paid-server${path.extname(import.meta.url)}`, import.meta.url), [mode, databaseUrl]);
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
