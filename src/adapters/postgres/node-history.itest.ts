/** What is remembered of nodes, on a real Postgres. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { fromHex } from "../../core/bytes.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { nodeHistory } from "./node-history.ts";

const DAY = 86_400;
const START = 20_000 * DAY;
const [one, two, three] = [1, 2, 3].map((digit) => `02${String(digit).repeat(64)}`) as [string, string, string];

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(2);
});
beforeEach(() => database.pool.query("TRUNCATE channel_opened, channel_closed"));
afterAll(() => database.close());

const idOf = (block: number) => String(BigInt(block) << 40n);
async function open(block: number, day: number, a = one, b = two): Promise<void> {
  const text =
    "INSERT INTO channel_opened (channel_id, at, node_a, node_b, capacity_sat) VALUES ($1, $2, $3, $4, 1000)";
  await database.pool.query(text, [idOf(block), START + day * DAY, fromHex(a), fromHex(b)]);
}
async function close(block: number, day: number): Promise<void> {
  const text = "INSERT INTO channel_closed (channel_id, at) VALUES ($1, $2)";
  await database.pool.query(text, [idOf(block), START + day * DAY]);
}
const at = (day: number) => unixSeconds(START + day * DAY);

test("an empty history begins nowhere and tells of nothing", async () => {
  const history = nodeHistory(database.pool);
  expect(await history.historyOf(one)).toEqual({ watchedSince: undefined, days: [] });
  expect(await history.becameOf(at(0), at(9))).toEqual([]);
});

test("a node's days are those of its own channels, whichever end it is", async () => {
  await open(1, 0);
  await open(2, 0, three, one);
  await open(3, 0, two, three);
  await open(4, 5);
  await close(1, 7);
  expect(await nodeHistory(database.pool).historyOf(one)).toEqual({
    watchedSince: at(0),
    days: [
      { day: 20_000, opened: 2, closed: 0 },
      { day: 20_005, opened: 1, closed: 0 },
      { day: 20_007, opened: 0, closed: 1 },
    ],
  });
});

test("a channel that came back is one channel that never went", async () => {
  await open(1, 0);
  await close(1, 3);
  await open(1, 4);
  const history = nodeHistory(database.pool);
  expect((await history.historyOf(one)).days).toEqual([{ day: 20_000, opened: 1, closed: 0 }]);
  expect((await history.becameOf(at(0), at(9))).map(({ isLost }) => isLost)).toEqual([false, false]);
});

test("a node is lost with its last channel; one that had none then is not counted", async () => {
  await open(300, 0);
  await open(588, 0);
  await close(300, 2);
  await close(588, 4);
  await open(600, 5, two, three);
  const became = await nodeHistory(database.pool).becameOf(at(1), at(9));
  expect(became.sort((a, b) => a.days - b.days)).toEqual([
    { channels: 2, capacitySat: 2_000, ageDays: 2, isLost: true, days: 3 },
    { channels: 2, capacitySat: 2_000, ageDays: 2, isLost: false, days: 8 },
  ]);
});
