/** Refusals below the routes, read as bytes from raw sockets. */
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { answerHttpFaults } from "./http-faults.ts";

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function listen(onRequest: http.RequestListener, options: http.ServerOptions = {}): Promise<number> {
  const server = http.createServer({ connectionsCheckingInterval: 50, ...options }, onRequest);
  servers.push(server);
  answerHttpFaults(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Everything the server says until it ends the connection. The caller never ends it: the server must. */
function talk(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = "";
    const socket = net.connect({ port, host: "127.0.0.1" }, () => socket.write(bytes));
    socket.on("data", (chunk) => {
      heard += String(chunk);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(heard));
  });
}

function parse(text: string) {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  return { statusLine, headers, body };
}

const ok: http.RequestListener = (_request, response) => response.end("fine");
const head = "GET / HTTP/1.1\r\nHost: x\r\n";

test.each([
  ["no HTTP at all", "hello?\r\n\r\n", 400, "REQUEST_MALFORMED"],
  ["two body lengths", `${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 400, "REQUEST_MALFORMED"],
  ["a header far above 16 KiB", `${head}X: ${"x".repeat(8_000_000)}\r\n\r\n`, 431, "HEADERS_TOO_LARGE"],
  ["headers that never end", head, 408, "REQUEST_TIMEOUT"],
  ["an unknown expectation", `${head}Expect: 200-ok\r\n\r\n`, 417, "EXPECTATION_FAILED"],
])("%s is refused as a problem, and the connection ends", async (_what, bytes, status, code) => {
  const limits = code === "REQUEST_TIMEOUT" ? { headersTimeout: 100, requestTimeout: 200 } : {};
  const port = await listen(ok, limits);
  const { statusLine, headers, body } = parse(await talk(port, bytes));
  expect(statusLine).toMatch(new RegExp(`^HTTP/1\\.1 ${status} \\w`));
  expect(headers).toMatchObject({
    "content-type": "application/problem+json",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  });
  expect(Date.parse(headers["date"] ?? "")).not.toBeNaN();
  const type = `/api/docs/errors#${code.toLowerCase().replaceAll("_", "-")}`;
  expect(JSON.parse(body)).toMatchObject({ type, status, code, title: expect.any(String), detail: expect.any(String) });
});

test("a body that breaks off into nonsense is refused, though its call has begun", async () => {
  const port = await listen((request) => request.resume());
  const chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
  expect(parse(await talk(port, chunked)).statusLine).toMatch(/^HTTP\/1\.1 400 /);
});

test("a refusal is never mixed into an answer that is under way", async () => {
  const begun = await listen((request, response) => {
    response.writeHead(200).write("half of it");
    request.resume();
  });
  const chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
  expect(await talk(begun, chunked)).not.toContain("problem+json");
  const owed = await listen(() => undefined);
  expect(await talk(owed, `${head}\r\nnonsense\r\n\r\n`)).toBe("");
});

test("after an answer that is complete, the next request of the connection may be refused", async () => {
  const port = await listen(ok);
  const said = await new Promise<string>((resolve) => {
    let heard = "";
    const socket = net.connect({ port, host: "127.0.0.1" }, () => socket.write(`${head}\r\n`));
    socket.once("data", () => socket.write("nonsense\r\n\r\n"));
    socket.on("data", (chunk) => {
      heard += String(chunk);
    });
    socket.on("close", () => resolve(heard));
  });
  expect(said).toMatch(/^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 400 [\s\S]*REQUEST_MALFORMED/);
});

test("a caller that keeps the refused connection open is let go", async () => {
  const port = await listen(ok);
  const closed = new Promise((resolve) => servers[0]?.once("connection", (socket) => socket.once("close", resolve)));
  const caller = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => caller.write("nonsense\r\n\r\n"));
  caller.on("error", () => undefined).resume();
  await closed;
  caller.destroy();
});

test("a caller that is still sending is not cut off before it has read the refusal", async () => {
  const port = await listen(ok);
  const accepted = new Promise<net.Socket>((resolve) => servers[0]?.once("connection", resolve));
  const caller = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let heard = "";
  caller.on("data", (chunk) => {
    heard += String(chunk);
  });
  for (let sent = 0; sent < 3; sent++) {
    caller.write("nonsense\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect((await accepted).destroyed).toBe(false);
  const closed = new Promise((resolve) => caller.once("close", resolve));
  caller.end();
  await closed;
  expect(heard.match(/HTTP\/1\.1 400 /g)).toHaveLength(1);
});
