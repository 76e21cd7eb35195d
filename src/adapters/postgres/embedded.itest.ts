/** The embedded server: what was committed survives a kill -9 of the process that started it. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { openDatabase } from "./connect.ts";
import { startEmbeddedPostgres } from "./embedded.ts";

const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-embedded-"));
fs.chmodSync(dataDir, 0o755);
afterAll(() => fs.rmSync(dataDir, { recursive: true, force: true }));

const starter = `
  import { startEmbeddedPostgres } from ${JSON.stringify(new URL("./embedded.ts", import.meta.url).href)};
  const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, durable: true });
  process.stdout.write(server.url + "\\n");
  setInterval(() => {}, 1000);`;

/** Starts the server from another process and resolves with that process and the server's address. */
async function startElsewhere(): Promise<{ url: string; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", starter], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once("exit", (code) => reject(new Error(`starter exited with ${code}`)));
  });
  const kill = () =>
    new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.kill("SIGKILL");
    });
  return { url, kill };
}

test("after kill -9 the next start finds the leftover server, ends it, and has every row", async () => {
  const first = await startElsewhere();
  const before = openDatabase({ url: first.url, maxConnections: 1, onError: () => undefined });
  await before.query("CREATE TABLE kept (n bigint)");
  await before.query("INSERT INTO kept VALUES (9007199254740993)");
  await first.kill();

  const server = await startEmbeddedPostgres({ dataDir, durable: true });
  const after = openDatabase({ url: server.url, maxConnections: 1, onError: () => undefined });
  const { rows } = await after.query("SELECT n, current_setting('server_version') AS version FROM kept");
  expect(rows[0].n).toBe(9007199254740993n);
  expect(rows[0].version).toMatch(/^16\./);
  await after.end();
  await before.end().catch(() => undefined);
  await server.stop();
});

test("a server that is gone is DATABASE_UNAVAILABLE, not a crash", async () => {
  const { translated } = await import("./connect.ts");
  const pool = openDatabase({ url: "postgres://postgres@127.0.0.1:1/x", maxConnections: 1, onError: () => undefined });
  await expect(translated(pool.query("SELECT 1"))).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  await pool.end();
});
