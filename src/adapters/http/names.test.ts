/** From a name to a connection, through a DNS server that lies, changes its mind, or says nothing. */
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import ipaddr from "ipaddr.js";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type DnsServer, startDnsServer } from "../../testing/dns-server.ts";
import { BAD, GOOD, HOSTILE_RESOLVERS } from "../../testing/hostile/resolvers.ts";
import { SPECIAL_RANGES } from "./address.ts";
import { type GuardedClient, openGuardedClient } from "./guarded-client.ts";

let dns: DnsServer;
let port: number;
let client: GuardedClient;
const good = http.createServer((_request, response) => response.end("the good one"));
let strayed = 0;
const bad = net.createServer((socket) => {
  strayed++;
  socket.destroy();
});

beforeAll(async () => {
  dns = await startDnsServer(() => 3);
  await new Promise<void>((resolve) => good.listen(0, GOOD, resolve));
  port = (good.address() as AddressInfo).port;
  await new Promise<void>((resolve) => bad.listen(port, BAD, resolve));
  client = openGuardedClient({ dnsServers: [dns.address], allow: [`${GOOD}:${port}`] });
});
afterAll(async () => {
  good.close();
  bad.close();
  await dns.close();
});
afterEach(() => {
  vi.restoreAllMocks();
  dns.asked.length = 0;
  expect(strayed).toBe(0);
});

const signal = new AbortController().signal;
const ask = (limits = {}) => client.fetch({ url: `http://shop.example:${port}/`, method: "GET", signal, limits });

describe(`${HOSTILE_RESOLVERS.length} hostile resolvers`, () => {
  test.each(HOSTILE_RESOLVERS)("a resolver that gives $name", async ({ answer, want, connectMs = 60_000 }) => {
    let nth = 0;
    dns.answer = (question) => answer(question, ++nth);
    const result = await ask({ timeoutMs: 60_000, connectMs });
    expect(result).toMatchObject(want === "ok" ? { ok: true, answer: { status: 200 } } : { ok: false, failure: want });
  });
});

test("a name that changes its answer is asked once, and what was vetted is dialled", async () => {
  let lookups = 0;
  dns.answer = ({ type }) => {
    if (type === "AAAA") return [];
    lookups++;
    return [{ type, data: lookups % 2 === 1 ? GOOD : BAD }];
  };
  const results = [await ask(), await ask(), await ask(), await ask()];
  expect(results.map((result) => (result.ok ? "ok" : result.failure.kind))).toEqual([
    "ok",
    "address-refused",
    "ok",
    "address-refused",
  ]);
  expect(dns.asked.filter(({ type }) => type === "A")).toHaveLength(4);
  expect(new Set(dns.asked.map(({ name }) => name))).toEqual(new Set(["shop.example"]));
});

test("a resolver that is not there is ours, and one that never answers stops with the signal", async () => {
  const nobody = openGuardedClient({ dnsServers: ["127.0.0.1:9"], allow: [`${GOOD}:${port}`] });
  const url = `http://shop.example:${port}/`;
  expect(await nobody.fetch({ url, method: "GET", signal })).toMatchObject({ failure: { kind: "dns", blame: "ours" } });

  dns.answer = () => "silence";
  const controller = new AbortController();
  const asking = client.fetch({ url, method: "GET", signal: controller.signal });
  await expect.poll(() => dns.asked.length).toBeGreaterThan(0);
  controller.abort();
  expect(await asking).toMatchObject({ failure: { kind: "cancelled", blame: "ours" } });
});

test("without an answer of either family in time, what the resolver said is told", async () => {
  dns.answer = () => "silence";
  expect(await ask({ connectMs: 9_000 })).toMatchObject({ failure: { kind: "dns", blame: "unknown" } });
});

test("an address that is silent or away gives way to the other family's", async () => {
  const both = openGuardedClient({ dnsServers: [dns.address], allow: [`${GOOD}:${port}`, `[::1]:${port}`] });
  dns.answer = ({ type }) => [{ type, data: type === "A" ? GOOD : "::1" }];
  const result = await both.fetch({ url: `http://shop.example:${port}/`, method: "GET", signal });
  expect(result).toMatchObject({ ok: true });
});

