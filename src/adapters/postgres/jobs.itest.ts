/** Queues on a real database: nothing is lost, and nothing is worked on twice without need, whoever dies. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { inTransaction } from "./connect.ts";
import { type Jobs, type Queue, startJobs } from "./jobs.ts";
import { countWaiting, retryDead } from "./waiting-jobs.ts";

type Item = { number: number };

let database: TestDatabase;
let running: Jobs[];
let failures: string[];
beforeEach(async () => {
  database = await openTestDatabase();
  running = [];
  failures = [];
});
afterEach(async () => {
  await Promise.all(running.map((each) => each.stop()));
  await database.close();
});

const hooks = {
  onDone: () => undefined,
  onFailed: (job: string, error: unknown) =>
    void failures.push(`${job}: ${error instanceof Error ? error.message : error}`),
};

/** One process that works on the queue. */
async function join(queue: Partial<Queue<Item>> & Pick<Queue<Item>, "work">): Promise<Jobs> {
  const whole: Queue<Item> = {
    name: "errands",
    concurrency: 4,
    timeoutSec: 60,
    retries: 1,
    planEverySec: 3_600,
    plan: async () => ({}),
    ...queue,
  };
  const jobs = await startJobs(database.url, { jobs: [], queues: [whole as unknown as Queue] }, hooks, {
    tidyEverySec: 1,
    stopMs: 1_000,
  });
  running.push(jobs);
  return jobs;
}

/** Plans these numbers once, in whichever process comes first. */
const planOnce = (numbers: readonly number[]): Pick<Queue<Item>, "plan"> => {
  let planned = false;
  return {
    async plan(add) {
      if (planned) return {};
      planned = true;
      const items = numbers.map((number) => ({ key: String(number), data: { number } }));
      await inTransaction(database.pool, (client) => add(client, items));
      return { taken: items.length };
    },
  };
};

const numbers = Array.from({ length: 40 }, (_, i) => i);

test("two processes share the items, and each is worked on once", async () => {
  const byProcess: number[][] = [[], []];
  const plan = planOnce(numbers);
  for (const done of byProcess) {
    await join({
      ...plan,
      async work({ data }) {
        done.push(data.number);
      },
    });
  }
  await expect.poll(() => byProcess.flat().length).toBe(numbers.length);
  expect(byProcess.flat().sort((a, b) => a - b)).toEqual(numbers);
  expect(byProcess.every((done) => done.length > 0)).toBe(true);
  await expect
    .poll(async () => (await countWaiting(database.pool)).find(({ name }) => name === "errands"))
    .toBeUndefined();
});

test("an item that fails is tried again under the same name; one that always fails is kept among the dead", async () => {
  const tries = new Map<number, string[]>();
  await join({
    ...planOnce([1, 2]),
    async work({ jobId, data: { number } }) {
      const ids = [...(tries.get(number) ?? []), jobId];
      tries.set(number, ids);
      if (number === 2 || ids.length === 1) throw new Error(`no ${number}`);
    },
  });
  await expect
    .poll(async () => (await countWaiting(database.pool)).find(({ name }) => name === "errands")?.dead, {
      timeout: 30_000,
    })
    .toBe(1);
  await expect.poll(() => [tries.get(1)?.length, tries.get(2)?.length]).toEqual([2, 2]);
  for (const ids of tries.values()) expect(new Set(ids).size).toBe(1);
  expect(await retryDead(database.url, "errands")).toBe(1);
  expect(await retryDead(database.url, "errand")).toBeUndefined();
  await expect.poll(() => tries.get(2)?.length).toBe(3);
  expect(failures.slice(0, 3).sort()).toEqual(["errands: no 1", "errands: no 2", "errands: no 2"]);
});

test("what a worker had when it died is taken up by another", async () => {
  const begun: number[] = [];
  const plan = planOnce([7]);
  await join({
    ...plan,
    timeoutSec: 2,
    work: ({ data }) => {
      begun.push(data.number);
      // As good as dead: it never comes back.
      return new Promise(() => undefined);
    },
  });
  await expect.poll(() => begun).toEqual([7]);
  const done: number[] = [];
  await join({
    timeoutSec: 2,
    async work({ data }) {
      done.push(data.number);
    },
  });
  await expect.poll(() => [...begun.slice(1), ...done]).toEqual([7]);
});

test("a restart runs nothing again, puts nothing off, and takes up a shorter pause", async () => {
  let runs = 0;
  const live = async (everySec: number) => {
    const run = async () => {
      runs += 1;
      return {};
    };
    const job = { name: "round", everySec, timeoutSec: 60, run };
    const jobs = await startJobs(database.url, { jobs: [job], queues: [] }, hooks);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await jobs.stop();
  };
  await live(3_600);
  expect(runs).toBe(1);
  for (let restart = 0; restart < 2; restart += 1) await live(3_600);
  expect(runs).toBe(1);
  await live(3);
  expect(runs).toBe(2);
});

test("a key that waits is not added again, and what is rolled back was never added", async () => {
  let add: Parameters<Queue<Item>["plan"]>[0] | undefined;
  const done: number[] = [];
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  await join({
    concurrency: 1,
    async plan(adder) {
      add = adder;
      await inTransaction(database.pool, (client) => adder(client, [{ key: "first", data: { number: 0 } }]));
      return {};
    },
    async work({ data }) {
      done.push(data.number);
      await gate;
    },
  });
  await expect.poll(() => done).toEqual([0]);
  const put = (number: number, key: string) =>
    inTransaction(database.pool, (client) => add!(client, [{ key, data: { number } }]));
  await put(1, "same");
  await put(2, "same");
  const undone = inTransaction(database.pool, async (client) => {
    await add!(client, [{ key: "undone", data: { number: 3 } }]);
    throw new Error("no");
  });
  await expect(undone).rejects.toThrow("no");
  await put(4, "last");
  open();
  await expect.poll(() => done.length).toBe(3);
  expect(done).toEqual([0, 1, 4]);
});
