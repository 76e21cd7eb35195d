/** The logs that the oracle's word rests on, while those who write them are killed and the database throws everybody out. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { evidenceTable } from "../../adapters/postgres/evidence.ts";
import { predictionTable } from "../../adapters/postgres/prediction.ts";
import { type Link, verifyChain } from "../../core/evidence/chain.ts";
import { compiled } from "../compiled.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";

const CHILD = compiled(new URL("./oracle-child.ts", import.meta.url));
const KILLS = 6;
const PAGE = 1_000;

let database: TestDatabase | undefined;
afterEach(() => database?.close());

type Told = { predictions: string[]; attempts: string[] };

async function readAll(page: (after: bigint, limit: number) => Promise<Link[]>): Promise<Link[]> {
  const links: Link[] = [];
  for (let more = true; more; ) {
    const next = await page(BigInt(links.length), PAGE);
    links.push(...next);
    more = next.length === PAGE;
  }
  return links;
}

test("writers that are killed and thrown out leave whole chains, and nothing that they were told is written is missing", async () => {
  database = await openTestDatabase();
  const { pool, url } = database;
  const told: Told[] = [];
  const start = () => {
    const child = fork(CHILD, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    child.on("message", (message) => told.push(message as Told));
    child.send(url);
    return child;
  };
  const writers: ChildProcess[] = [start(), start(), start()];
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const since = told.length;
      await expect.poll(() => told.length).toBeGreaterThan(since + 20 + 7 * kill);
      const victim = writers.shift()!;
      victim.kill("SIGKILL");
      await once(victim, "exit");
      writers.push(start());
      if (kill % 2 === 0) continue;
      await pool.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
      );
    }
    const since = told.length;
    await expect.poll(() => told.length).toBeGreaterThan(since + 20);
  } finally {
    for (const writer of writers) {
      writer.kill("SIGKILL");
      if (writer.exitCode === null && writer.signalCode === null) await once(writer, "exit");
    }
  }
  const predictions = await readAll(predictionTable(pool).page);
  const evidence = await readAll(evidenceTable(pool).page);
  expect(verifyChain(predictions)).toEqual({ ok: true, head: await predictionTable(pool).head() });
  expect(verifyChain(evidence)).toEqual({ ok: true, head: await evidenceTable(pool).networkHead() });
  expect(predictions.map(({ position }) => position)).toEqual(predictions.map((_, i) => BigInt(i + 1)));
  const written = new Set(
    [...predictions, ...evidence].map(({ text }) => text).flatMap((text) => text.match(IDS) ?? []),
  );
  for (const { predictions: ids, attempts } of told)
    for (const id of [...ids, ...attempts]) expect(written).toContain(id);
});

/** Ids as both kinds of entry have them: of a prediction, and of an attempt. */
const IDS = /[0-9a-f]{8}-[0-9a-f-]{27}|(?<=")[0-9a-f]{64}(?=")/g;