test("the address of this machine's own interfaces is refused though it be public", async () => {
  vi.spyOn((await import("node:os")).default, "networkInterfaces").mockReturnValue({
    eth0: [{ address: "8.8.4.4" } as never],
  });
  const connect = vi.spyOn(net, "connect");
  dns.answer = ({ type }) => (type === "A" ? [{ type, data: "8.8.4.4" }] : []);
  const result = await client.fetch({ url: "http://shop.example/", method: "GET", signal });
  expect(result).toMatchObject({ failure: { kind: "address-refused", blame: "ours" } });
  expect(connect).not.toHaveBeenCalled();
});

/** Each special range in every way that an address can be written or answered. */
describe("special ranges, in all their forms", () => {
  const v4 = SPECIAL_RANGES.flatMap(([range]) => (range.includes(":") ? [] : [range.split("/")[0]!]));
  const v6 = SPECIAL_RANGES.flatMap(([range]) => (range.includes(":") ? [range.split("/")[0]!] : []));
  const outside = [
    "::",
    "::1",
    "64:ff9b::1",
    "64:ff9b:1::1",
    "100::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
  ];

  const spellings = (text: string): string[] => {
    const bytes = ipaddr.IPv4.parse(text).toByteArray();
    const [a = 0, b = 0, c = 0, d = 0] = bytes;
    const whole = bytes.reduce((sum, byte) => 256 * sum + byte, 0);
    const hex = (value: number) => value.toString(16);
    const high = hex(256 * a + b);
    const low = hex(256 * c + d);
    const embedded = [
      `::${text}`,
      `::ffff:${text}`,
      `::ffff:${high}:${low}`,
      `::ffff:0:${text}`,
      `64:ff9b::${text}`,
      `64:ff9b:1::${high}:${low}`,
      `2002:${high}:${low}::1`,
      `2001::${high}:${low}`,
    ];
    return [
      text,
      `${text}.`,
      String(whole),
      `0${whole.toString(8)}`,
      `0x${hex(whole)}`,
      bytes.map((byte) => `0x${hex(byte)}`).join("."),
      bytes.map((byte) => `0${byte.toString(8)}`).join("."),
      `${a}.${b}.${256 * c + d}`,
      `${a}.${65_536 * b + 256 * c + d}`,
      bytes.join("%2e"),
      bytes.join("。"),
      ...embedded.map((each) => `[${each}]`),
    ];
  };

  test.each(v4)("%s, as literals", async (address) => {
    const connect = vi.spyOn(net, "connect");
    for (const host of spellings(address)) {
      const result = await client.fetch({ url: `http://${host}/`, method: "GET", signal });
      expect(result, host).toMatchObject({ failure: { kind: "address-refused", blame: "theirs" } });
    }
    expect(connect).not.toHaveBeenCalled();
  });

  test.each([...v6, ...outside])("[%s], as a literal", async (address) => {
    const connect = vi.spyOn(net, "connect");
    const result = await client.fetch({ url: `http://[${address}]/`, method: "GET", signal });
    expect(result).toMatchObject({ failure: { kind: "address-refused", blame: "theirs" } });
    expect(connect).not.toHaveBeenCalled();
  });

  test.each([...v4, ...v6, ...outside, ...v4.map((each) => `::ffff:${each}`)])("%s, as an answer", async (address) => {
    const connect = vi.spyOn(net, "connect");
    const family = net.isIPv6(address) ? "AAAA" : "A";
    // A public address beside it changes nothing.
    dns.answer = ({ type }) => [
      { type, data: type === "A" ? "8.8.8.8" : "2606:4700::1111" },
      ...(type === family ? [{ type, data: address }] : []),
    ];
    const result = await client.fetch({ url: "http://shop.example/", method: "GET", signal });
    expect(result).toMatchObject({ failure: { kind: "address-refused", blame: "theirs" } });
    expect(connect).not.toHaveBeenCalled();
  });
});
