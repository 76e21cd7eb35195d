/** A fresh, migrated database for one test file, on the server of `postgres-server.ts`. */
import { randomBytes } from "node:crypto";
import type pg from "pg";
import { inject } from "vitest";
import { openDatabase } from "../adapters/postgres/connect.ts";
import { TEMPLATE } from "./postgres-server.ts";

export type TestDatabase = { pool: pg.Pool; url: string; close(): Promise<void> };

export async function openTestDatabase(maxConnections = 10): Promise<TestDatabase> {
  const serverUrl = inject("postgresUrl");
  const name = `test_${randomBytes(6).toString("hex")}`;
  const admin = openDatabase({ url: serverUrl, maxConnections: 1, onError: () => undefined });
  await cloneTemplate(admin, name);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = openDatabase({ url: url.href, maxConnections, onError: () => undefined });
  return {
    pool,
    url: url.href,
    async close() {
      await pool.end();
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}

/** Two files cloning at the same moment block each other for an instant, which Postgres reports as "source is in use". */
async function cloneTemplate(admin: pg.Pool, name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await admin.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
      return;
    } catch (error) {
      if (attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50 * attempt));
    }
  }
}
