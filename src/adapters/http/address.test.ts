/** Every special range, at both ends and one step beyond: inside nothing is public, outside everything is. */
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { SPECIAL_RANGES, whyNotPublic } from "./address.ts";

/** Ranges that are special by not being in 2000::/3, and what they are for. */
const OUTSIDE_GLOBAL_UNICAST = [
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["::/96", "IPv4-compatible"],
  ["::ffff:0:0/96", "IPv4-mapped"],
  ["::ffff:0:0:0/96", "IPv4-translated"],
  ["64:ff9b::/96", "NAT64"],
  ["64:ff9b:1::/48", "local-use NAT64"],
  ["100::/64", "discard"],
  ["100:0:0:1::/64", "dummy prefix"],
  ["200::/7", "NSAP"],
  ["4000::/3", "not given out"],
  ["5f00::/16", "segment routing"],
  ["8000::/1", "not given out, and all below"],
  ["fc00::/7", "unique local"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "site-local"],
  ["ff00::/8", "multicast"],
] as const;

test.each([...SPECIAL_RANGES, ...OUTSIDE_GLOBAL_UNICAST])("%s is not public: %s", (range) => {
  const { first, last } = endsOf(range);
  expect(whyNotPublic(first)).toBeTypeOf("string");
  expect(whyNotPublic(last)).toBeTypeOf("string");
});

test.each([
  "1.0.0.0",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.0",
  "168.63.129.15",
  "168.63.129.17",
  "169.253.255.255",
  "169.255.0.0",
  "172.15.255.255",
  "172.32.0.0",
  "191.255.255.255",
  "192.0.1.0",
  "192.0.3.0",
  "192.31.195.255",
  "192.88.98.255",
  "192.88.100.0",
  "192.167.255.255",
  "192.169.0.0",
  "198.17.255.255",
  "198.20.0.0",
  "198.51.99.255",
  "203.0.114.0",
  "223.255.255.255",
  "2000::",
  "2001:200::",
  "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
  "2001:db9::",
  "2003::",
  "2606:4700::1111",
  "2a00:1450::1",
  "3fff:1000::",
])("%s is public", (address) => {
  expect(whyNotPublic(address)).toBeUndefined();
});

test.each([
  "",
  "localhost",
  "127.1",
  "0x7f000001",
  "2130706433",
  "0177.0.0.1",
  "8.8.8.8.",
  "fe80::1%eth0",
  "2606:4700::1%1",
  "8.8.8",
  "[::1]",
  "8.8.8.8/32",
])("%j is not a plain address", (text) => {
  expect(whyNotPublic(text)).toBeTypeOf("string");
});

test("the table does not lean on the library, which knows fewer", () => {
  const missed = [...SPECIAL_RANGES, ...OUTSIDE_GLOBAL_UNICAST].filter(([range]) => {
    const { first, last } = endsOf(range);
    return [first, last].some((address) => ipaddr.parse(address).range() === "unicast");
  });
  expect(missed.map(([range]) => range)).toEqual(
    expect.arrayContaining(["168.63.129.16/32", "3ffe::/16", "::/96", "100:0:0:1::/64", "4000::/3"]),
  );
});

function endsOf(range: string): { first: string; last: string } {
  const [base, bits] = ipaddr.parseCIDR(range);
  const first = base.toByteArray();
  const last = first.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, bits - 8 * index))));
  return { first: ipaddr.fromByteArray(first).toString(), last: ipaddr.fromByteArray(last).toString() };
}
