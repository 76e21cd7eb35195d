/** TLS: a connection counts only when its certificate is good for the name in the URL, whatever address was dialled. */
import type net from "node:net";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type DnsServer, startDnsServer } from "../../testing/dns-server.ts";
import { GOOD_CERTIFICATE, type HandshakeCase, HOSTILE_HANDSHAKES } from "../../testing/hostile/handshakes.ts";
import { startHostileServer } from "../../testing/hostile/server.ts";
import { openGuardedClient } from "./guarded-client.ts";

let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer(({ type }) => (type === "A" ? [{ type, data: "127.0.0.1" }] : []));
});
afterAll(() => dns.close());
afterEach(() => vi.unstubAllEnvs());

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

async function startServer({ tls: options, raw }: HandshakeCase) {
  if (raw) return startHostileServer(raw);
  const sockets = new Set<net.Socket>();
  const server = tls.createServer(options ?? {}, (socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write(ANSWER));
  });
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    open: () => sockets.size,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

async function shake(each: HandshakeCase, host = "shop.example"): Promise<void> {
  const server = await startServer(each);
  const client = openGuardedClient({
    allow: [`127.0.0.1:${server.port}`],
    dnsServers: [dns.address],
    authorities: (each.trusts ?? [GOOD_CERTIFICATE.cert]).map(String),
  });
  const result = await client.fetch({
    url: `https://${host}:${server.port}/`,
    method: "GET",
    signal: new AbortController().signal,
    limits: { timeoutMs: 60_000, connectMs: each.want === "timeout" ? 300 : 60_000 },
  });
  if (each.want === "ok") expect(result).toMatchObject({ ok: true, answer: { status: 200 } });
  else {
    const blame = each.want === "tls" ? "theirs" : "unknown";
    expect(result).toMatchObject({ failure: { kind: each.want, blame } });
    expect(!result.ok && result.failure.detail.length).toBeLessThan(100);
  }
  await expect.poll(server.open).toBe(0);
  await server.close();
}

describe(`${HOSTILE_HANDSHAKES.length} handshakes`, () => {
  test.each(HOSTILE_HANDSHAKES)("$name: $want", (each) => shake(each));
});

test("an address has no name: the certificate must be good for the address", async () => {
  await shake({ name: "", tls: GOOD_CERTIFICATE, want: "tls" }, "127.0.0.1");
});

test("no variable of the environment opens what is closed", async () => {
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  await shake({ name: "", tls: GOOD_CERTIFICATE, trusts: [], want: "tls" });
});

test("the final dot of a name is no part of it", async () => {
  await shake({ name: "", tls: GOOD_CERTIFICATE, want: "ok" }, "shop.example.");
});

test("what is canceled within the handshake is closed", async () => {
  const server = await startHostileServer(() => undefined);
  const client = openGuardedClient({ allow: [`127.0.0.1:${server.port}`] });
  const controller = new AbortController();
  const url = `https://127.0.0.1:${server.port}/`;
  const asking = client.fetch({ url, method: "GET", signal: controller.signal });
  await expect.poll(server.made).toBe(1);
  controller.abort();
  expect(await asking).toMatchObject({ failure: { kind: "cancelled" } });
  await expect.poll(server.open).toBe(0);
  await server.close();
});
