/** The tree of the evidence log in Postgres: the same as over the whole list, however and by however many it was stored. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { toHex, utf8 } from "../../core/bytes.ts";
import { holdsEntry, holdsGrowth, leafHash, rootOf } from "../../core/merkle/tree.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { evidenceTable } from "./evidence.ts";
import { evidenceTree } from "./evidence-tree.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

let written = 0;
/** Entries of our own failures, which say nothing about anybody. */
async function append(count: number): Promise<void> {
  const text = `SELECT append_evidence((SELECT array_agg(
      format('[1,%s,"probe","%s","02%s","own-failure",null,null,null,null,"C%s",null]', 1790000000 + i, lpad(to_hex(i), 64, '0'), repeat('a', 64), i) ORDER BY i)
    FROM generate_series($1::int, $2::int) AS i))`;
  await database.pool.query(text, [written + 1, written + count]);
  written += count;
}
const leaves = async () =>
  (await evidenceTable(database.pool).page(0n, 100_000)).map(({ text }) => leafHash(utf8(text)));
const tree = () => evidenceTree(database.pool);
const rootHex = async (size?: bigint) => toHex((await tree().root(size)).root);

test("an empty log has the root of nothing", async () => {
  expect(await tree().root()).toEqual({ size: 0n, root: rootOf([]) });
  expect(await tree().grow()).toBe(0);
  await expect(tree().path(1n, 0n)).rejects.toMatchObject({ code: "EVIDENCE_UNKNOWN" });
});

test("roots are those of the list, before and after it is stored, at every size", async () => {
  await append(197);
  const all = await leaves();
  const want = (size: number) => toHex(rootOf(all.slice(0, size)));
  expect(await tree().root()).toEqual({ size: 197n, root: rootOf(all) });
  for (const size of [1, 31, 32, 33, 64, 128, 196]) expect(await rootHex(BigInt(size))).toBe(want(size));
  expect(await tree().grow()).toBe(6);
  expect(await tree().grow()).toBe(0);
  for (let size = 0; size <= 197; size++) expect(await rootHex(BigInt(size))).toBe(want(size));
});

test("every entry is proved, in trees of several sizes", async () => {
  const all = await leaves();
  for (const size of [1, 32, 100, 197]) {
    const { root } = await tree().root(BigInt(size));
    for (let index = 0; index < size; index += 7) {
      const path = await tree().path(BigInt(index + 1), BigInt(size));
      expect(holdsEntry(all[index]!, { index, size }, path, root)).toBe(true);
    }
  }
});

test("growth is proved between any two sizes", async () => {
  const sizes = [0, 1, 31, 32, 64, 65, 128, 192, 197];
  for (const [i, from] of sizes.entries()) {
    for (const to of sizes.slice(i)) {
      const proof = await tree().consistency(BigInt(from), BigInt(to));
      const [before, after] = [await tree().root(BigInt(from)), await tree().root(BigInt(to))];
      expect(holdsGrowth({ from, to }, proof, before.root, after.root)).toBe(true);
    }
  }
});

test.each([
  { name: "an entry after the end", ask: () => tree().path(198n, 197n) },
  { name: "entry 0", ask: () => tree().path(0n, 197n) },
  { name: "a tree of more than there is", ask: () => tree().root(198n) },
  { name: "a tree of fewer than none", ask: () => tree().root(-1n) },
  { name: "growth backwards", ask: () => tree().consistency(5n, 4n) },
])("$name is not known", async ({ ask }) => {
  await expect(ask()).rejects.toMatchObject({ code: "EVIDENCE_UNKNOWN" });
});

test("many processes store it at once, while it grows", async () => {
  await append(9_000);
  // More than a reader hashes itself: what is not stored is not proved yet.
  expect(await tree().root()).toMatchObject({ size: 192n });
  await Promise.all([tree().grow(), tree().grow(), append(1_000), tree().grow(), tree().grow()]);
  await tree().grow();
  const { rows } = await database.pool.query("SELECT count(*) AS nodes FROM evidence_node WHERE level = 5");
  expect(rows[0].nodes).toBe(BigInt(Math.floor(written / 32)));
  const all = await leaves();
  expect(await tree().root()).toEqual({ size: BigInt(written), root: rootOf(all) });
  // A peak that is complete in the log and only partly stored.
  await database.pool.query("DELETE FROM evidence_node WHERE (index + 1) * 2 ^ level > 8160");
  expect(await rootHex(8_192n)).toBe(toHex(rootOf(all.slice(0, 8_192))));
  await tree().grow();
  expect(await rootHex()).toBe(toHex(rootOf(all)));
});

test("whoever is told to stop, stops between two statements, and goes on later", async () => {
  await database.pool.query("TRUNCATE evidence_node");
  const stop = new AbortController();
  stop.abort();
  expect(await tree().grow(stop.signal)).toBe(0);
  expect(await tree().grow()).toBe(Math.floor(written / 32));
});
