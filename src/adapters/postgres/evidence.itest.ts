/** The evidence log in Postgres: one chain whoever writes, nothing changed or taken out, and tampering shows. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHAIN_START, type ChainHead, verifyChain } from "../../core/evidence/chain.ts";
import type { Evidence } from "../../core/evidence/observation.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { inTransaction } from "./connect.ts";
import { appendEvidence, evidenceTable } from "./evidence.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const node = (i: number) => `02${i.toString(16).padStart(64, "0")}`;
const seen = (i: number, at = 1_790_000_000 + i): Evidence => ({
  observedAt: unixSeconds(at),
  source: "probe",
  attempt: i.toString(16).padStart(64, "0"),
  vantage: node(0),
  observation:
    i % 2 === 0
      ? { kind: "online", node: node(i) }
      : { kind: "holds-below", channelId: 2n ** 63n + BigInt(i), from: node(i), to: node(i + 1), amount: msat(5_000n) },
});

async function verify(from: ChainHead = CHAIN_START) {
  return verifyChain(await evidenceTable(database.pool).page(from.position, 10_000), from);
}

test("many writers at once leave one chain, each one's entries together", async () => {
  const writers = Array.from({ length: 20 }, (_, w) => [seen(100 * w), seen(100 * w + 1), seen(100 * w + 2)]);
  await Promise.all(writers.map((entries) => appendEvidence(database.pool, entries)));
  expect(await verify()).toMatchObject({ ok: true, head: { position: 60n } });
  const links = await evidenceTable(database.pool).page(0n, 100);
  const writersInOrder = links.map(({ text }) => Math.floor(Number.parseInt(JSON.parse(text)[3], 16) / 100));
  expect(writersInOrder.filter((w, i) => i % 3 === 0 || writersInOrder[i - 1] === w)).toHaveLength(60);
});

test("what is rolled back leaves no gap", async () => {
  const gone = inTransaction(database.pool, async (client) => {
    await appendEvidence(client, [seen(7_000)]);
    throw new Error("changed my mind");
  });
  await expect(gone).rejects.toThrow("changed my mind");
  await appendEvidence(database.pool, [seen(7_001)]);
  expect(await verify()).toMatchObject({ ok: true, head: { position: 61n } });
});

test("entries come back as they were, by time and by attempt", async () => {
  const table = evidenceTable(database.pool);
  const old = seen(9_001, 1_700_000_000);
  await appendEvidence(database.pool, [old]);
  expect(await table.ofAttempt(old.attempt)).toEqual([old]);
  const newest = await table.since(unixSeconds(1_790_000_000), 5);
  expect(newest).toHaveLength(5);
  expect(newest.map(({ observedAt }) => observedAt)).toEqual(newest.map(({ observedAt }) => observedAt).sort());
  expect(newest.at(-1)).toEqual(seen(7_001));
});

test("a reader begins after the place before which nothing is recent enough", async () => {
  const table = evidenceTable(database.pool);
  const place = await table.placeBefore(unixSeconds(1_790_000_000));
  expect(place).toEqual(CHAIN_START);
  await appendEvidence(database.pool, [seen(1, 1_795_000_000)]);
  const newest = await table.placeBefore(unixSeconds(1_795_000_000));
  const [entry] = await table.page(newest.position, 10);
  expect(verifyChain([entry!], newest)).toMatchObject({ ok: true });
  expect(JSON.parse(entry!.text)[1]).toBe(1_795_000_000);
  const head = await table.placeBefore(unixSeconds(1_799_000_000));
  expect(head).toEqual({ position: entry!.position, hash: entry!.hash });
});

test.each([
  { name: "a change", text: "UPDATE evidence SET entry = entry" },
  { name: "a deletion", text: "DELETE FROM evidence WHERE position = 1" },
  { name: "emptying it", text: "TRUNCATE evidence" },
])("$name is refused", async ({ text }) => {
  await expect(database.pool.query(text)).rejects.toMatchObject({ code: "23001" });
});

test.each([
  { name: "that leaves a gap", values: "max(position) + 2, (array_agg(hash ORDER BY position DESC))[1]" },
  { name: "that follows an older one", values: "max(position) + 1, (array_agg(hash ORDER BY position))[1]" },
])("an entry $name is refused", async ({ values }) => {
  const text = `INSERT INTO evidence (position, previous_hash, hash, entry)
    SELECT place, previous, sha256(previous || convert_to('[1,2,3,4,5,6]', 'UTF8')), '[1,2,3,4,5,6]'
    FROM (SELECT ${values} FROM evidence) AS wish (place, previous)`;
  await expect(database.pool.query(text)).rejects.toMatchObject({ code: "23001" });
});

test("who gets past the refusal is found out", async () => {
  const head = await verify();
  const tamper = async (text: string) => {
    const client = await database.pool.connect();
    try {
      await client.query("BEGIN");
      await client.query("ALTER TABLE evidence DISABLE TRIGGER USER");
      await client.query(text);
      const { rows } = await client.query("SELECT position, hash, entry AS text FROM evidence ORDER BY position");
      return verifyChain(rows);
    } finally {
      await client.query("ROLLBACK");
      client.release();
    }
  };
  const forged = `UPDATE evidence SET entry = replace(entry, '"5000"', '"6000"') WHERE position = 2`;
  await expect(tamper(forged)).rejects.toMatchObject({ code: "23514" });
  const mended = `UPDATE evidence e SET entry = f.entry, hash = sha256(e.previous_hash || convert_to(f.entry, 'UTF8'))
    FROM (SELECT position, replace(entry, '"probe"', '"Probe"') AS entry FROM evidence WHERE position = 3) f
    WHERE e.position = f.position`;
  expect(await tamper(mended)).toEqual({ ok: false, position: 4n, reason: "hash" });
  expect(await tamper("DELETE FROM evidence WHERE position = 5")).toEqual({ ok: false, position: 5n, reason: "gap" });
  expect(await verify()).toEqual(head);
});
