/** Migrations on a real server: at once from several processes, edited, newer, failing. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { openDatabase } from "./connect.ts";
import { migrate, readMigrations, schemaVersion } from "./migrate.ts";

const name = `migrate_${randomBytes(4).toString("hex")}`;
const admin = () => openDatabase({ url: inject("postgresUrl"), maxConnections: 1, onError: () => undefined });
const fresh = () => {
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  return openDatabase({ url: url.href, maxConnections: 4, onError: () => undefined });
};

beforeAll(async () => {
  const server = admin();
  await server.query(`CREATE DATABASE ${name}`);
  await server.end();
});
afterAll(async () => {
  const server = admin();
  await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await server.end();
});

test("four processes at once: each file is applied once", async () => {
  const pools = Array.from({ length: 4 }, fresh);
  expect(await schemaVersion(pools[0]!)).toBe(0);
  const applied = await Promise.all(pools.map((pool) => migrate(pool)));
  expect(applied.flat()).toEqual(readMigrations().map((migration) => migration.name));
  expect(await schemaVersion(pools[0]!)).toBe(readMigrations().length);
  for (const pool of pools) await pool.end();
});

test("an edited file and a schema from the future are refused", async () => {
  const pool = fresh();
  await migrate(pool);
  const [first, ...rest] = readMigrations();
  await expect(migrate(pool, [{ ...first!, checksum: "0".repeat(64) }, ...rest])).rejects.toThrow("was edited");
  await expect(migrate(pool, [first!])).rejects.toThrow("newer than this program");
  await pool.end();
});

test("a failing file leaves everything as it was, and the lock free", async () => {
  const pool = fresh();
  const good = readMigrations();
  const bad = {
    version: good.length + 1,
    name: "9999-bad.sql",
    checksum: "x",
    text: "CREATE TABLE half (a int); SELECT 1/0;",
  };
  await expect(migrate(pool, [...good, bad])).rejects.toThrow("9999-bad.sql failed and was rolled back");
  expect(await schemaVersion(pool)).toBe(good.length);
  expect((await pool.query("SELECT to_regclass('half') AS found")).rows[0].found).toBeNull();
  expect(await migrate(pool)).toEqual([]);
  await pool.end();
});

test("no money column is a floating-point number", async () => {
  const pool = fresh();
  const { rows } = await pool.query(
    "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE column_name LIKE '%\\_msat' AND data_type <> 'bigint'",
  );
  expect(rows).toEqual([]);
  await pool.end();
});
