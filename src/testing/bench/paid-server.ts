/** A server process of the paid-request bench: the priced door on a durable Postgres, or a bare Express hello of the same size. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startTollApi } from "../toll-api.ts";

const TOKENS = 200;
const BALANCE_MSAT = 1_000_000_000n;

const HELLO_PATH = "/api/toll/hello";

/** What a server process says when it is ready: where it listens, and what opens its path. */
export type Ready = { port: number; path: string; credentials: string[] };

const send = (ready: Ready) => process.send?.(ready);
const [, , mode, databaseUrl] = process.argv;

if (mode === "bare") {
  // As `express()` comes, apart from its name in a header.
  const app = express();
  app.disable("x-powered-by");
  app.get(HELLO_PATH, (_request, response) => void response.json({ data: { echo: "hello" } }));
  const server = http.createServer(app);
  server.listen(0, "127.0.0.1", () =>
    send({ port: (server.address() as AddressInfo).port, path: HELLO_PATH, credentials: [] }),
  );
  process.once("disconnect", () => process.exit(0));
} else if (mode === "paid" && databaseUrl !== undefined) {
  const pool = openDatabase({ url: databaseUrl, maxConnections: 20, onError: () => undefined });
  const api = await startTollApi(pool);
  const credentials: string[] = [];
  for (let i = 0; i < TOKENS; i++) credentials.push(await buy(api));
  send({ port: api.port, path: HELLO_PATH, credentials });
  process.once("disconnect", async () => {
    await api.close();
    await pool.end();
    process.exit(0);
  });
}

async function buy(api: Awaited<ReturnType<typeof startTollApi>>): Promise<string> {
  const ask = (headers: Record<string, string>) => fetch(`${api.origin}${HELLO_PATH}`, { headers });
  const challenge = (await (await ask({})).json()) as { macaroon: string; invoice: string };
  if (!challenge.invoice) throw new Error(`no challenge: ${JSON.stringify(challenge)} ${api.logs()}`);
  const credential = `L402 ${challenge.macaroon}:${api.lnd.pay(challenge.invoice, BALANCE_MSAT)}`;
  const first = await ask({ Authorization: credential });
  if (first.status !== 200) throw new Error(`a paid call answered ${first.status}`);
  return credential;
}
