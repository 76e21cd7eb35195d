/**
 * What Node refuses before any route sees it, as the problem documents every other failure is (RFC 9457): bytes that
 * are no request, headers too large or too slow (RFC 6585, RFC 9110), an `Expect` that is not met.
 */
import type http from "node:http";
import type { Duplex } from "node:stream";
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import { PROBLEM_TYPE, problemText, title } from "./problem.ts";

/** How long a refused caller may take to read the answer: closing at once would reset the connection under it. */
const LINGER_MS = 2_000;

const DETAILS = {
  REQUEST_MALFORMED: "these bytes are not an HTTP/1.1 request",
  REQUEST_TIMEOUT: "the request did not arrive whole in time",
  BODY_TOO_LARGE: "the chunk extensions are too large",
  HEADERS_TOO_LARGE: "the headers are too large",
  EXPECTATION_FAILED: "only Expect: 100-continue is met here",
} satisfies Partial<Record<ErrorCode, string>>;
type Fault = keyof typeof DETAILS;

/** Node's names for the faults that are more than malformed. */
const FAULTS: Record<string, Fault> = {
  HPE_HEADER_OVERFLOW: "HEADERS_TOO_LARGE",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "BODY_TOO_LARGE",
  ERR_HTTP_REQUEST_TIMEOUT: "REQUEST_TIMEOUT",
};

/** Makes the server answer its own refusals as problems, and close the connection after each. */
export function answerHttpFaults(server: http.Server): void {
  const calls = new WeakMap<Duplex, Set<http.ServerResponse>>();
  const answered = new WeakSet<Duplex>();

  server.prependListener("request", (request, response) => {
    const running = calls.get(request.socket) ?? new Set();
    calls.set(request.socket, running.add(response));
    response.once("close", () => running.delete(response));
  });

  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (answered.has(socket)) return; // More of the same bytes: the answer is on its way out.
    if (!socket.writable || [...(calls.get(socket) ?? [])].some(ownsTheWire)) {
      socket.destroy();
      return;
    }
    answered.add(socket);
    const linger = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once("close", () => clearTimeout(linger));
    socket.end(refusal(FAULTS[error.code ?? ""] ?? "REQUEST_MALFORMED"));
  });

  server.on("checkExpectation", (_request, response) => {
    const { status, headers, body } = answer("EXPECTATION_FAILED");
    response.writeHead(status, headers).end(body);
  });
}

/** An answer that has begun, or is owed to a whole request: the next bytes would be taken for it. */
function ownsTheWire(response: http.ServerResponse): boolean {
  return response.headersSent || response.req.complete;
}

function answer(code: Fault) {
  const status = ERRORS[code];
  const body = problemText({ status, code, title: title(code), detail: DETAILS[code] });
  const headers = { "Content-Type": PROBLEM_TYPE, "Content-Length": Buffer.byteLength(body), Connection: "close" };
  return { status, headers, body };
}

/** The same answer as bytes of HTTP/1.1: the parser that failed made no response to write it with. */
function refusal(code: Fault): string {
  const { status, headers, body } = answer(code);
  const lines = Object.entries({ Date: new Date().toUTCString(), ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return [`HTTP/1.1 ${status} ${title(code)}`, ...lines, "", body].join("\r\n");
}
