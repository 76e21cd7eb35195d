import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { errorCode } from "../../../core/errors.ts";
import { openJournal } from "./journal.ts";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "journal-"));
  path = join(directory, "journal.jsonl");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const read = async () => {
  const entries: number[] = [];
  const journal = await openJournal<number>(path, { replay: (entry) => entries.push(entry) });
  await journal.close();
  return entries;
};

test("what was appended is replayed in order, whoever waited for it", async () => {
  const journal = await openJournal<number>(path, { replay: () => undefined });
  await Promise.all(Array.from({ length: 500 }, (_, i) => journal.append(i)));
  // Not closed: the records were on the disk when their promises resolved.
  expect(await read()).toEqual(Array.from({ length: 500 }, (_, i) => i));
  await journal.close();
});

test.each([
  { name: "half a record", tail: '{"a":' },
  { name: "half a record that ends its line", tail: '{"a":\n' },
  { name: "zeros", tail: "\0\0\0" },
])("a torn end is cut off, and appending goes on: $name", async ({ tail }) => {
  await writeFile(path, `1\n2\n${tail}`);
  expect(await read()).toEqual([1, 2]);
  const journal = await openJournal<number>(path, { replay: () => undefined });
  await journal.append(3);
  await journal.close();
  expect(await read()).toEqual([1, 2, 3]);
});

test("damage in the middle is not passed over", async () => {
  await writeFile(path, "1\n{\n3\n");
  expect(errorCode(await read().catch((error) => error))).toBe("CONFIG_INVALID");
  expect(await readFile(path, "utf8")).toBe("1\n{\n3\n");
});

test("a journal that is mostly dead is written anew, and reads the same", async () => {
  await writeFile(path, Array.from({ length: 100 }, (_, i) => `${i}\n`).join(""));
  const isKept = (entry: number) => entry >= 90;
  await (await openJournal<number>(path, { replay: () => undefined, isKept })).close();
  expect(await read()).toEqual([90, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
});

test("what is worth keeping outlives a journal that is written anew while it runs, in order", async () => {
  const dead = new Set<number>();
  const reader = { replay: () => undefined, isKept: (entry: { n: number }) => !dead.has(entry.n) };
  const journal = await openJournal(path, reader, { compactAtBytes: 20_000 });
  const fill = "x".repeat(100);
  const told: number[] = [];
  let most = 0;
  await Promise.all(
    Array.from({ length: 8 }, async (_, lane) => {
      for (let i = 0; i < 500; i++) {
        const n = i * 8 + lane;
        await journal.append({ n, fill } as { n: number });
        told.push(n);
        if (n % 50 !== 0) dead.add(n);
        most = Math.max(most, (await stat(path)).size);
      }
    }),
  );
  // Not closed, as if killed.
  const kept: number[] = [];
  await (await openJournal<{ n: number }>(path, { replay: ({ n }) => kept.push(n) })).close();
  const worthKeeping = told.filter((n) => n % 50 === 0);
  expect(worthKeeping).toHaveLength(80);
  expect(kept.filter((n) => n % 50 === 0)).toEqual(worthKeeping);
  expect(new Set(kept).size).toBe(kept.length);
  // 4,000 records are half a megabyte.
  expect(most).toBeLessThan(60_000);
  await journal.close();
});

test("a record is judged only after whoever appended it has heard of it", async () => {
  const heard = new Set<number>();
  const judgedUnheard: number[] = [];
  const isKept = (n: number) => {
    if (!heard.has(n)) judgedUnheard.push(n);
    return true;
  };
  const journal = await openJournal<number>(path, { replay: () => undefined, isKept }, { compactAtBytes: 1 });
  const append = async (n: number) => {
    await journal.append(n);
    await Promise.resolve();
    heard.add(n);
  };
  for (let i = 0; i < 200; i += 4) await Promise.all([append(i), append(i + 1), append(i + 2), append(i + 3)]);
  await journal.close();
  expect(judgedUnheard).toEqual([]);
  expect(await read()).toHaveLength(200);
});

test("records longer than a piece, and pieces that end inside one, are read whole", async () => {
  const journal = await openJournal<string>(path, { replay: () => undefined });
  const long = ["a".repeat(700_000), "é".repeat(200_000), "b", "c".repeat(262_140), "d"];
  for (const text of long) await journal.append(text);
  await journal.close();
  const entries: string[] = [];
  const isKept = (entry: string) => entry !== "b";
  await (await openJournal<string>(path, { replay: () => undefined, isKept })).close();
  await (await openJournal<string>(path, { replay: (entry) => entries.push(entry) })).close();
  expect(entries).toEqual(long.filter(isKept));
});

test("after a write that failed nothing is acknowledged any more", async () => {
  const journal = await openJournal<number>(path, { replay: () => undefined });
  await journal.append(1);
  await journal.close();
  await expect(journal.append(2)).rejects.toThrow();
  await expect(journal.append(3)).rejects.toThrow();
});
