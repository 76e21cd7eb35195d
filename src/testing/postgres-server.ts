/** Vitest global set-up: one real Postgres server for all integration tests, with a migrated database as their template. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { openDatabase } from "../adapters/postgres/connect.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../adapters/postgres/embedded.ts";
import { migrate } from "../adapters/postgres/migrate.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

export const TEMPLATE = "satrank_template";

let server: EmbeddedPostgres | undefined;
let dataDir: string | undefined;

export async function setup(project: TestProject): Promise<void> {
  const given = process.env["TEST_DATABASE_URL"];
  dataDir = given ? undefined : fs.mkdtempSync(path.join(os.tmpdir(), "satrank-test-"));
  if (dataDir) {
    fs.chmodSync(dataDir, 0o755);
    server = await startEmbeddedPostgres({ dataDir, durable: false });
  }
  const url = given ?? server!.url;
  await makeTemplate(url);
  project.provide("postgresUrl", url);
}

export async function teardown(): Promise<void> {
  await server?.stop();
  if (dataDir) fs.rmSync(dataDir, { recursive: true, force: true });
}

async function makeTemplate(url: string): Promise<void> {
  const failed = (error: Error) => {
    throw error;
  };
  const admin = openDatabase({ url, maxConnections: 1, onError: failed });
  await admin.query(`DROP DATABASE IF EXISTS ${TEMPLATE}`);
  await admin.query(`CREATE DATABASE ${TEMPLATE}`);
  await admin.end();
  const template = new URL(url);
  template.pathname = `/${TEMPLATE}`;
  const database = openDatabase({ url: template.href, maxConnections: 1, onError: failed });
  await migrate(database);
  await database.end();
}
