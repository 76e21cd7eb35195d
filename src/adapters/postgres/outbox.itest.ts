/** What the outbox keeps through versions, crashes and several workers, on a real Postgres. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { OracleError } from "../../core/errors.ts";
import { encodeEvent, eventId, type SignedEvent } from "../../core/nip85/event.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { inTransaction } from "./connect.ts";
import { type DeliveryState, deliveryTable } from "./delivery.ts";
import { outboxTable, type StagedEvent } from "./outbox.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
beforeEach(() => database.pool.query("TRUNCATE outbox_event, relay_ack, relay_pause"));
afterAll(() => database.close());

const now = unixSeconds(1_790_000_000);
const pubkey = "ab".repeat(32);
const RELAY = "ws://127.0.0.1:1";
const EVERYTHING = { role: "full", top: 0, room: 100 } as const;
const lease = { now, limit: 100, leaseSec: 60 };
const version = (d: string, createdAt: number, rank = 50): SignedEvent => {
  const tags = [
    ["d", d],
    ["rank", String(rank)],
    ["expiration", String(now + 1000)],
  ];
  const event = { pubkey, created_at: createdAt, kind: 30_385, tags, content: "" };
  return { ...event, id: eventId(event), sig: "00".repeat(64) };
};
const staged = (event: SignedEvent, priority = 2): StagedEvent => ({ event, subject: "subject", priority });
const outbox = () => outboxTable(database.pool);
const delivery = () => deliveryTable(database.pool);
const record = (id: string, state: DeliveryState, nextTryAt = now) =>
  delivery().record(RELAY, [{ id, state, nextTryAt, answer: "said so", held: true }], now);

test("the newest version of an address is current, in whatever order versions come", async () => {
  const [first, second] = [version("a", 100), version("a", 101)];
  expect(await outbox().stage([staged(first), staged(version("b", 100))], now)).toBe(2);
  expect(await outbox().stage([staged(second)], now)).toBe(1);
  expect(await outbox().stage([staged(first), staged(second)], now)).toBe(0);
  expect(await outbox().findByAddress({ kind: 30_385, pubkey, d: "a" })).toBe(encodeEvent(second));
  expect(await outbox().findById(second.id)).toBe(encodeEvent(second));
  expect(await outbox().findById(first.id)).toBeUndefined();
  expect(await outbox().findBySubject("subject")).toHaveLength(2);
  const published = await outbox().findPublished({ kind: 30_385, pubkey }, ["a", "never"]);
  expect([...published].map(([d, { event }]) => [d, event])).toEqual([["a", second]]);
});

test("two versions of one address in a batch count as the newer", async () => {
  expect(await outbox().stage([staged(version("a", 101)), staged(version("a", 100))], now)).toBe(1);
  expect((await outbox().findPublished({ kind: 30_385, pubkey }, ["a"])).get("a")?.event.created_at).toBe(101);
});

test("staging belongs to the caller's transaction", async () => {
  const work = inTransaction(database.pool, async (client) => {
    await outboxTable(client).stage([staged(version("a", 100))], now);
    throw new OracleError("INTERNAL", "the score could not be stored");
  });
  await expect(work).rejects.toThrow("the score could not be stored");
  expect((await delivery().counts()).events).toBe(0);
});

test("a delivery is leased, comes back when the lease ends, and is over once confirmed", async () => {
  const event = version("a", 100);
  await outbox().stage([staged(event)], now);
  expect([await delivery().enrol(RELAY, EVERYTHING, now), await delivery().enrol(RELAY, EVERYTHING, now)]).toEqual([
    1, 0,
  ]);
  const known = { subject: "subject", priority: 2, signedAgain: 0, mayBeThere: false, mayHoldOther: false };
  const want = { id: event.id, sig: event.sig, json: encodeEvent(event), ...known };
  const again = { mayBeThere: true, mayHoldOther: true };
  expect(await delivery().takeDue(RELAY, lease)).toEqual([{ ...want, attempts: 1 }]);
  expect(await delivery().takeDue(RELAY, lease)).toEqual([]);
  expect(await delivery().takeDue("ws://another", lease)).toEqual([]);
  const later = { ...lease, now: unixSeconds(now + 60) };
  expect(await delivery().takeDue(RELAY, later)).toEqual([{ ...want, ...again, attempts: 2 }]);
  await record(event.id, "sent");
  expect(await delivery().takeDue(RELAY, later)).toEqual([{ ...want, ...again, attempts: 3 }]);
  await record(event.id, "confirmed");
  expect(await delivery().takeDue(RELAY, { ...lease, now: unixSeconds(now + 900) })).toEqual([]);
  expect(await delivery().counts()).toEqual({
    events: 1,
    deliveries: [{ relay: RELAY, state: "confirmed", count: 1 }],
  });
});

test("a new version is delivered afresh, and an answer about the old one changes nothing", async () => {
  const [first, second] = [version("a", 100), version("a", 101)];
  await outbox().stage([staged(first)], now);
  await delivery().enrol(RELAY, EVERYTHING, now);
  await delivery().takeDue(RELAY, lease);
  await outbox().stage([staged(second)], now);
  expect(await record(first.id, "confirmed")).toBe(0);
  expect((await delivery().takeDue(RELAY, lease)).map(({ id, attempts }) => [id, attempts])).toEqual([[second.id, 1]]);
  expect(await record(second.id, "refused")).toBe(1);
  await outbox().stage([staged(version("a", 102))], now);
  expect(await delivery().takeDue(RELAY, lease)).toHaveLength(1);
});

test("the most urgent go first, and what has expired does not go", async () => {
  await outbox().stage(
    [staged(version("renewal", 100), 4), staged(version("news", 100), 2), staged(version("profile", 100), 0)],
    now,
  );
  await delivery().enrol(RELAY, EVERYTHING, now);
  const names = async (limit: number, at = now) =>
    (await delivery().takeDue(RELAY, { ...lease, now: at, limit })).map(({ json }) => JSON.parse(json).tags[0][1]);
  expect(await names(2)).toEqual(["profile", "news"]);
  expect(await names(2)).toEqual(["renewal"]);
  expect(await names(9, unixSeconds(now + 1000))).toEqual([]);
});

test("workers share the work: nothing is taken twice, nothing is left", async () => {
  const events = Array.from({ length: 300 }, (_, index) => version(`d${index}`, 100));
  await outbox().stage(
    events.map((event) => staged(event)),
    now,
  );
  await Promise.all(Array.from({ length: 4 }, () => delivery().enrol(RELAY, EVERYTHING, now)));
  const work = async () => {
    const taken: string[] = [];
    for (;;) {
      const due = await delivery().takeDue(RELAY, { ...lease, limit: 7 });
      if (due.length === 0) return taken;
      taken.push(...due.map(({ id }) => id));
    }
  };
  const taken = (await Promise.all(Array.from({ length: 6 }, work))).flat();
  expect(taken.length).toBe(300);
  expect(new Set(taken).size).toBe(300);
});

test("versions staged while others deliver are never lost", async () => {
  await outbox().stage(
    Array.from({ length: 20 }, (_, index) => staged(version(`d${index}`, 100))),
    now,
  );
  const restage = async () => {
    for (let at = 101; at <= 110; at++)
      await outbox().stage(
        Array.from({ length: 20 }, (_, index) => staged(version(`d${index}`, at))),
        now,
      );
  };
  const deliver = async () => {
    for (let round = 0; round < 30; round++) {
      await delivery().enrol(RELAY, EVERYTHING, now);
      const due = await delivery().takeDue(RELAY, { ...lease, limit: 5 });
      for (const { id } of due) await record(id, "confirmed");
    }
  };
  await Promise.all([restage(), deliver(), deliver()]);
  await deliver();
  const { rows } = await database.pool.query(
    "SELECT state, relay_ack.event_id = outbox_event.event_id AS current FROM relay_ack JOIN outbox_event USING (outbox_id)",
  );
  expect(rows).toEqual(Array.from({ length: 20 }, () => ({ state: "confirmed", current: true })));
});

test("a pause is kept, changed and ended", async () => {
  const pause = { failures: 1, untilAt: now, reason: "away" };
  await delivery().writePause(RELAY, pause);
  await delivery().writePause(RELAY, { ...pause, failures: 2 });
  expect(await delivery().readPause(RELAY)).toEqual({ ...pause, failures: 2 });
  expect(await delivery().readPause("ws://another")).toBeUndefined();
  await delivery().writePause(RELAY, undefined);
  expect(await delivery().readPause(RELAY)).toBeUndefined();
});

test("an answer about the old version that waits for the new one to be staged does not count for it", async () => {
  const [first, second] = [version("a", 100), version("a", 101)];
  await outbox().stage([staged(first)], now);
  await delivery().enrol(RELAY, EVERYTHING, now);
  await delivery().takeDue(RELAY, lease);
  let recorded: Promise<number> | undefined;
  await inTransaction(database.pool, async (client) => {
    await outboxTable(client).stage([staged(second)], now);
    recorded = record(first.id, "confirmed");
    await untilSomeoneWaits();
  });
  expect(await recorded).toBe(0);
  expect((await delivery().takeDue(RELAY, lease)).map(({ id }) => id)).toEqual([second.id]);
});

test("a delivery opened for a version that was just replaced is closed all the same", async () => {
  const event = version("a", 100);
  await outbox().stage([staged(event)], now);
  await delivery().enrol(RELAY, EVERYTHING, now);
  await database.pool.query("UPDATE relay_ack SET event_id = decode(repeat('00', 32), 'hex')");
  await delivery().takeDue(RELAY, lease);
  expect(await record(event.id, "confirmed")).toBe(1);
});

async function untilSomeoneWaits(): Promise<void> {
  const text = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  while ((await database.pool.query(text)).rowCount === 0) await new Promise((resolve) => setTimeout(resolve, 10));
}
