/**
 * Work as durable jobs in Postgres (pg-boss), shared by any number of workers: recurring jobs, each of which runs once at a time, and
 * queues of items, of which every worker takes several at a time.
 */
import pg from "pg";
import PgBoss from "pg-boss";
import { isAway, type Queryable } from "./connect.ts";

export type Job = {
  name: string;
  /** Seconds from the end of one run to the start of the next. */
  everySec: number;
  /** A run that takes longer is taken for dead and given to another worker. */
  timeoutSec: number;
  run(): Promise<Record<string, unknown>>;
};

/** Items that are worked off one by one, by whoever is free. */
export type Queue<Data extends object = object> = {
  name: string;
  /** Items this process works on at once. */
  concurrency: number;
  /** An item that takes longer is taken for lost with its worker, and given to another. */
  timeoutSec: number;
  /** Tries after the first one, ever more slowly; an item that fails the last goes to the queue `<name>-dead`. */
  retries: number;
  /** Seconds from the end of one planning to the start of the next; the processes together plan once at a time. */
  planEverySec: number;
  /** Says what is to be done. One that waits in the queue under the same key already is not added. */
  plan(add: AddItems<Data>): Promise<Record<string, unknown>>;
  /** `jobId` stays the same when the item is tried again. */
  work(item: { jobId: string; data: Data }): Promise<void>;
};

/** Adds to the queue in the transaction of `client`. */
export type AddItems<Data extends object> = (
  client: Queryable,
  items: readonly { key: string; data: Data }[],
) => Promise<void>;

export type JobHooks = {
  onDone(job: string, facts: Record<string, unknown>): void;
  onFailed(job: string, error: unknown): void;
};

export type Jobs = { runNow(name: string): Promise<void>; stop(): Promise<void> };

const POLL_SEC = 1;
const QUEUE_POLL_SEC = 0.5;
/** How often work whose time is up is taken from those who had it. */
const TIDY_EVERY_SEC = 30;
const STOP_TIMEOUT_MS = 15_000;
const QUERY_TIMEOUT_MS = 20_000;
const MAX_WAIT_MS = 5_000;

/** Where items end that failed every try. They stay until somebody has looked at them. */
export const deadLettersOf = (queue: string) => `${queue}-dead`;

/**
 * Starts working on the queues, and on the jobs: each at once when it has never run, then again after its pause, whoever is there by
 * then. A failed run is tried again, ever more slowly.
 */
export async function startJobs(
  url: string,
  { jobs, queues }: { jobs: readonly Job[]; queues: readonly Queue[] },
  hooks: JobHooks,
  { tidyEverySec = TIDY_EVERY_SEC, stopMs = STOP_TIMEOUT_MS }: { tidyEverySec?: number; stopMs?: number } = {},
): Promise<Jobs> {
  const connection = patientConnection(url, (error) => hooks.onFailed("queue", error));
  const boss = new PgBoss({
    db: connection,
    archiveCompletedAfterSeconds: 3_600,
    deleteAfterDays: 1,
    maintenanceIntervalSeconds: tidyEverySec,
  });
  boss.on("error", (error) => hooks.onFailed("queue", error));
  await boss.start();
  const shop = { boss, database: connection, hooks };
  for (const queue of queues) await startQueue(shop, queue);
  for (const job of jobs) await startJob(shop, job);
  return {
    /** Brings the next run forward; a run that is under way is not disturbed. */
    async runNow(name) {
      await boss.purgeQueue(name);
      await boss.send(name, {});
    },
    async stop() {
      connection.giveUp();
      await boss.stop({ graceful: true, timeout: stopMs, wait: true });
      await connection.end();
    },
  };
}

type Sql = { executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> };
type Shop = { boss: PgBoss; database: Sql; hooks: JobHooks };

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
  let ended = false;
  return {
    async executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
      // Work that hung beyond the stop ends some time, and the library then says so here: there is nobody to tell it to.
      if (ended) return new Promise(() => undefined);
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
    end() {
      ended = true;
      return pool.end();
    },
  };
}

async function startJob({ boss, database, hooks }: Shop, job: Job): Promise<void> {
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
  if (!(await isWaiting(database, name, everySec))) await boss.send(name, {});
}

/**
 * Whether a run waits for its time, or for its next try. It keeps that: a restart runs nothing again and puts nothing off. One that
 * waits longer than the pause is of another setting, or of a row of failures, and makes way for one at once.
 */
async function isWaiting(database: Sql, name: string, everySec: number): Promise<boolean> {
  const drop = `DELETE FROM pgboss.job WHERE name = $1 AND state IN ('created', 'retry') AND start_after > now() + $2 * interval '1 second'`;
  await database.executeSql(drop, [name, everySec]);
  const count = "SELECT 1 FROM pgboss.job WHERE name = $1 AND state IN ('created', 'retry')";
  const { rows } = await database.executeSql(count, [name]);
  return rows.length > 0;
}

const DEAD_DAYS = 30;
const PLAN_TIMEOUT_SEC = 60;

/** Each of `concurrency` workers takes one item, works on it, and takes the next: a slow item holds up no other. */
async function startQueue(shop: Shop, queue: Queue): Promise<void> {
  const { boss, hooks } = shop;
  const { name, concurrency, timeoutSec, retries, planEverySec, plan, work } = queue;
  const deadLetter = deadLettersOf(name);
  await boss.createQueue(deadLetter, { name: deadLetter, policy: "standard", retentionDays: DEAD_DAYS });
  // "short": one item of a key waits at most. Its try and a next one may overlap, which whoever works on it must bear.
  const policy = {
    name,
    policy: "short" as const,
    retryLimit: retries,
    retryBackoff: true,
    retryDelay: 5,
    expireInSeconds: timeoutSec,
    deadLetter,
  };
  await boss.createQueue(name, policy);
  await boss.updateQueue(name, policy);
  const add: AddItems<object> = (client, items) => addItems(boss, client, name, items);
  const planning = { everySec: planEverySec, timeoutSec: PLAN_TIMEOUT_SEC, run: () => plan(add) };
  await startJob(shop, { name: `plan-${name}`, ...planning });
  for (let worker = 0; worker < concurrency; worker += 1) {
    await boss.work<object>(name, { pollingIntervalSeconds: QUEUE_POLL_SEC, batchSize: 1 }, async ([item]) => {
      if (!item) return;
      try {
        await work({ jobId: item.id, data: item.data });
      } catch (error) {
        hooks.onFailed(name, error);
        throw error;
      }
    });
  }
}

async function addItems(
  boss: PgBoss,
  client: Queryable,
  queue: string,
  items: readonly { key: string; data: object }[],
): Promise<void> {
  if (items.length === 0) return;
  // The key goes with the item, so that it can be put back from among the dead.
  const jobs = items.map(({ key, data }) => ({ name: queue, singletonKey: key, data: { ...data, key } }));
  await boss.insert(jobs, { db: { executeSql: (text, values) => client.query(text, values) } });
}
