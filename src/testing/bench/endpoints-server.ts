/** The server process of the endpoints bench: the priced POST /api/intent on a durable Postgres that holds the catalogue. */
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startTollApi } from "../toll-api.ts";
import { openServices } from "./endpoints-ports.ts";

const BALANCE_MSAT = 1_000_000_000n;
const TOKENS = 32;

/** What the process says when it is ready. */
export type Ready = { port: number; credentials: string[] };

const [, , databaseUrl = ""] = process.argv;
const pool = openDatabase({ url: databaseUrl, maxConnections: 20, onError: () => undefined });
const planned = openDatabase({ url: databaseUrl, maxConnections: 6, onError: () => undefined, plansOnce: true });
const api = await startTollApi(pool, { operations: [openServices(pool, planned).operation as never] });
const credentials: string[] = [];
for (let i = 0; i < TOKENS; i++) {
  const ask = (headers: Record<string, string>) =>
    fetch(`${api.origin}/api/intent`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ category: "category-0" }),
    });
  const { macaroon, invoice } = (await (await ask({})).json()) as { macaroon: string; invoice: string };
  const credential = `L402 ${macaroon}:${api.lnd.pay(invoice, BALANCE_MSAT)}`;
  const { status } = await ask({ Authorization: credential });
  if (status !== 200) throw new Error(`a paid call answered ${status}: ${api.logs()}`);
  credentials.push(credential);
}
process.send?.({ port: api.port, credentials } satisfies Ready);
process.once("disconnect", async () => {
  await api.close();
  await planned.end();
  await pool.end();
  process.exit(0);
});
