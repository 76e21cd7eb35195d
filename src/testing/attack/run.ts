/**
 * The attack: clients of every kind against api processes that are killed, stopped and continued, on a Postgres that is killed
 * too, and afterwards the driver's own account of what happened against the database's.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type pg from "pg";
import { chargeTable } from "../../adapters/postgres/charge.ts";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { receiptTable } from "../../adapters/postgres/receipt.ts";
import { tokenTable } from "../../adapters/postgres/token.ts";
import { now } from "../../apps/clock.ts";
import { fromHex } from "../../core/bytes.ts";
import { msat } from "../../core/units.ts";
import { Random } from "../fuzz/random.ts";
import { ROUTES } from "./api.ts";
import { type Client, openClient, sleep } from "./client.ts";
import { checkMeanwhile, judge, type Verdict } from "./judge.ts";
import { Model } from "./model.ts";
import { openOperations } from "./operations.ts";
import { Processes } from "./processes.ts";
import { openWallet, type Wallet } from "./wallet.ts";

const SILENT_SEC = 3;
const BEAT_MS = 500;
const PROCESSES = 2;

export type Attack = {
  operations: number;
  inFlight: number;
  seed: number;
  /** Least and most time between two blows. */
  blowMs: [number, number];
  /** Goes on until so many api processes were killed, however fast the operations are. */
  leastKills: number;
  /** How many of a hundred blows are at the database. */
  databaseBlows: number;
  /** Checks while everything runs; undefined for none. */
  checkMs: number | undefined;
  report(line: string): void;
  /** Ends it early, with everything that is checked at the end. */
  signal?: AbortSignal;
};

export type Result = Verdict & {
  operations: number;
  requests: number;
  seconds: number;
  kills: number;
  pauses: number;
  databaseKills: number;
  swept: number;
  checks: number;
  tally: [string, number][];
  violations: string[];
};

export async function runAttack(attack: Attack): Promise<Result> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-attack-"));
  fs.chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir, durable: true });
  const pool = openDatabase({ url: server.url, maxConnections: 6, onError: () => undefined });
  try {
    await migrate(pool);
    return await attackOn({ url: server.url, pool }, attack);
  } finally {
    await pool.end();
    await server.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
}

async function attackOn(database: { url: string; pool: pg.Pool }, attack: Attack): Promise<Result> {
  const { pool } = database;
  const random = new Random(attack.seed);
  const [model, wallet] = [new Model(), openWallet()];
  const keys = [random.bytes(32)];
  const processes = new Processes(PROCESSES, wallet.node, () => ({
    kind: "begin",
    databaseUrl: database.url,
    keys,
    maxConnections: 20,
    silentSec: SILENT_SEC,
    beatMs: BEAT_MS,
    skewSec: 0,
  }));
  const world = { model, wallet, processes, random };
  const client = openClient(world);
  const revoke = async (tokenIdHex: string) => {
    await insist(() => tokenTable(pool).revoke(fromHex(tokenIdHex)!, now()));
  };
  const book = async (hash: string) => {
    const { paymentHash, amount } = wallet.payments.get(hash)!;
    await insist(() => receiptTable(pool).record([{ paymentHash, amount: msat(amount), settledAt: now() }], now()));
  };
  const operations = openOperations({ ...world, revoke, book }, client);
  const started = performance.now();
  const counts = { databaseKills: 0, checks: 0 };
  let [done, running] = [0, true];
  try {
    await processes.start();
    await operations.prepare();
    const blows = strike({ ...attack, pool, processes, random, counts, running: () => running });
    const checks = watch({
      ...attack,
      pool,
      model,
      counts,
      running: () => running,
      done: () => done,
      client,
      processes,
    });
    let begun = 0;
    const worker = async () => {
      const isOver = () => begun >= attack.operations && processes.counts.killed >= attack.leastKills;
      while (!isOver() && model.violations.length < 100 && !attack.signal?.aborted) {
        begun += 1;
        await operations.run().catch((error: unknown) => model.violate(String(error)));
        done += 1;
      }
    };
    await Promise.all(Array.from({ length: attack.inFlight }, worker));
    running = false;
    await Promise.all([blows, checks]);
    const { killed: kills, stopped: pauses } = processes.counts;
    await settle({ pool, model, wallet, client, processes });
    await processes.end();
    await insist(() => chargeTable(pool).sweep(-60, now()));
    for (const complaint of processes.counts.unasked) model.violate(`an api process ended: ${complaint}`);
    for (const failure of processes.failures) model.violate(`inside an api process: ${failure}`);
    const verdict = await judge(pool, model, wallet);
    const { sweptCharges: swept } = processes.counts;
    const tally = [...model.tally].sort(([, a], [, b]) => b - a);
    const seconds = (performance.now() - started) / 1_000;
    return {
      ...verdict,
      ...counts,
      operations: done,
      requests: client.requests(),
      seconds,
      kills,
      pauses,
      swept,
      tally,
      violations: model.violations,
    };
  } finally {
    running = false;
    await processes.end();
  }
}

