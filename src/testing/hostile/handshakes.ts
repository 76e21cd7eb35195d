/** TLS handshakes that fail, and how. Asked for is always `https://shop.example`. */
import type { SecureContextOptions, TlsOptions } from "node:tls";
import { makeCertificate } from "../self-signed-certificate.ts";
import { type Behaviour, drip, flood, say, sayAndEnd } from "./server.ts";

/** A certificate authority of the test's own, good for `shop.example`. */
export const GOOD_CERTIFICATE = makeCertificate(undefined, ["shop.example"]);
const OTHER_CERTIFICATE = makeCertificate(undefined, ["shop.example"]);
const EXPIRED = makeCertificate("210101000000Z", ["shop.example"]);
const ANOTHER_NAME = makeCertificate(undefined, ["other.example"]);
const MANY_NAMES = makeCertificate(
  undefined,
  Array.from({ length: 500 }, (_, index) => `host${index}.example`),
);
const PARENT_WILDCARD = makeCertificate(undefined, ["*.shop.example"]);
const ZERO_IN_NAME = makeCertificate(undefined, ["shop.example\0.evil.example"]);

/** Either a TLS server with these options, or raw bytes in place of one. `trusts` is what the client trusts. */
export type HandshakeCase = {
  name: string;
  tls?: TlsOptions & SecureContextOptions;
  raw?: Behaviour;
  trusts?: readonly Buffer[];
  want: "ok" | "tls" | "timeout";
};

const trusted = (certificate: { cert: Buffer; key: Buffer }) => ({ tls: certificate, trusts: [certificate.cert] });
const record = (type: number, length: number) => Buffer.from([type, 3, 3, length >> 8, length & 0xff]);
const many = (piece: Buffer) => Buffer.concat(Array.from({ length: 10_000 }, () => piece));

export const HOSTILE_HANDSHAKES: readonly HandshakeCase[] = [
  { name: "a good certificate", ...trusted(GOOD_CERTIFICATE), want: "ok" },
  { name: "a certificate that nobody vouches for", tls: GOOD_CERTIFICATE, trusts: [], want: "tls" },
  {
    name: "a certificate of another authority of that name",
    tls: OTHER_CERTIFICATE,
    trusts: [GOOD_CERTIFICATE.cert],
    want: "tls",
  },
  { name: "an expired certificate", ...trusted(EXPIRED), want: "tls" },
  { name: "a certificate for another name", ...trusted(ANOTHER_NAME), want: "tls" },
  { name: "a certificate for five hundred other names", ...trusted(MANY_NAMES), want: "tls" },
  { name: "a certificate for names below this one", ...trusted(PARENT_WILDCARD), want: "tls" },
  { name: "a certificate with a zero behind the name", ...trusted(ZERO_IN_NAME), want: "tls" },
  {
    name: "TLS 1.1 at most",
    tls: { ...GOOD_CERTIFICATE, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" },
    want: "tls",
  },
  {
    name: "no cipher in common",
    tls: {
      ...GOOD_CERTIFICATE,
      maxVersion: "TLSv1.2",
      ciphers: "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0",
    },
    want: "tls",
  },
  { name: "HTTP/2 and nothing else", tls: { ...GOOD_CERTIFICATE, ALPNProtocols: ["h2"] }, want: "tls" },
  {
    name: "a question for our certificate",
    tls: { ...GOOD_CERTIFICATE, requestCert: true, rejectUnauthorized: true, maxVersion: "TLSv1.2" },
    want: "tls",
  },
  { name: "HTTP without TLS", raw: sayAndEnd("HTTP/1.1 400 Bad Request\r\n\r\n"), want: "tls" },
  { name: "an end at once", raw: sayAndEnd(""), want: "tls" },
  { name: "an end with the hello half read", raw: (socket) => void socket.destroy(), want: "tls" },
  { name: "an alert", raw: sayAndEnd(Buffer.from([0x15, 3, 3, 0, 2, 2, 0x28])), want: "tls" },
  { name: "zeros", raw: say(new Uint8Array(64)), want: "tls" },
  { name: "zeros for ever", raw: flood("", new Uint8Array(10_000)), want: "tls" },
  {
    name: "a record longer than may be",
    raw: say(Buffer.concat([record(0x16, 0xffff), Buffer.alloc(100)])),
    want: "tls",
  },
  {
    name: "a handshake message of 16 MB",
    raw: flood("", Buffer.concat([record(0x16, 0x4000), Buffer.from([2, 0xff, 0xff, 0xff]), Buffer.alloc(0x4000 - 4)])),
    want: "tls",
  },
  {
    name: "application data before the handshake",
    raw: say(Buffer.concat([record(0x17, 5), Buffer.from("hello")])),
    want: "tls",
  },
  { name: "empty records for ever", raw: flood("", many(record(0x16, 0))), want: "tls" },
  { name: "warnings for ever", raw: flood("", many(Buffer.from([0x15, 3, 3, 0, 2, 1, 0x5a]))), want: "tls" },
  { name: "silence", raw: () => undefined, want: "timeout" },
  { name: "half a record", raw: say(record(0x16, 100)), want: "timeout" },
  { name: "a record, byte by byte", raw: drip(record(0x16, 0x3000).toString("latin1"), "\x02"), want: "timeout" },
];
