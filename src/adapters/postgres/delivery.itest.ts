/** Delivery of a whole network's events, over an outbox that was empty when its statements were first run. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { deliveryTable } from "./delivery.ts";

const now = unixSeconds(1_790_000_000);
const RELAY = "ws://127.0.0.1:1";
const SIZE = 4_000;
const CHUNK = 500;
let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(1);
});
afterAll(() => database.close());

const everything = { role: "full", top: 0, room: 100 } as const;

test("each statement over 4,000 events ends within its time, whatever it was planned for at first", async () => {
  const table = deliveryTable(database.pool);
  for (let time = 0; time < 8; time++) {
    await table.enrol(RELAY, everything, now);
    await table.takeDue(RELAY, { now, limit: 1, leaseSec: 1 });
    await table.readConfirmed(RELAY, now);
  }
  const body = `'{"tags":[["d","' || n || '"],["rank","50"]],"sig":"${"00".repeat(64)}"}'`;
  const insert = `
    INSERT INTO outbox_event (kind, pubkey, d, event_id, created_at, content_hash, subject, priority, body, staged_at)
    SELECT 30385, sha256('key'), n::text, sha256(n::text::bytea), 1, sha256('content'), 'subject', 2, ${body}, 1
    FROM generate_series($1::int, $2::int) AS n`;
  for (let from = 1; from <= SIZE; from += CHUNK) await database.pool.query(insert, [from, from + CHUNK - 1]);
  expect(await table.enrol(RELAY, everything, now)).toBe(SIZE);
  expect(await table.enrol(RELAY, everything, now)).toBe(0);
  await database.pool.query("UPDATE relay_ack SET state = 'confirmed'");
  const confirmed = await table.readConfirmed(RELAY, now);
  expect(confirmed).toHaveLength(SIZE);
  expect(confirmed[0]!.sig).toBe("00".repeat(64));
  const ids = confirmed.map(({ id }) => id);
  expect(await table.reopen(RELAY, ids, now)).toBe(SIZE);

  const best = { role: "selected", top: 500, room: 10 } as const;
  expect(await table.enrol("ws://other", best, now)).toBe(10);
});
