/** Commits made together answer each caller with its own result, in order, and never lose one. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { groupCommit } from "./group-commit.ts";

const tick = () => new Promise((resolve) => setImmediate(resolve));

test("a lone call is committed alone, at once", async () => {
  const batches: number[][] = [];
  const double = async (items: number[]) => {
    batches.push(items);
    return items.map((item) => item * 2);
  };
  const commit = groupCommit(double, { lanes: 2, batch: 256, queue: 10 });
  expect(await commit(21)).toBe(42);
  expect(batches).toEqual([[21]]);
});

test("what arrives during a commit goes with the next one", async () => {
  const batches: number[][] = [];
  const gates: (() => void)[] = [];
  const commit = groupCommit(
    async (items: number[]) => {
      batches.push(items);
      await new Promise<void>((resolve) => gates.push(resolve));
      return items;
    },
    { lanes: 1, batch: 256, queue: 100 },
  );
  const first = commit(0);
  await tick();
  await tick();
  const rest = [1, 2, 3].map(commit);
  await tick();
  expect(batches).toEqual([[0]]);
  gates[0]?.();
  await first;
  await tick();
  gates[1]?.();
  expect(await Promise.all(rest)).toEqual([1, 2, 3]);
  expect(batches).toEqual([[0], [1, 2, 3]]);
});

test("a failed commit fails its own callers, and the next one works", async () => {
  let fails = true;
  const commit = groupCommit(
    async (items: number[]) => {
      if (fails) throw new Error("lost");
      return items;
    },
    { lanes: 1, batch: 2, queue: 100 },
  );
  const results = await Promise.allSettled([commit(1), commit(2)]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  fails = false;
  expect(await commit(3)).toBe(3);
});

test("a full queue refuses instead of growing", async () => {
  const commit = groupCommit(() => new Promise<number[]>(() => undefined), { lanes: 1, batch: 1, queue: 2 });
  void commit(1);
  await tick();
  await tick();
  void commit(2);
  void commit(3);
  await expect(commit(4)).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
});

test("every caller gets its own answer once, whatever the sizes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(1_000), { maxLength: 200 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 9 }),
      async (items, lanes, batch) => {
        const largest = { size: 0 };
        const commit = groupCommit(
          async (group: number[]) => {
            largest.size = Math.max(largest.size, group.length);
            await tick();
            return group.map((item) => item + 1);
          },
          { lanes, batch, queue: 1_000 },
        );
        expect(await Promise.all(items.map(commit))).toEqual(items.map((item) => item + 1));
        expect(largest.size).toBeLessThanOrEqual(batch);
      },
    ),
    { numRuns: 100 },
  );
});
