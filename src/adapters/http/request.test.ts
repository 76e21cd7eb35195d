/** What is asked reaches the server as it was meant, and nothing that nobody meant. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { OutsideRequest } from "../../core/egress.ts";
import { type GuardedClient, openGuardedClient } from "./guarded-client.ts";

let port: number;
let client: GuardedClient;
const server = http.createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  response.setHeader("WWW-Authenticate", ['L402 macaroon="a", invoice="b"', 'Payment id="c"']);
  response.statusCode = 402;
  response.end(JSON.stringify([request.method, request.url, request.rawHeaders, Buffer.concat(chunks).toString()]));
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
  client = openGuardedClient({ allow: [`127.0.0.1:${port}`] });
});
afterAll(() => void server.close());
afterEach(() => vi.unstubAllEnvs());

const ask = (rest: Partial<OutsideRequest> = {}) =>
  client.fetch({
    url: `http://127.0.0.1:${port}/a?b=c#d`,
    method: "GET",
    signal: new AbortController().signal,
    ...rest,
  });
const echoOf = async (rest: Partial<OutsideRequest>) => {
  const result = await ask(rest);
  if (!result.ok) throw new Error(result.failure.detail);
  return JSON.parse(Buffer.from(result.answer.body).toString());
};

test("the request is what the caller says and no more", async () => {
  const got = await echoOf({ method: "POST", headers: { "User-Agent": "someone/1", "x-a": "b" }, body: '{"q":1}' });
  expect(got).toEqual([
    "POST",
    "/a?b=c",
    // biome-ignore format: pairs
    ["host", `127.0.0.1:${port}`, "connection", "keep-alive", "User-Agent", "someone/1", "x-a", "b",
      "accept-encoding", "gzip, deflate, br", "content-length", "7"],
    '{"q":1}',
  ]);
  expect((await echoOf({ body: new Uint8Array([104, 105]), method: "PUT" }))[3]).toBe("hi");
  expect((await echoOf({ headers: { "Accept-Encoding": "identity" } }))[2]).not.toContain("gzip, deflate, br");
});

test("header lines come back as they were sent, each for itself", async () => {
  const result = await ask();
  const lines = result.ok ? result.answer.headers.filter(([name]) => name === "WWW-Authenticate") : [];
  expect(lines.map(([, value]) => value)).toEqual(['L402 macaroon="a", invoice="b"', 'Payment id="c"']);
});

test("proxies of the environment are not looked at", async () => {
  for (const name of ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
    vi.stubEnv(name, "http://127.0.0.1:9");
  expect(await ask()).toMatchObject({ ok: true });
});

test.each([
  { name: "CONNECT", request: { method: "CONNECT" } },
  { name: "TRACE", request: { method: "TRACE" } },
  { name: "a method in small letters", request: { method: "get" } },
  { name: "a method with a line end", request: { method: "GET / HTTP/1.1\r\nX: y" } },
  { name: "Host", request: { headers: { Host: "other.example" } } },
  { name: "Connection", request: { headers: { connection: "close" } } },
  { name: "Content-Length", request: { headers: { "Content-Length": "1" } } },
  { name: "Transfer-Encoding", request: { headers: { "transfer-encoding": "chunked" } } },
  { name: "Upgrade", request: { headers: { Upgrade: "h2c" } } },
  { name: "Expect", request: { headers: { expect: "100-continue" } } },
  { name: "Cookie", request: { headers: { Cookie: "a=b" } } },
  { name: "Referer", request: { headers: { referer: "http://a.example/" } } },
  { name: "Proxy-Authorization", request: { headers: { "Proxy-Authorization": "x" } } },
  { name: "a header name with a blank", request: { headers: { "x y": "z" } } },
  { name: "a header name with a colon", request: { headers: { "x:y": "z" } } },
  { name: "an empty header name", request: { headers: { "": "z" } } },
  { name: "a header name twice", request: { headers: { "x-a": "1", "X-A": "2" } } },
  { name: "a macaroon with a line end", request: { headers: { authorization: "L402 a\r\nX-Injected: 1" } } },
  { name: "a macaroon with a zero", request: { headers: { authorization: "L402 a\0" } } },
  { name: "a macaroon beyond Latin-1", request: { headers: { authorization: "L402 \u2713" } } },
  { name: "a macaroon of 1 MB", request: { headers: { authorization: `L402 ${"A".repeat(1_000_000)}` } } },
])("$name is not sent", async ({ request }) => {
  const requests = vi.fn();
  server.on("request", requests);
  expect(await ask(request)).toMatchObject({ ok: false, failure: { kind: "request-refused" } });
  expect(requests).not.toHaveBeenCalled();
  server.off("request", requests);
});

test("what is canceled before, within or after closing does not settle otherwise", async () => {
  expect(await ask({ signal: AbortSignal.abort() })).toMatchObject({ failure: { kind: "cancelled", blame: "ours" } });

  const own = openGuardedClient({ allow: [`127.0.0.1:${port}`] });
  const request = { url: `http://127.0.0.1:${port}/`, method: "GET", signal: new AbortController().signal };
  const asking = own.fetch(request);
  own.close();
  expect(await asking).toMatchObject({ failure: { kind: "cancelled" } });
  expect(await own.fetch(request)).toMatchObject({ failure: { kind: "cancelled" } });
});
