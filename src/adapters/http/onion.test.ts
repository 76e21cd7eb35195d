/** Onion services: the proxy gets the name and resolves it, nothing else goes through it, and its failures are not the service's. */
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type DnsServer, startDnsServer } from "../../testing/dns-server.ts";
import { onionName } from "../../testing/onion-name.ts";
import { makeCertificate } from "../../testing/self-signed-certificate.ts";
import { type SocksServer, startSocksServer } from "../../testing/socks-server.ts";
import { openGuardedClient } from "./guarded-client.ts";
import { isOnionName } from "./onion-name.ts";

const NAME = onionName(7);
const certificate = makeCertificate(undefined, [NAME]);
const page: http.RequestListener = (request, response) => void response.end(`${request.headers.host} ${request.url}`);
const plain = http.createServer(page);
const secured = https.createServer(certificate, page);
let dns: DnsServer;
let proxy: SocksServer;
let securedProxy: SocksServer;

beforeAll(async () => {
  for (const server of [plain, secured]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  dns = await startDnsServer(() => 3);
  proxy = await startSocksServer((plain.address() as AddressInfo).port);
  securedProxy = await startSocksServer((secured.address() as AddressInfo).port);
});
afterAll(async () => {
  plain.close();
  secured.close();
  await Promise.all([dns.close(), proxy.close(), securedProxy.close()]);
});
afterEach(async () => {
  proxy.behave(0);
  proxy.asked.length = 0;
  await expect.poll(proxy.open).toBe(0);
});

type Asking = { via?: SocksServer; authorities?: string[]; connectMs?: number };
const ask = (url: string, { via = proxy, authorities = [String(certificate.cert)], connectMs = 60_000 }: Asking = {}) =>
  openGuardedClient({
    socksProxy: { host: "127.0.0.1", port: via.port },
    dnsServers: [dns.address],
    authorities,
  }).fetch({
    url,
    method: "GET",
    signal: new AbortController().signal,
    limits: { timeoutMs: 60_000, connectMs },
  });

// The examples of the specification, and the same with a letter changed.
test.each([
  ["pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion", true],
  ["sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd.onion", true],
  ["xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jyd.onion", true],
  ["www.xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jyd.onion", true],
  ["qg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion", false],
  ["sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sserd.onion", false],
  ["xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jye.onion", false],
  ["abcdefghijklmnop.onion", false],
])("%s is the name of a service: %s", (name, want) => {
  expect(isOnionName(name)).toBe(want);
});

test("the proxy is given the name, and DNS is not asked", async () => {
  const result = await ask(`http://shop.${NAME}/a?b`);
  expect(result).toMatchObject({ ok: true, answer: { status: 200 } });
  expect(result.ok && Buffer.from(result.answer.body).toString()).toBe(`shop.${NAME} /a?b`);
  expect(proxy.asked).toEqual([{ type: 3, host: `shop.${NAME}`, port: 80 }]);
  expect(dns.asked).toEqual([]);
});

test("TLS goes through as well, for the name in the URL", async () => {
  expect(await ask(`https://${NAME}/`, { via: securedProxy })).toMatchObject({ ok: true, answer: { status: 200 } });
  expect(await ask(`https://shop.${NAME}/`, { via: securedProxy })).toMatchObject({
    failure: { kind: "tls", blame: "theirs" },
  });
  expect(await ask(`https://${NAME}/`, { via: securedProxy, authorities: [] })).toMatchObject({
    failure: { kind: "tls" },
  });
  expect(await ask(`https://${NAME}/`)).toMatchObject({ failure: { kind: "tls" } });
});

test("nothing but onion services goes through the proxy", async () => {
  expect(await ask("http://127.0.0.1/")).toMatchObject({ failure: { kind: "address-refused" } });
  expect(await ask("http://shop.example/")).toMatchObject({ failure: { kind: "dns" } });
  expect(await ask(`http://${NAME}:22/`)).toMatchObject({ failure: { kind: "port-refused", blame: "ours" } });
  expect(proxy.asked).toEqual([]);
});

test.each([
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  0xf0,
  0xf6,
  0xff,
  "hang-up",
  "garbage",
  "wrong-version",
  "no-method",
  "flood",
] as const)("a proxy that answers with %s does not tell whose fault it is", async (behaviour) => {
  proxy.behave(behaviour);
  expect(await ask(`http://${NAME}/`)).toMatchObject({ failure: { kind: "connect", blame: "unknown" } });
});

test("a proxy that says nothing costs the time limit", async () => {
  proxy.behave("silence");
  expect(await ask(`http://${NAME}/`, { connectMs: 200 })).toMatchObject({
    failure: { kind: "timeout", blame: "unknown" },
  });
});

test("a proxy that is away is ours", async () => {
  const gone = await startSocksServer(9);
  await gone.close();
  expect(await ask(`http://${NAME}/`, { via: gone })).toMatchObject({ failure: { kind: "connect", blame: "ours" } });
});
