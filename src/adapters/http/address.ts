/**
 * Which addresses are public: unicast that IANA gives out and that is reachable from everywhere. Everything else is refused,
 * as is what clouds put on public addresses for their guests only, and what carries an IPv4 address inside an IPv6 one.
 * Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), IPv6 Global Unicast (RFC 4291).
 */
import ipaddr from "ipaddr.js";

/** Special ranges by what they are for. Longer prefixes need no entry where a shorter one holds them. */
export const SPECIAL_RANGES = [
  ["0.0.0.0/8", "this network"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "carrier-grade NAT"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local, cloud metadata"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "protocol assignments"],
  ["192.0.2.0/24", "documentation"],
  ["192.31.196.0/24", "AS112"],
  ["192.52.193.0/24", "AMT"],
  ["192.88.99.0/24", "6to4 relays"],
  ["192.168.0.0/16", "private"],
  ["192.175.48.0/24", "AS112"],
  ["198.18.0.0/15", "benchmarking"],
  ["198.51.100.0/24", "documentation"],
  ["203.0.113.0/24", "documentation"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved, broadcast"],
  ["168.63.129.16/32", "a cloud's host"],
  ["2001::/23", "protocol assignments: Teredo, ORCHID, benchmarking, AMT, AS112"],
  ["2001:db8::/32", "documentation"],
  ["2002::/16", "6to4"],
  ["2620:4f:8000::/48", "AS112"],
  ["3ffe::/16", "6bone"],
  ["3fff::/20", "documentation"],
] as const;

/** The only IPv6 range that unicast is given out of: loopback, mapped, NAT64, unique local, link-local, multicast are outside. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");
const REFUSED_V4 = SPECIAL_RANGES.filter(([range]) => !range.includes(":")).map(
  ([range, purpose]) => [ipaddr.IPv4.parseCIDR(range), purpose] as const,
);
const REFUSED_V6 = SPECIAL_RANGES.filter(([range]) => range.includes(":")).map(
  ([range, purpose]) => [ipaddr.IPv6.parseCIDR(range), purpose] as const,
);

/**
 * Why an address may not be dialled, or undefined when it is public. @param text an address in plain notation, as the system
 * and the URL parser write it; anything else is not one
 */
export function whyNotPublic(text: string): string | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    const address = ipaddr.IPv4.parse(text);
    return REFUSED_V4.find(([range]) => address.match(range))?.[1] ?? secondOpinion(address);
  }
  if (!ipaddr.IPv6.isValid(text) || text.includes("%")) return "not a plain address";
  const address = ipaddr.IPv6.parse(text);
  if (!address.match(GLOBAL_UNICAST)) return "not global unicast";
  return REFUSED_V6.find(([range]) => address.match(range))?.[1] ?? secondOpinion(address);
}

/** The library keeps a list of its own: what either of the two knows to be special is refused. */
function secondOpinion(address: ipaddr.IPv4 | ipaddr.IPv6): string | undefined {
  const range = address.range();
  return range === "unicast" ? undefined : range;
}

/** One spelling for each address: the system writes some in other ways than a URL does. Undefined when it is not an address. */
export function normalAddress(text: string | undefined): string | undefined {
  if (text === undefined || !ipaddr.isValid(text)) return undefined;
  return ipaddr.parse(text).toString();
}
