/** What a hostile or broken name server says, and what must come of it. Names are looked up at `shop.example`. */
import type { OutsideFailure } from "../../core/egress.ts";
import type { DnsAnswer, DnsQuestion } from "../dns-server.ts";

/** The address that the test's own server listens on, and that is allowed. */
export const GOOD = "127.0.0.1";
/** One that another server listens on, and that is not. */
export const BAD = "127.0.0.2";

type Want = "ok" | Partial<Pick<OutsideFailure, "kind" | "blame">>;
export type ResolverCase = {
  name: string;
  answer: (question: DnsQuestion, nth: number) => DnsAnswer;
  want: Want;
  connectMs?: number;
};

const refused = { kind: "address-refused", blame: "theirs" } as const;
const nameless = { kind: "dns", blame: "theirs" } as const;
const unclear = { kind: "dns", blame: "unknown" } as const;
/** Some versions of the resolver wait for a better answer, others tell at once. */
const unclearSoonOrLate = { blame: "unknown" } as const;

/** IPv4 answers with these addresses, IPv6 with none. */
const v4 =
  (...addresses: string[]): ResolverCase["answer"] =>
  ({ type }) =>
    type === "A" ? addresses.map((data) => ({ type, data })) : [];
/** IPv6 answers with these addresses, IPv4 with the good one. */
const v6 =
  (...addresses: string[]): ResolverCase["answer"] =>
  ({ type }) =>
    type === "AAAA" ? addresses.map((data) => ({ type, data })) : [{ type, data: GOOD }];
const many = (count: number, last: string) => [...Array.from({ length: count }, () => GOOD), last];

export const HOSTILE_RESOLVERS: readonly ResolverCase[] = [
  { name: "a private address", answer: v4("10.0.0.1"), want: refused },
  { name: "a good address before a private one", answer: v4(GOOD, BAD), want: refused },
  { name: "a private address before a good one", answer: v4(BAD, GOOD), want: refused },
  {
    name: "three hundred good addresses and the metadata one",
    answer: v4(...many(300, "169.254.169.254")),
    want: refused,
  },
  { name: "two thousand good addresses and a private one", answer: v4(...many(2_000, BAD)), want: refused },
  { name: "three hundred times the good address", answer: v4(...many(300, GOOD)), want: "ok" },
  { name: "a private IPv6 beside a good IPv4", answer: v6("fd00::1"), want: refused },
  { name: "a mapped good address as IPv6", answer: v6(`::ffff:${GOOD}`), want: refused },
  { name: "loopback as IPv6", answer: v6("::1"), want: refused },
  { name: "NAT64 of the metadata address", answer: v6("64:ff9b::a9fe:a9fe"), want: refused },
  { name: "6to4 of a private address", answer: v6("2002:a00:1::"), want: refused },
  { name: "zero", answer: v4("0.0.0.0"), want: refused },
  { name: "broadcast", answer: v4("255.255.255.255"), want: refused },
  {
    name: "an alias whose end is private",
    answer: ({ name, type }) => [
      { type: "CNAME", data: "cdn.example" },
      { type: "CNAME", name: "cdn.example", data: "edge.example" },
      ...(type === "A" ? [{ type, name: "edge.example", data: BAD }] : []),
      ...(name === "" ? [{ type, data: GOOD }] : []),
    ],
    want: refused,
  },
  {
    name: "an alias to localhost, with its address",
    answer: ({ type }) => [
      { type: "CNAME", data: "localhost" },
      ...(type === "A" ? [{ type, name: "localhost", data: "127.0.0.3" }] : []),
    ],
    want: refused,
  },
  {
    name: "an alias whose end is good",
    answer: ({ type }) => [
      { type: "CNAME", data: "cdn.example" },
      ...(type === "A" ? [{ type, name: "cdn.example", data: GOOD }] : []),
    ],
    want: "ok",
  },
  { name: "an alias of itself", answer: () => [{ type: "CNAME", data: "shop.example" }], want: nameless },
  { name: "an alias without an end", answer: () => [{ type: "CNAME", data: "cdn.example" }], want: nameless },
  { name: "no such name", answer: () => 3, want: nameless },
  { name: "no address", answer: () => [], want: nameless },
  { name: "no such name for one family, an address for the other", answer: v6OrNone(), want: "ok" },
  { name: "a failure of its own", answer: () => 2, want: unclear },
  { name: "a refusal", answer: () => 5, want: unclear },
  { name: "not implemented", answer: () => 4, want: unclear },
  {
    name: "a failure for one family, an address for the other",
    answer: ({ type }) => (type === "A" ? [{ type, data: GOOD }] : 2),
    want: "ok",
  },
  {
    name: "silence for one family, an address for the other",
    answer: ({ type }) => (type === "A" ? [{ type, data: GOOD }] : "silence"),
    want: "ok",
  },
  { name: "silence", answer: () => "silence", want: { kind: "timeout", blame: "unknown" }, connectMs: 600 },
  {
    name: "the truth over TCP only",
    answer: ({ type, overTcp }) => (overTcp ? (type === "A" ? [{ type, data: GOOD }] : []) : "truncated"),
    want: "ok",
  },
  {
    name: "a lie over TCP only",
    answer: ({ type, overTcp }) => (overTcp ? (type === "A" ? [{ type, data: BAD }] : []) : "truncated"),
    want: refused,
  },
  {
    name: "an address of five bytes",
    answer: ({ type }) => [{ type, data: new Uint8Array([10, 0, 0, 1, 1]) }],
    want: refused,
  },
  { name: "an address of no bytes", answer: ({ type }) => [{ type, data: new Uint8Array(0) }], want: unclear },
  {
    name: "IPv4 where IPv6 was asked for",
    answer: ({ type }) => (type === "AAAA" ? [{ type: "A", data: BAD }] : []),
    want: nameless,
  },
  { name: "another message's number", answer: () => new Uint8Array(12), want: unclearSoonOrLate, connectMs: 600 },
  { name: "one byte", answer: () => new Uint8Array(1), want: unclearSoonOrLate, connectMs: 600 },
  {
    name: "an address that is good at first only",
    answer: ({ type }, nth) => (type === "A" ? [{ type, data: nth <= 2 ? GOOD : BAD }] : []),
    want: "ok",
  },
];

function v6OrNone(): ResolverCase["answer"] {
  return ({ type }) => (type === "A" ? [{ type, data: GOOD }] : 3);
}
