/** `satrank jobs` as a process of its own, on queues of a real database. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { inTransaction } from "../../adapters/postgres/connect.ts";
import { type Queue, startJobs } from "../../adapters/postgres/jobs.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { satrank } from "../../testing/satrank.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const jobs = (...words: string[]) => satrank(["--json", "jobs", ...words], { DATABASE_URL: database.url });

test("where no crawler has ever run, nothing waits", async () => {
  const { code, out } = await jobs();
  expect([code, JSON.parse(out)]).toEqual([0, { revived: 0, jobs: [] }]);
});

test("what failed every try is told, and put back when asked", async () => {
  const queue: Queue = {
    name: "errands",
    concurrency: 1,
    timeoutSec: 60,
    retries: 0,
    planEverySec: 3_600,
    async plan(add) {
      await inTransaction(database.pool, (client) => add(client, [{ key: "one", data: {} }]));
      return {};
    },
    work: () => Promise.reject(new Error("no")),
  };
  const failed: string[] = [];
  const running = await startJobs(
    database.url,
    { jobs: [], queues: [queue] },
    { onDone: () => undefined, onFailed: (job) => void failed.push(job) },
  );
  await expect.poll(() => failed).toEqual(["errands"]);
  await running.stop();

  const told = await jobs();
  expect([told.code, JSON.parse(told.out).jobs]).toEqual([
    1,
    expect.arrayContaining([expect.objectContaining({ name: "errands", waiting: 0, dead: 1 })]),
  ]);
  const revived = await jobs("--retry", "errands");
  expect([revived.code, JSON.parse(revived.out)]).toEqual([
    0,
    { revived: 1, jobs: expect.arrayContaining([expect.objectContaining({ name: "errands", waiting: 1, dead: 0 })]) },
  ]);
  const unknown = await jobs("--retry", "nothing");
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("there is no queue nothing")]);
});
