/** Redirects: each hop is vetted like the first, and no credential goes to another origin. */
import http, { type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { OutsideRequest } from "../../core/egress.ts";
import { HOSTILE_REDIRECTS, type RedirectCase } from "../../testing/hostile/redirects.ts";
import { type GuardedClient, openGuardedClient } from "./guarded-client.ts";
import { followRedirect } from "./redirect.ts";

type Heard = { line: string; headers: IncomingMessage["headers"]; body: string };
let heard: Heard[] = [];
let elsewhere: Heard[] = [];
let current: RedirectCase;
let port: number;
let other: number;
let client: GuardedClient;

const listen = (log: () => Heard[], answer: (path: string) => readonly [number, readonly string[]]) =>
  http.createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += String(piece);
    log().push({ line: `${request.method} ${request.url} HTTP/1.1`, headers: request.headers, body });
    const [status, lines] = answer(request.url ?? "");
    const raw = lines.flatMap((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]);
    response.writeHead(status, [...raw, "Set-Cookie", "a=b"]).end(status === 304 ? undefined : "page");
  });
const fill = (text: string) => text.replaceAll("{port}", String(port)).replaceAll("{other}", String(other));
const here = listen(
  () => heard,
  (path) => (path.startsWith("/then") ? [200, []] : [current.status ?? 302, current.lines.map(fill)]),
);
const there = listen(
  () => elsewhere,
  () => [200, []],
);

beforeAll(async () => {
  for (const server of [here, there]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (here.address() as AddressInfo).port;
  other = (there.address() as AddressInfo).port;
  client = openGuardedClient({ allow: [`127.0.0.1:${port}`, `127.0.0.1:${other}`] });
});
afterAll(() => {
  here.close();
  there.close();
});
beforeEach(() => {
  heard = [];
  elsewhere = [];
});

const SECRETS = {
  authorization: "L402 a:b",
  "x-api-key": "k",
  "grpc-metadata-macaroon": "m",
  "content-type": "text/plain",
};
const ask = (rest: Partial<OutsideRequest> = {}) =>
  client.fetch({
    url: `http://127.0.0.1:${port}/from`,
    method: "GET",
    headers: { ...SECRETS, accept: "text/*" },
    signal: new AbortController().signal,
    limits: { maxRedirects: 3 },
    ...rest,
  });

describe(`${HOSTILE_REDIRECTS.length} redirects`, () => {
  test.each(HOSTILE_REDIRECTS)("to $name: $want", async (each) => {
    current = each;
    const result = await ask({ method: each.method ?? "GET", body: each.send });
    if (each.want === "answer") {
      expect(result).toMatchObject({ ok: true, answer: { status: each.status ?? 302, redirects: 0 } });
    } else if (each.want === "followed") {
      expect(result).toMatchObject({ ok: true, answer: { status: 200, redirects: 1 } });
      expect(heard.at(-1)?.line).toBe(each.next);
      expect(heard.at(-1)?.headers).toMatchObject({ authorization: "L402 a:b", "x-api-key": "k" });
      expect(heard.at(-1)?.headers.cookie).toBeUndefined();
      const kept = /^(PUT|POST)/.test(each.next ?? "");
      expect(heard.at(-1)?.body).toBe(kept ? each.send : "");
    } else {
      expect(result).toMatchObject({ ok: false, failure: { kind: each.want } });
    }
    expect(elsewhere).toEqual([]);
  });
});

test("another origin hears what is harmless, and nothing else", async () => {
  current = { name: "", lines: ["Location: http://127.0.0.1:{other}/then"], want: "followed" };
  const result = await ask({ headers: { ...SECRETS, accept: "text/*", "user-agent": "prober" } });
  expect(result).toMatchObject({ ok: true, answer: { url: `http://127.0.0.1:${other}/then`, redirects: 1 } });
  expect(elsewhere[0]?.headers).toEqual({
    host: `127.0.0.1:${other}`,
    connection: "keep-alive",
    accept: "text/*",
    "user-agent": "prober",
    "accept-encoding": "gzip, deflate, br",
  });
});

test("a POST that becomes a GET takes neither its body nor its secrets to another origin", async () => {
  current = { name: "", status: 303, lines: ["Location: http://127.0.0.1:{other}/then"], want: "followed" };
  await ask({ method: "POST", body: "secret" });
  expect(elsewhere).toMatchObject([{ line: "GET /then HTTP/1.1", body: "" }]);
  expect(elsewhere[0]?.headers.authorization).toBeUndefined();
  expect(elsewhere[0]?.headers["x-api-key"]).toBeUndefined();
});

test("by default a redirect is the answer", async () => {
  current = { name: "", lines: ["Location: /then"], want: "answer" };
  const result = await ask({ limits: {} });
  expect(result).toMatchObject({ ok: true, answer: { status: 302, redirects: 0 } });
  expect(heard).toHaveLength(1);
});

test("nothing goes from https to http", () => {
  const asked = { url: "https://shop.example/a", method: "GET" };
  const head = (location: string) => ({ status: 302, headers: [["location", location] as const] });
  expect(() => followRedirect(asked, head("http://shop.example/a"))).toThrow("https to http");
  expect(followRedirect(asked, head("//shop.example/b"))).toMatchObject({ url: "https://shop.example/b" });
  expect(followRedirect({ ...asked, url: "http://shop.example/a" }, head("https://shop.example/a"))).toBeDefined();
});
