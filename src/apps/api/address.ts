/** Where a caller comes from, and the address ranges that count as one caller: a /24 of IPv4, a /48 of IPv6. */
import { isIPv4, isIPv6 } from "node:net";
import type { Request } from "express";

/** The caller's address; an IPv4 one looks the same over both kinds of socket. */
export function addressOf(request: Request): string {
  return (request.ip ?? request.socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/i, "");
}

/** The range of an address as text; a mapped IPv4 address counts as IPv4, anything unreadable as one range of its own. */
export function addressPrefix(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
  if (isIPv4(plain)) return `${plain.split(".").slice(0, 3).join(".")}.0/24`;
  if (!isIPv6(plain)) return "unreadable";
  const [head = ""] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  const first = [0, 1, 2].map((index) => Number.parseInt(groups[index] ?? "0", 16).toString(16));
  return `${first.join(":")}::/48`;
}
