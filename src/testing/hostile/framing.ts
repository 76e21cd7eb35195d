/** Answers that are not HTTP/1.1, or that two readers would cut up in two ways. */
import { drip, flood, LONG_QUESTION, ok, type ServerCase, say, sayAndEnd, sayAndReset } from "./server.ts";

const ASKED_AT_LENGTH = { method: "POST", send: LONG_QUESTION };
const chunked = (...chunks: string[]) => ok("Transfer-Encoding: chunked") + chunks.join("");
const answers = (name: string, text: string | Uint8Array, want: ServerCase["want"], rest: Partial<ServerCase> = {}) =>
  ({ name, serve: sayAndEnd(text), want, ...rest }) satisfies ServerCase;

export const HOSTILE_FRAMING: readonly ServerCase[] = [
  // Nothing, or something else than HTTP.
  answers("nothing at all", "", "connection-lost"),
  { name: "a reset", serve: sayAndReset(""), ...ASKED_AT_LENGTH, want: "connection-lost" },
  answers("HTTP/0.9: a page without a head", "<html>hello</html>", "protocol"),
  answers("an SSH banner", "SSH-2.0-OpenSSH_9.6\r\n", "protocol"),
  answers("an SMTP banner", "220 mail.example ESMTP\r\n", "protocol"),
  answers("a Redis error", "-ERR wrong number of arguments for 'get' command\r\n", "protocol"),
  answers("a MySQL greeting", new Uint8Array([0x4a, 0, 0, 0, 0x0a, 0x38, 0x2e, 0x30]), "protocol"),
  answers("a TLS alert", new Uint8Array([0x15, 3, 3, 0, 2, 2, 0x28]), "protocol"),
  answers("an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "protocol"),
  answers("a request instead of an answer", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "protocol"),
  answers("zeros", new Uint8Array(64), "protocol"),
  answers(
    "all bytes there are",
    Uint8Array.from({ length: 256 }, (_, byte) => byte),
    "protocol",
  ),
  answers("a gzip stream without a head", new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), "protocol"),
  { name: "empty lines for ever", serve: flood("", "\r\n".repeat(1_000)), want: "protocol" },

  // Status lines.
  answers("a head that is cut in the status line", "HTTP/1.1 20", "connection-lost"),
  answers("no status", "HTTP/1.1\r\n\r\n", "protocol"),
  answers("a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", "protocol"),
  answers("a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", "protocol"),
  answers("a negative status", "HTTP/1.1 -20 OK\r\n\r\n", "protocol"),
  answers("a status in words", "HTTP/1.1 good OK\r\n\r\n", "protocol"),
  answers("a status of zero", "HTTP/1.1 000 OK\r\n\r\n", "protocol"),
  answers("a version that does not exist", "HTTP/9.9 200 OK\r\n\r\n", "protocol"),
  answers("a version in words", "HTTP/one 200 OK\r\n\r\n", "protocol"),
  answers("small letters", "http/1.1 200 OK\r\n\r\n", "protocol"),
  answers("another protocol's name", "ICY 200 OK\r\n\r\n", "protocol"),
  answers("a blank before the status line", " HTTP/1.1 200 OK\r\n\r\n", "protocol"),
  answers("a line end within the words", "HTTP/1.1 200 O\rK\r\n\r\n", "protocol"),
  { name: "words that never end", serve: flood("HTTP/1.1 200 ", "a".repeat(10_000)), want: "protocol" },

  // Header lines.
  answers("a head that is cut in a header", "HTTP/1.1 200 OK\r\nContent-Ty", "connection-lost"),
  answers("a header without a colon", ok("hello"), "protocol"),
  answers("a header without a name", ok(": hello"), "protocol"),
  answers("a blank before the colon", ok("Content-Length : 5"), "protocol"),
  answers("a header that is folded", ok("X-Folded: one\r\n two"), "protocol"),
  answers("a zero in a name", ok("X-\0Zero: 1"), "protocol"),
  answers("a zero in a value", ok("X-Zero: \0"), "protocol"),
  answers("a control character in a value", ok("X-Bell: \x07"), "protocol"),
  answers("a lone carriage return in a value", ok("X-Split: one\rtwo: three"), "protocol"),
  answers("a name in brackets", ok("<script>: 1"), "protocol"),

  // Lengths.
  answers("two lengths that differ", `${ok("Content-Length: 5", "Content-Length: 6")}hello!`, "protocol"),
  answers("a length and chunks", `${ok("Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n`, "protocol"),
  answers("chunks and a length", `${ok("Transfer-Encoding: chunked", "Content-Length: 5")}0\r\n\r\n`, "protocol"),
  answers("a negative length", `${ok("Content-Length: -1")}hello`, "protocol"),
  answers("a length with a sign", `${ok("Content-Length: +5")}hello`, "protocol"),
  answers("a length in hexadecimal", `${ok("Content-Length: 0x5")}hello`, "protocol"),
  answers("a length of two numbers", `${ok("Content-Length: 5 5")}hello`, "protocol"),
  answers("a list of lengths", `${ok("Content-Length: 5, 5")}hello`, "protocol"),
  answers("a length in words", `${ok("Content-Length: five")}hello`, "protocol"),
  answers("a length beyond 64 bits", `${ok("Content-Length: 18446744073709551621")}hello`, "protocol"),
  answers("a length longer than the body", `${ok("Content-Length: 50")}hello`, "connection-lost", { head: true }),
  answers("a length shorter than the body", `${ok("Content-Length: 5")}hello and more`, "ok", { body: "hello" }),
  answers("a second answer behind the first", `${ok("Content-Length: 5")}hello${ok("Content-Length: 4")}evil`, "ok", {
    body: "hello",
  }),
  answers("a body behind the answer to HEAD", `${ok("Content-Length: 5")}hello`, "ok", { method: "HEAD", body: "" }),
  answers("a body of a terabyte, announced to HEAD", ok("Content-Length: 1099511627776"), "ok", {
    method: "HEAD",
    body: "",
  }),
  answers("a body behind 204", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", "ok", { body: "" }),
  answers("a body behind 304", "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\nhello", "ok", { body: "" }),

  // Chunks.
  answers("an encoding of the transfer that nobody knows", `${ok("Transfer-Encoding: evil")}hello`, "ok", {
    body: "hello",
  }),
  answers("chunks under a second encoding", `${ok("Transfer-Encoding: chunked, gzip")}hello`, "ok", { body: "hello" }),
  answers("chunks twice", `${ok("Transfer-Encoding: chunked, chunked")}5\r\nhello\r\n0\r\n\r\n`, "ok", {
    body: "hello",
  }),
  answers("a chunk whose size is no number", chunked("xyz\r\nhello\r\n"), "protocol", { head: true }),
  answers("a chunk of negative size", chunked("-5\r\nhello\r\n"), "protocol", { head: true }),
  answers("a chunk with 0x before its size", chunked("0x5\r\nhello\r\n"), "protocol", { head: true }),
  answers("a chunk beyond 64 bits", chunked("ffffffffffffffffff\r\nhello"), "protocol", { head: true }),
  answers("a chunk with a blank before its size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), "protocol", { head: true }),
  answers("a chunk that is longer than it says", chunked("3\r\nhello\r\n0\r\n\r\n"), "protocol", { head: true }),
  answers("a chunk that is cut", chunked("50\r\nhello"), "connection-lost", { head: true }),
  answers("chunks without a last one", chunked("5\r\nhello\r\n"), "connection-lost", { head: true }),
  answers("chunks with bare line ends", chunked("5\nhello\n0\n\n"), "protocol", { head: true }),
  answers("a trailer without a colon", chunked("5\r\nhello\r\n0\r\ntrailer\r\n\r\n"), "protocol", { head: true }),
  { name: "a chunk size of zeros for ever", serve: flood(chunked(), "0".repeat(10_000)), want: "protocol", head: true },
  { name: "a chunk extension for ever", serve: flood(chunked("5;"), "a".repeat(10_000)), want: "protocol", head: true },
  {
    name: "trailers for ever",
    serve: flood(chunked("0\r\n"), "a: b\r\n".repeat(1_000)),
    want: "headers-too-large",
    head: true,
  },
  {
    name: "chunks of one byte, each with a long extension",
    serve: flood(chunked(), `1;${"a".repeat(4_000)}\r\nx\r\n`.repeat(4)),
    want: "protocol",
    head: true,
  },

  // Interim answers, and answers to what was not asked.
  { name: "early hints for ever", serve: flood("", "HTTP/1.1 103 Hints\r\n\r\n".repeat(100)), want: "protocol" },
  { name: "processing for ever", serve: flood("", "HTTP/1.1 102 Processing\r\n\r\n".repeat(100)), want: "protocol" },
  {
    name: "hints with many headers for ever",
    serve: flood("", `HTTP/1.1 103 Hints\r\n${"Link: </a>\r\n".repeat(50)}\r\n`),
    want: "protocol",
  },
  { name: "processing, a little at a time", serve: drip("", "HTTP/1.1 102 Processing\r\n\r\n"), want: "protocol" },
  answers(
    "three hints and an answer",
    `${"HTTP/1.1 103 Hints\r\n\r\n".repeat(3)}${ok("Content-Length: 5")}hello`,
    "ok",
    {
      body: "hello",
    },
  ),
  answers("100 that nobody asked for", `HTTP/1.1 100 Continue\r\n\r\n${ok("Content-Length: 0")}`, "protocol"),
  answers(
    "a switch of protocols",
    "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "protocol",
  ),
  answers("an upgrade of a good answer", ok("Upgrade: h2c", "Connection: Upgrade", "Content-Length: 0"), "ok", {
    body: "",
  }),
  {
    name: "an answer before the question",
    serve: say(`${ok("Content-Length: 5")}hello`),
    want: "ok",
    body: "hello",
    atOnce: true,
  },
];
