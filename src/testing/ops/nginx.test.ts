/** The production nginx configuration, run for real: what a client sees through it, and what it must not see. */
import { writeFileSync } from "node:fs";
import http, { type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import http2 from "node:http2";
import https from "node:https";
import path from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CLIENT_HEADER, freePort, PUBLIC_NAME, type RunningNginx, startNginx } from "./nginx.ts";
import { describeWith } from "./tool.ts";

type Answer = { status: number; headers: IncomingHttpHeaders; rawHeaders: string[]; body: string };
type Headers = Record<string, string | string[]>;
type Ask = { method?: string; headers?: Headers; body?: string };

/** As long as a challenge gets: macaroon twice, an invoice, and the forms older clients read. */
const CHALLENGE = `L402 macaroon="${"A".repeat(1_500)}", invoice="lnbc1${"q".repeat(1_500)}"`;
const PROBLEM = '{"type":"about:blank","status":402,"code":"PAYMENT_REQUIRED"}';

describeWith({ nginx: "nginx-light", openssl: "openssl" }, "nginx in front of the api", () => {
  let nginx: RunningNginx;
  let backend: Server;
  const seen: IncomingMessage[] = [];

  beforeAll(async () => {
    backend = http.createServer((request, response) => {
      seen.push(request);
      request.resume();
      answerAsApi(request.url ?? "", response);
    });
    backend.on("upgrade", (_request, socket) => {
      socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello");
    });
    const port = await freePort();
    await new Promise<void>((resolve) => backend.listen(port, "127.0.0.1", resolve));
    nginx = await startNginx(port);
  });

  afterAll(async () => {
    await nginx?.stop();
    backend?.closeAllConnections();
    backend?.close();
  });

  const secure = (url: string, options: Ask = {}): Promise<Answer> => {
    const tls = { ca: nginx.certificate, servername: PUBLIC_NAME, port: nginx.httpsPort };
    return exchange(https.request, { ...tls, host: "127.0.0.1", path: url }, options);
  };
  const plain = (url: string, options: Ask = {}): Promise<Answer> =>
    exchange(http.request, { host: "127.0.0.1", port: nginx.httpPort, path: url }, options);

  test("a 402 passes unchanged, with all of its challenge", async () => {
    const got = await secure("/api/intent", { method: "POST", body: "{}" });
    expect(got).toMatchObject({ status: 402, body: PROBLEM });
    expect(got.headers["www-authenticate"]).toBe(CHALLENGE);
    expect(got.headers["content-type"]).toBe("application/problem+json");
  });

  test("a long Authorization reaches the api byte for byte", async () => {
    const authorization = `L402 ${"Zg==".repeat(3_000)}:${"ab".repeat(32)}`;
    await secure("/api/intent", { method: "POST", headers: { authorization } });
    expect(seen.at(-1)?.headers.authorization).toBe(authorization);
  });

  test("the pages reach their readers", async () => {
    for (const file of [
      "/",
      "/verify",
      "/verify.js",
      "/follow",
      "/follow.js",
      "/page.css",
      "/a/note1x",
      "/node/02ab",
    ]) {
      await secure(file);
      expect(seen.at(-1)?.url).toBe(file);
    }
  });

  test("two Authorization lines are never merged into one", async () => {
    const before = seen.length;
    const got = await secure("/api/intent", { method: "POST", headers: { authorization: ["L402 a:b", "L402 c:d"] } });
    const lines = seen.slice(before).flatMap((request) => request.headersDistinct["authorization"] ?? []);
    expect(got.status === 400 ? [] : ["L402 a:b", "L402 c:d"]).toEqual(lines);
  });

  test("the api learns the real client, whatever the client claims", async () => {
    const headers = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http", "x-forwarded-host": "evil" };
    await secure("/api/health", { headers });
    expect(seen.at(-1)?.headers).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": PUBLIC_NAME,
      host: PUBLIC_NAME,
    });
  });

  test("plain HTTP is sent to HTTPS and keeps its method and query", async () => {
    const got = await plain("/api/intent?x=1", { method: "POST" });
    expect(got.status).toBe(308);
    expect(got.headers.location).toBe(`https://${PUBLIC_NAME}/api/intent?x=1`);
  });

  test("certbot's file is served over plain HTTP", async () => {
    writeFileSync(path.join(nginx.webroot, ".well-known/acme-challenge/token"), "proof");
    expect(await plain("/.well-known/acme-challenge/token")).toMatchObject({ status: 200, body: "proof" });
  });

  test("a request for another name gets no answer", async () => {
    await expect(plain("/", { headers: { host: "other.example" } })).rejects.toThrow(/hang up|ECONNRESET/);
  });

  test("a body over 64 kB is refused before it reaches the api", async () => {
    const before = seen.length;
    const got = await secure("/api/intent", { method: "POST", body: "x".repeat(65_537) });
    expect(got.status).toBe(413);
    expect(JSON.parse(got.body)).toMatchObject({ code: "BODY_TOO_LARGE" });
    expect(seen.length).toBe(before);
    expect((await secure("/api/intent", { method: "POST", body: "x".repeat(65_536) })).status).toBe(402);
  });

  test.each([
    "/metrics",
    "/METRICS",
    "/metrics/",
    "/%6detrics",
    "//metrics",
    "/api/../metrics",
    "/api/%2e%2e/metrics",
    "/api/..%2Fmetrics",
    "/demo",
    "/demo/pay",
    "/Demo/pay",
  ])("%s stays on the machine", async (url) => {
    const before = seen.length;
    const got = await secure(url, { method: url.toLowerCase().includes("pay") ? "POST" : "GET" });
    expect(got.status).toBe(404);
    expect(JSON.parse(got.body)).toMatchObject({ code: "ROUTE_UNKNOWN" });
    expect(seen.length).toBe(before);
  });

  test.each([
    { url: "/api/intent", want: 402 },
    { url: "/metrics", want: 404 },
    { url: "/api/helmet", want: 200 },
  ])("$url ($want) carries each security header once", async ({ url, want }) => {
    const got = await secure(url);
    expect(got.status).toBe(want);
    expect(valuesOf(got, "strict-transport-security")).toEqual(["max-age=63072000; includeSubDomains"]);
    expect(valuesOf(got, "x-content-type-options")).toEqual(["nosniff"]);
    expect(valuesOf(got, "x-frame-options")).toEqual(["DENY"]);
    expect(valuesOf(got, "referrer-policy")).toEqual(["no-referrer"]);
    expect(valuesOf(got, "server")).toEqual(["nginx"]);
  });

  test("the api's own Retry-After stands alone", async () => {
    const got = await secure("/api/busy");
    expect(got).toMatchObject({ status: 503, body: "busy" });
    expect(valuesOf(got, "retry-after")).toEqual(["42"]);
  });

  test("the relay's upgrade passes", async () => {
    const headers = { connection: "Upgrade", upgrade: "websocket", [CLIENT_HEADER]: "198.51.100.77" };
    const options = { host: "127.0.0.1", port: nginx.httpsPort, path: "/relay", ca: nginx.certificate };
    const request = https.request({ ...options, servername: PUBLIC_NAME, headers: { ...headers, host: PUBLIC_NAME } });
    const status = await new Promise((resolve, reject) => {
      request.on("upgrade", (response, socket) => {
        socket.destroy();
        resolve(response.statusCode);
      });
      request.on("response", (response) => resolve(response.statusCode));
      request.on("error", reject);
      request.end();
    });
    expect(status).toBe(101);
  });

  test("HTTP/2 is spoken", async () => {
    const session = http2.connect(`https://${PUBLIC_NAME}:${nginx.httpsPort}`, {
      ca: nginx.certificate,
      createConnection: () =>
        connectTls({
          host: "127.0.0.1",
          port: nginx.httpsPort,
          ca: nginx.certificate,
          servername: PUBLIC_NAME,
          ALPNProtocols: ["h2"],
        }),
    });
    const stream = session.request({ ":path": "/api/health" });
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("response", resolve));
    session.destroy();
    expect(headers[":status"]).toBe(402);
  });

  test.each([
    { version: "TLSv1.1", want: false },
    { version: "TLSv1.2", want: true },
    { version: "TLSv1.3", want: true },
  ] as const)("$version is accepted: $want", async ({ version, want }) => {
    // OpenSSL itself declines to offer TLS 1.1 at its default security level, which would test the client only.
    const old = version === "TLSv1.1" ? { ciphers: "DEFAULT@SECLEVEL=0" } : {};
    const limits = { minVersion: version, maxVersion: version, ...old };
    const options = { host: "127.0.0.1", port: nginx.httpsPort, ca: nginx.certificate, servername: PUBLIC_NAME };
    const accepted = await new Promise((resolve) => {
      const socket = connectTls({ ...options, ...limits }, () => {
        resolve(socket.getProtocol() === version);
        socket.destroy();
      });
      socket.on("error", () => resolve(false));
    });
    expect(accepted).toBe(want);
  });

  const burst = (client: (index: number) => string, count: number, headers: Headers = {}) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        secure("/api/intent", { method: "POST", headers: { ...headers, [CLIENT_HEADER]: client(index) } }),
      ),
    );

  test("unpaid requests of one client are limited, with a time to retry", async () => {
    const answers = await burst(() => "198.51.100.1", 60);
    const limited = answers.filter((answer) => answer.status === 429);
    expect(answers.filter((answer) => answer.status === 402).length).toBeGreaterThanOrEqual(20);
    expect(limited.length).toBeGreaterThanOrEqual(20);
    expect(JSON.parse(limited[0]?.body ?? "{}")).toMatchObject({ code: "RATE_LIMITED" });
    expect(limited[0]?.headers["retry-after"]).toBe("1");
    expect((await burst(() => "198.51.100.2", 1)).map((answer) => answer.status)).toEqual([402]);
  });

  test.each([
    { name: "written out", client: (index: number) => `2001:db8:1:2:${(index + 1).toString(16)}:1:1:1` },
    { name: "shortened", client: (index: number) => `2001:db8::${(index + 1).toString(16)}` },
  ])("an IPv6 /64 is one client, $name", async ({ client }) => {
    const answers = await burst(client, 60);
    expect(answers.filter((answer) => answer.status === 429).length).toBeGreaterThanOrEqual(20);
  });

  test("requests with credentials are not held to the limit of unpaid ones", async () => {
    const answers = await burst(() => "198.51.100.3", 60, { authorization: "L402 a:b" });
    expect(answers.every((answer) => answer.status === 402)).toBe(true);
  });

  test("a dead api is a 503 that says when to come back", async () => {
    const dead = await startNginx(await freePort());
    try {
      const tls = { ca: dead.certificate, servername: PUBLIC_NAME, port: dead.httpsPort };
      const got = await exchange(https.request, { ...tls, host: "127.0.0.1", path: "/api/intent" }, { method: "POST" });
      expect(got.status).toBe(503);
      expect(got.headers).toMatchObject({ "retry-after": "5", "content-type": "application/problem+json" });
    } finally {
      await dead.stop();
    }
  });
});

