/** Answers put together at random, and good ones with a few bytes changed: each ends in a value, none in an exception. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HostileServer, startHostileServer } from "../../testing/hostile/server.ts";
import { type GuardedClient, openGuardedClient } from "./guarded-client.ts";

let answer: Uint8Array = new Uint8Array(0);
let server: HostileServer;
let client: GuardedClient;
const uncaught: unknown[] = [];
const note = (error: unknown) => void uncaught.push(error);

beforeAll(async () => {
  server = await startHostileServer((socket) => void socket.end(answer));
  client = openGuardedClient({ allow: [`127.0.0.1:${server.port}`] });
  process.on("uncaughtException", note).on("unhandledRejection", note);
});
afterAll(async () => {
  process.off("uncaughtException", note).off("unhandledRejection", note);
  await server.close();
});

async function survives(bytes: Uint8Array, method: string): Promise<void> {
  answer = bytes;
  const result = await client.fetch({
    url: `http://127.0.0.1:${server.port}/`,
    method,
    signal: new AbortController().signal,
    limits: { timeoutMs: 60_000, connectMs: 60_000, maxBodyBytes: 4_096, maxHeaderBytes: 1_024, maxRedirects: 2 },
  });
  if (!result.ok) expect(result.failure.detail).toMatch(/^[\x20-\x7e]{1,100}$/);
  expect(uncaught).toEqual([]);
}

const WORDS = [
  "HTTP/1.1 ",
  "HTTP/1.0 ",
  "200 OK\r\n",
  "402 Pay\r\n",
  "103 Hints\r\n",
  "101 Switch\r\n",
  "302 Found\r\n",
  "204 No\r\n",
  "304 No\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Content-Encoding: gzip\r\n",
  "Content-Encoding: br\r\n",
  "Connection: close\r\n",
  "Connection: upgrade\r\n",
  "Upgrade: x\r\n",
  "Keep-Alive: timeout=0\r\n",
  "Location: /next\r\n",
  "Location: //[\r\n",
  "Trailer: a\r\n",
  "\r\n",
  "\r\n\r\n",
  "5\r\nhello\r\n",
  "0\r\n\r\n",
  "0\r\n",
  "hello",
  "\0",
  "\r",
  "\n",
  ":",
];

test("answers out of the words of HTTP, in any order", async () => {
  const text = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 14 }).map((words) => words.join(""));
  await fc.assert(
    fc.asyncProperty(text, fc.boolean(), fc.constantFrom("GET", "HEAD", "POST"), (words, begun, method) =>
      survives(Buffer.from((begun ? "HTTP/1.1 200 OK\r\n" : "") + words, "latin1"), method),
    ),
    { numRuns: 500 },
  );
});

test("a good answer with some of its bytes changed", async () => {
  const good = Buffer.from(
    'HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 402 Payment Required\r\nWWW-Authenticate: L402 macaroon="a"\r\n' +
      "Transfer-Encoding: chunked\r\nTrailer: x\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nx: y\r\n\r\n",
  );
  const change = fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255), cut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(good);
      for (const { at, to } of changes) bytes[at] = to;
      return survives(changes[0]?.cut ? bytes.subarray(0, changes[0].at) : bytes, "GET");
    }),
    { numRuns: 500 },
  );
});
