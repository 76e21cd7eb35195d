/** A relay's description, from servers that send it, send too much, too slowly, something else, or nothing. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { fetchDocument } from "./fetch-document.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const signal = new AbortController().signal;
async function askOf(answer: RequestListener, timeoutMs = 5_000) {
  server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/relay`;
  return fetchDocument(url, { accept: "application/nostr+json", timeoutMs, maxBytes: 1_000, signal });
}

test("a document is asked for by its type and read to its end", async () => {
  const answer = await askOf((request, response) => {
    response.end(JSON.stringify([request.headers.accept, request.url]));
  });
  expect(answer).toBe('["application/nostr+json","/relay"]');
});

test.each<{ name: string; answer: RequestListener; timeoutMs?: number }>([
  { name: "not found", answer: (_request, response) => void response.writeHead(404).end("{}") },
  { name: "a redirect", answer: (_request, response) => void response.writeHead(302, { location: "/other" }).end() },
  { name: "a byte too many", answer: (_request, response) => void response.end("x".repeat(1_001)) },
  {
    name: "no end",
    answer(_request, response) {
      const more = () => void (response.destroyed || response.write("x".repeat(10_000), more));
      more();
    },
  },
  { name: "no answer", answer: () => undefined, timeoutMs: 100 },
  {
    name: "half an answer",
    answer: (_request, response) => void response.writeHead(200, { "content-length": "100" }).write("{"),
    timeoutMs: 100,
  },
  { name: "a hang-up", answer: (request) => void request.socket.destroy() },
  { name: "no HTTP", answer: (request) => void request.socket.end("hello\r\n\r\n") },
  {
    name: "too many headers",
    answer: (_request, response) => void response.setHeader("x", "y".repeat(100_000)).end("{}"),
  },
])("$name is no document", async ({ answer, timeoutMs }) => {
  expect(await askOf(answer, timeoutMs)).toBeUndefined();
});

test("nobody there is no document, and an address that is none neither", async () => {
  const asked = { accept: "*/*", timeoutMs: 2_000, maxBytes: 1_000, signal };
  expect(await fetchDocument("http://127.0.0.1:9/", asked)).toBeUndefined();
  expect(await fetchDocument("http://nobody.invalid/", asked)).toBeUndefined();
});