function answerAsApi(url: string, response: ServerResponse): void {
  if (url === "/api/busy") {
    response.writeHead(503, { "Retry-After": "42" }).end("busy");
  } else if (url === "/api/helmet") {
    response.writeHead(200, { "Strict-Transport-Security": "max-age=1", "X-Content-Type-Options": "nosniff" });
    response.end("ok");
  } else {
    response.writeHead(402, { "WWW-Authenticate": CHALLENGE, "Content-Type": "application/problem+json" });
    response.end(PROBLEM);
  }
}

/** One request on a connection of its own. */
function exchange(open: typeof https.request, to: https.RequestOptions, ask: Ask): Promise<Answer> {
  const headers = { host: PUBLIC_NAME, ...ask.headers };
  return new Promise((resolve, reject) => {
    const request = open({ ...to, agent: false, method: ask.method ?? "GET", headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => {
        const { statusCode = 0, headers: received, rawHeaders } = response;
        resolve({ status: statusCode, headers: received, rawHeaders, body });
      });
    });
    request.on("error", reject);
    request.end(ask.body);
  });
}

function valuesOf(answer: Answer, name: string): string[] {
  return answer.rawHeaders.filter(
    (_, index) => answer.rawHeaders[index - 1]?.toLowerCase() === name && index % 2 === 1,
  );
}
