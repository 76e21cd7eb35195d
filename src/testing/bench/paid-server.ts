/** A server process of the paid-request bench: the priced door on a durable Postgres, or a bare Express hello of the same size. */
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import express from "express";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { startTollApi } from "../toll-api.ts";

const TOKENS = 200;
const BALANCE_MSAT = 1_000_000_000n;

export type Ready = { port: number; credentials: string[] };

const send = (ready: Ready) => process.send?.(ready);

if (process.argv[2] === "bare") {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  app.post("/api/toll", (_request, response) => void response.json({ data: { echo: "hello" } }));
  const server = http.createServer(app);
  server.listen(0, "127.0.0.1", () => send({ port: (server.address() as AddressInfo).port, credentials: [] }));
} else if (process.argv[2] === "paid") {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-bench-"));
  fs.chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, durable: true });
  const pool = openDatabase({ url: postgres.url, maxConnections: 20, onError: () => undefined });
  await migrate(pool);
  const api = await startTollApi(pool);
  const credentials: string[] = [];
  for (let i = 0; i < TOKENS; i++) credentials.push(await buy(api));
  send({ port: api.port, credentials });
  process.once("disconnect", async () => {
    await api.close();
    await pool.end();
    await postgres.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
    process.exit(0);
  });
}

async function buy(api: Awaited<ReturnType<typeof startTollApi>>): Promise<string> {
  const ask = (headers: Record<string, string>) =>
    fetch(`${api.origin}/api/toll`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: '{"word":"hello"}',
    });
  const challenge = (await (await ask({})).json()) as { macaroon: string; invoice: string };
  const credential = `L402 ${challenge.macaroon}:${api.lnd.pay(challenge.invoice, BALANCE_MSAT)}`;
  const first = await ask({ Authorization: credential });
  if (first.status !== 200) throw new Error(`a paid call answered ${first.status}`);
  return credential;
}
