/** How jobs and queues stand, whichever process works on them, and what failed every try, put back. */
import PgBoss from "pg-boss";
import { type Queryable, translated } from "./connect.ts";
import { deadLettersOf } from "./jobs.ts";

const REVIVED_AT_ONCE = 200;

/** Puts what failed every try back into its queue. @returns how much there was, or undefined when there is no such queue */
export async function retryDead(url: string, queue: string): Promise<number | undefined> {
  const boss = new PgBoss({ connectionString: url, max: 1, supervise: false, schedule: false });
  boss.on("error", () => undefined);
  await boss.start();
  try {
    if ((await boss.getQueue(deadLettersOf(queue))) === null) return undefined;
    for (let revived = 0; ; ) {
      const dead = await boss.fetch<{ key: string }>(deadLettersOf(queue), { batchSize: REVIVED_AT_ONCE });
      if (dead.length === 0) return revived;
      const items = dead.map(({ data }) => ({ name: queue, singletonKey: data.key, data }));
      await boss.insert(items);
      await boss.complete(
        deadLettersOf(queue),
        dead.map(({ id }) => id),
      );
      revived += dead.length;
    }
  } finally {
    await boss.stop({ graceful: false, wait: true });
  }
}

/** How a job or queue stands: what waits although it is due, for how long the oldest of it, and what failed every try. */
export type Waiting = {
  readonly name: string;
  readonly waiting: number;
  readonly lagSec: number;
  readonly dead: number;
};

/** Of every job and queue, whichever process works on it; nothing where no crawler has ever run. */
export async function countWaiting(database: Queryable): Promise<Waiting[]> {
  const { rows: found } = await translated(database.query("SELECT to_regclass('pgboss.job') IS NOT NULL AS begun"));
  if (!found[0].begun) return [];
  const text = `
    SELECT regexp_replace(name, '-dead$', '') AS name,
      count(*) FILTER (WHERE name !~ '-dead$' AND start_after <= now())::int AS waiting,
      coalesce(extract(epoch FROM now() - min(start_after) FILTER (WHERE name !~ '-dead$' AND start_after <= now())), 0)::float8 AS lag_sec,
      count(*) FILTER (WHERE name ~ '-dead$')::int AS dead
    FROM pgboss.job WHERE state < 'active' AND name !~ '^__pgboss__' GROUP BY 1 ORDER BY 1`;
  const { rows } = await translated(database.query(text));
  return rows.map(({ name, waiting, lag_sec: lagSec, dead }) => ({ name, waiting, lagSec, dead }));
}
