/** A connection that the server ends in the middle of our work fails that work, and nothing else. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { inTransaction, isAway } from "./connect.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(4);
});
afterAll(() => database.close());

test("a terminated session inside a transaction is DATABASE_UNAVAILABLE, rolled back, and the next one works", async () => {
  await database.pool.query("CREATE TABLE step (n int)");
  const cut = inTransaction(database.pool, async (client) => {
    await client.query("INSERT INTO step VALUES (1)");
    const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
    await database.pool.query("SELECT pg_terminate_backend($1)", [rows[0].pid]);
    // The server's farewell arrives while nothing of ours is under way.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await client.query("INSERT INTO step VALUES (2)");
  });
  await expect(cut).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  expect(
    await inTransaction(
      database.pool,
      async (client) => (await client.query("SELECT count(*)::int AS n FROM step")).rows[0].n,
    ),
  ).toBe(0);
});

test("what the work itself throws passes as it is", async () => {
  const mine = new Error("mine");
  await expect(inTransaction(database.pool, () => Promise.reject(mine))).rejects.toBe(mine);
});

test.each([
  { name: "a refused connection", error: Object.assign(new Error("x"), { code: "ECONNREFUSED" }), away: true },
  { name: "a lost connection", error: new Error("Connection terminated unexpectedly"), away: true },
  { name: "a server that shuts down", error: Object.assign(new Error("x"), { code: "57P01" }), away: true },
  { name: "a transaction that stood still", error: Object.assign(new Error("x"), { code: "25P03" }), away: true },
  { name: "a deadlock", error: Object.assign(new Error("x"), { code: "40P01" }), away: true },
  { name: "a wrong statement", error: Object.assign(new Error("x"), { code: "42601" }), away: false },
  { name: "a broken rule", error: Object.assign(new Error("x"), { code: "23514" }), away: false },
  { name: "a bug of ours", error: new TypeError("x"), away: false },
])("$name: away is $away", ({ error, away }) => {
  expect(isAway(error)).toBe(away);
});