/** Kills and stops, at random moments, until told to end. */
async function strike(
  on: Pick<Attack, "blowMs" | "databaseBlows"> & {
    pool: pg.Pool;
    processes: Processes;
    random: Random;
    counts: { databaseKills: number };
    running: () => boolean;
  },
): Promise<void> {
  const { random, processes } = on;
  const [least, most] = on.blowMs;
  const pauses: Promise<void>[] = [];
  const everybody = () => processes.places.map((_, index) => index);
  while (on.running()) {
    for (let left = least + random.below(most - least); left > 0 && on.running(); left -= 100)
      await sleep(Math.min(left, 100));
    if (!on.running()) break;
    const [dice, one] = [random.below(100), random.below(PROCESSES)];
    if (dice < on.databaseBlows) on.counts.databaseKills += await killDatabase(on.pool);
    else if (dice < 88) await processes.kill(one);
    else if (dice < 94) await Promise.all(everybody().map((index) => processes.kill(index)));
    else pauses.push(processes.pause(one, (SILENT_SEC + 1) * 1_000 + random.below(2_000)));
  }
  await Promise.all(pauses);
}

/** The postmaster, as kill -9 does it; its supervisor starts it again on the same directory. */
async function killDatabase(pool: pg.Pool): Promise<number> {
  try {
    const { rows } = await pool.query("SELECT pg_read_file('postmaster.pid') AS file");
    process.kill(Number(rows[0].file.split("\n", 1)[0]), "SIGKILL");
    return 1;
  } catch {
    // It is down already.
    return 0;
  }
}

/** Progress, and checks that must hold at every moment. */
async function watch(
  on: Pick<Attack, "operations" | "checkMs" | "report"> & {
    pool: pg.Pool;
    model: Model;
    counts: { databaseKills: number; checks: number };
    running: () => boolean;
    done: () => number;
    client: Client;
    processes: Processes;
  },
): Promise<void> {
  const { model, counts } = on;
  const started = performance.now();
  let [reportedAt, checkedAt, tookMs, told] = [started, started, 0, 0];
  while (on.running()) {
    await sleep(100);
    const time = performance.now();
    // At once: what the processes were doing then may still be looked at.
    while (told < model.violations.length) on.report(`VIOLATION ${model.violations[told++]}`);
    if (time - reportedAt > 10_000) {
      reportedAt = time;
      const { killed, stopped } = on.processes.counts;
      on.report(
        `${((time - started) / 1_000).toFixed(0)} s: ${on.done()} of ${on.operations} operations, ${on.client.requests()} requests, ${killed} kills, ${stopped} stops, ${counts.databaseKills} database kills, ${counts.checks} checks, ${model.violations.length} violations`,
      );
    }
    // Sums over everything there is must not become what the attack is about.
    if (on.checkMs === undefined || time - checkedAt < Math.max(on.checkMs, 15 * tookMs)) continue;
    await insist(() => checkMeanwhile(on.pool, model));
    counts.checks += 1;
    checkedAt = performance.now();
    tookMs = checkedAt - time;
  }
}

/** Every payment is shown to a process that has not seen it, until it is credited; then everybody's beat comes through. */
async function settle({
  pool,
  model,
  wallet,
  client,
  processes,
}: {
  pool: pg.Pool;
  model: Model;
  wallet: Wallet;
  client: Client;
  processes: Processes;
}): Promise<void> {
  await Promise.all(processes.places.map((_, index) => processes.kill(index)));
  const { rows } = await insist(() => pool.query("SELECT encode(payment_hash, 'hex') AS hash FROM deposit"));
  const credited = new Set(rows.map(({ hash }) => hash));
  for (const [hash, { authorization }] of wallet.payments) {
    if (credited.has(hash)) continue;
    model.count("payments shown again at the end");
    const account = model.accountOf(authorization.slice(5).split(":")[0]!);
    await client.untilAnswered("a payment", () => client.once({ account, route: ROUTES[0] }, { authorization }));
    wallet.show(hash);
  }
  await sleep(3 * BEAT_MS);
}

/** The database may be down for a moment. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 100) throw error;
      await sleep(200);
    }
  }
}
