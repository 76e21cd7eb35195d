/** Recurring work as durable jobs in Postgres (pg-boss): any number of workers share it, and each job runs once at a time. */
import pg from "pg";
import PgBoss from "pg-boss";
import { isAway } from "./connect.ts";

export type Job = {
  name: string;
  /** Seconds from the end of one run to the start of the next. */
  everySec: number;
  /** A run that takes longer is taken for dead and given to another worker. */
  timeoutSec: number;
  run(): Promise<Record<string, unknown>>;
};

export type JobHooks = {
  onDone(job: string, facts: Record<string, unknown>): void;
  onFailed(job: string, error: unknown): void;
};

export type Jobs = { runNow(name: string): Promise<void>; stop(): Promise<void> };

const POLL_SEC = 1;
const STOP_TIMEOUT_MS = 15_000;
const QUERY_TIMEOUT_MS = 20_000;
const MAX_WAIT_MS = 5_000;

/** Starts working on the jobs, each at once and then again after its pause. A failed run is tried again, ever more slowly. */
export async function startJobs(url: string, jobs: Job[], hooks: JobHooks): Promise<Jobs> {
  const connection = patientConnection(url, (error) => hooks.onFailed("queue", error));
  const boss = new PgBoss({ db: connection, archiveCompletedAfterSeconds: 3_600, deleteAfterDays: 1 });
  boss.on("error", (error) => hooks.onFailed("queue", error));
  await boss.start();
  for (const job of jobs) await startJob(boss, job, hooks);
  return {
    /** Brings the next run forward; a run that is under way is not disturbed. */
    async runNow(name) {
      await boss.purgeQueue(name);
      await boss.send(name, {});
    },
    async stop() {
      connection.giveUp();
      await boss.stop({ graceful: true, timeout: STOP_TIMEOUT_MS, wait: true });
      await connection.end();
    },
  };
}

/**
 * A connection that waits for a database that is away. The library ends jobs without awaiting the statement that says so,
 * and one that failed there would end the process.
 */
function patientConnection(url: string, onError: (error: unknown) => void) {
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: 5_000,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  pool.on("error", onError);
  let patient = true;
  return {
    async executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
      for (let waitMs = 250; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
        try {
          return await pool.query(text, values);
        } catch (error) {
          if (!patient || !isAway(error)) throw error;
          onError(error);
          await new Promise((resolve) => setTimeout(resolve, waitMs));
        }
      }
    },
    giveUp() {
      patient = false;
    },
    end: () => pool.end(),
  };
}

async function startJob(boss: PgBoss, job: Job, hooks: JobHooks): Promise<void> {
  const { name, everySec, timeoutSec } = job;
  // "stately": at most one job waiting and one running, whatever asks for more.
  const policy = {
    name,
    policy: "stately" as const,
    retryLimit: 1_000,
    retryBackoff: true,
    retryDelay: 2,
    expireInSeconds: timeoutSec,
  };
  await boss.createQueue(name, policy);
  await boss.updateQueue(name, policy);
  await boss.work(name, { pollingIntervalSeconds: POLL_SEC, batchSize: 1 }, async () => {
    try {
      hooks.onDone(name, await job.run());
    } catch (error) {
      hooks.onFailed(name, error);
      throw error;
    }
    await boss.send(name, {}, { startAfter: everySec });
  });
  await boss.purgeQueue(name);
  await boss.send(name, {});
}
