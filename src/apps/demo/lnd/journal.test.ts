import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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

test("after a write that failed nothing is acknowledged any more", async () => {
  const journal = await openJournal<number>(path, { replay: () => undefined });
  await journal.append(1);
  await journal.close();
  await expect(journal.append(2)).rejects.toThrow();
  await expect(journal.append(3)).rejects.toThrow();
});
