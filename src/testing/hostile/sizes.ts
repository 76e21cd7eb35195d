/** Answers that are too large: as they are sent, and as they are after decompression. The limits are those of the test. */
import zlib from "node:zlib";
import { flood, ok, type ServerCase, say, sayAndEnd } from "./server.ts";

/** What the test allows. */
export const SIZE_LIMITS = { maxBodyBytes: 262_144, maxHeaderBytes: 16_384 };
const MAX = SIZE_LIMITS.maxBodyBytes;
const zeros = (bytes: number) => Buffer.alloc(bytes);
const encoded = (encoding: string, body: Uint8Array, ...lines: string[]) =>
  sayAndEnd(
    Buffer.concat([Buffer.from(ok(`Content-Encoding: ${encoding}`, `Content-Length: ${body.length}`, ...lines)), body]),
  );
const hello = zlib.gzipSync("hello");
const withName = (name: string) => {
  const flagged = Buffer.from(hello);
  flagged[3] = 8;
  return Buffer.concat([flagged.subarray(0, 10), Buffer.from(name, "latin1"), flagged.subarray(10)]);
};
/** A stored block of no bytes: it can be repeated for ever, and nothing comes out. */
const EMPTY_BLOCK = Buffer.from([0, 0, 0, 0xff, 0xff]);
const noise = Buffer.from(Array.from({ length: 1_000 }, (_, index) => (index * index * 31 + index * 7) & 0xff));

