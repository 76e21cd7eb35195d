/** A server that ends a session in the same breath in which it opens it, as one does that is shut down: nobody listens yet. */
import net from "node:net";
import { afterEach, expect, test } from "vitest";
import { inTransaction, openDatabase } from "../../adapters/postgres/connect.ts";

/** Messages of Postgres's protocol, version 3: a type, a length, and what it says. */
function message(type: string, content: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}
const AUTHENTICATED = message("R", Buffer.alloc(4));
const READY = message("Z", Buffer.from("I"));
const FAREWELL = message(
  "E",
  Buffer.from("SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"),
);

let server: net.Server | undefined;
/** Errors that nobody listened to: each would have ended the process. */
const unheard: unknown[] = [];
const hear = (error: unknown) => void unheard.push(error);
afterEach(async () => {
  process.off("uncaughtExceptionMonitor", hear);
  await new Promise((resolve) => server?.close(resolve));
});

test("a session that ends while it is handed over is a database that does not answer, and ends no process", async () => {
  server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(Buffer.concat([AUTHENTICATED, READY, FAREWELL])));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const url = `postgres://postgres@127.0.0.1:${port}/none`;
  const pool = openDatabase({ url, maxConnections: 2, onError: () => undefined });
  process.on("uncaughtExceptionMonitor", hear);
  await expect(inTransaction(pool, (client) => client.query("SELECT 1"))).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
  });
  expect(unheard).toEqual([]);
  await pool.end();
});