export const HOSTILE_SIZES: readonly ServerCase[] = [
  {
    name: "a header value of 10 MB",
    serve: flood("HTTP/1.1 200 OK\r\nX-Long: ", "a".repeat(100_000)),
    want: "headers-too-large",
  },
  {
    name: "a header name of 10 MB",
    serve: flood("HTTP/1.1 200 OK\r\n", "a".repeat(100_000)),
    want: "headers-too-large",
  },
  {
    name: "headers for ever",
    serve: flood("HTTP/1.1 200 OK\r\n", "X-A: b\r\n".repeat(1_000)),
    want: "headers-too-large",
  },
  {
    name: "empty headers for ever",
    serve: flood("HTTP/1.1 200 OK\r\n", "a:\r\n".repeat(1_000)),
    want: "headers-too-large",
  },
  {
    name: "blanks before a value for ever",
    serve: flood("HTTP/1.1 200 OK\r\nX-Blank:", " ".repeat(10_000)),
    want: "protocol",
  },
  {
    name: "challenges of 1 MB",
    serve: sayAndEnd(ok(`WWW-Authenticate: L402 macaroon="${"A".repeat(1_000_000)}"`)),
    want: "headers-too-large",
  },
  {
    name: "a thousand cookies",
    serve: sayAndEnd(ok(...Array.from({ length: 1_000 }, (_, i) => `Set-Cookie: c${i}=1`), "Content-Length: 0")),
    want: "headers-too-large",
  },
  {
    name: "one header line too many",
    serve: sayAndEnd(ok(...Array.from({ length: 201 }, () => "A: b"))),
    want: "headers-too-large",
  },
  {
    name: "as many header lines as may be",
    serve: sayAndEnd(ok(...Array.from({ length: 200 }, () => "A: b"))),
    want: "ok",
    body: "",
  },
  {
    name: "a length one byte too long",
    serve: say(ok(`Content-Length: ${MAX + 1}`)),
    want: "body-too-large",
    head: true,
  },
  {
    name: "a length of a terabyte",
    serve: say(ok("Content-Length: 1099511627776")),
    want: "body-too-large",
    head: true,
  },
  {
    name: "a body that ends with the connection, one byte too long",
    serve: sayAndEnd(ok() + "a".repeat(MAX + 1)),
    want: "body-too-large",
    head: true,
  },
  {
    name: "a chunk one byte too long",
    serve: say(`${ok("Transfer-Encoding: chunked")}${(MAX + 1).toString(16)}\r\n${"a".repeat(MAX + 1)}\r\n0\r\n\r\n`),
    want: "body-too-large",
    head: true,
  },
  {
    name: "a body as long as it may be",
    serve: sayAndEnd(ok(`Content-Length: ${MAX}`) + "a".repeat(MAX)),
    want: "ok",
    body: "a".repeat(MAX),
  },
  { name: "a body for ever", serve: flood(ok(), "a".repeat(100_000)), want: "body-too-large", head: true },
  {
    name: "chunks for ever",
    serve: flood(ok("Transfer-Encoding: chunked"), `2710\r\n${"a".repeat(10_000)}\r\n`),
    want: "body-too-large",
    head: true,
  },
  {
    name: "chunks of one byte for ever",
    serve: flood(ok("Transfer-Encoding: chunked"), "1\r\na\r\n".repeat(1_000)),
    want: "protocol",
    head: true,
  },
  {
    name: "a challenge whose body never ends",
    serve: flood("HTTP/1.1 402 Pay\r\nWWW-Authenticate: L402 x\r\n\r\n", "a".repeat(100_000)),
    want: "body-too-large",
    head: true,
  },

  {
    name: "a gzip bomb of 30 MB",
    serve: encoded("gzip", zlib.gzipSync(zeros(30_000_000))),
    want: "body-too-large",
    head: true,
  },
  {
    name: "a deflate bomb",
    serve: encoded("deflate", zlib.deflateSync(zeros(5_000_000))),
    want: "body-too-large",
    head: true,
  },
  {
    name: "a bare deflate bomb",
    serve: encoded("deflate", zlib.deflateRawSync(zeros(5_000_000))),
    want: "body-too-large",
    head: true,
  },
  {
    name: "a brotli bomb",
    serve: encoded("br", zlib.brotliCompressSync(zeros(5_000_000))),
    want: "encoding",
    head: true,
  },
  {
    name: "a bomb that stays below the limit",
    serve: encoded("gzip", zlib.gzipSync(zeros(MAX - 1))),
    want: "encoding",
    head: true,
  },
  {
    name: "a uniform answer that is small",
    serve: encoded("gzip", zlib.gzipSync("a".repeat(60_000))),
    want: "ok",
    body: "a".repeat(60_000),
  },
  {
    name: "a thousand gzip streams in a row",
    serve: encoded("gzip", Buffer.concat(Array.from({ length: 1_000 }, () => zlib.gzipSync(zeros(10_000))))),
    want: "body-too-large",
    head: true,
  },
  { name: "gzip within gzip", serve: encoded("gzip, gzip", zlib.gzipSync(hello)), want: "encoding", head: true },
  {
    name: "gzip within gzip, on two lines",
    serve: encoded("gzip", zlib.gzipSync(hello), "Content-Encoding: gzip"),
    want: "encoding",
    head: true,
  },
  {
    name: "ten layers",
    serve: encoded(Array.from({ length: 10 }, () => "br").join(","), hello),
    want: "encoding",
    head: true,
  },
  { name: "gzip and identity", serve: encoded("identity, gzip, identity", hello), want: "ok", body: "hello" },
  { name: "gzip by its older name", serve: encoded("X-GZip", hello), want: "ok", body: "hello" },
  {
    name: "zstd, which was not asked for",
    serve: encoded("zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd])),
    want: "encoding",
    head: true,
  },
  { name: "compress", serve: encoded("compress", hello), want: "encoding", head: true },
  { name: "an encoding named constructor", serve: encoded("constructor", hello), want: "encoding", head: true },
  { name: "an encoding named __proto__", serve: encoded("__proto__", hello), want: "encoding", head: true },
  { name: "text that says it is gzip", serve: encoded("gzip", Buffer.from("hello")), want: "encoding", head: true },
  {
    name: "text that says it is brotli",
    serve: encoded("br", Buffer.from("hello, hello")),
    want: "encoding",
    head: true,
  },
  { name: "noise that says it is deflate", serve: encoded("deflate", noise), want: "encoding", head: true },
  {
    name: "gzip that is cut",
    serve: encoded("gzip", zlib.gzipSync(noise).subarray(0, 100)),
    want: "encoding",
    head: true,
  },
  {
    name: "gzip with a wrong checksum",
    serve: encoded("gzip", Buffer.concat([hello.subarray(0, -8), Buffer.alloc(8)])),
    want: "encoding",
    head: true,
  },
  {
    name: "gzip with a name of 200 KB",
    serve: encoded("gzip", withName(`${"n".repeat(200_000)}\0`)),
    want: "ok",
    body: "hello",
  },
  {
    name: "gzip with a name that never ends",
    serve: flood(ok("Content-Encoding: gzip"), withName("").subarray(0, 10)),
    want: "body-too-large",
    head: true,
  },
  {
    name: "empty blocks for ever",
    serve: flood(ok("Content-Encoding: deflate"), Buffer.concat(Array.from({ length: 1_000 }, () => EMPTY_BLOCK))),
    want: "body-too-large",
    head: true,
  },
  {
    name: "gzip and something behind it",
    serve: encoded("gzip", Buffer.concat([hello, Buffer.from("behind")])),
    want: "encoding",
    head: true,
  },
  { name: "gzip without a byte", serve: encoded("gzip", Buffer.alloc(0)), want: "ok", body: "" },
  { name: "gzip announced to HEAD", serve: encoded("gzip", hello), want: "ok", body: "", method: "HEAD" },
  { name: "bare deflate", serve: encoded("deflate", zlib.deflateRawSync("hello")), want: "ok", body: "hello" },
];
