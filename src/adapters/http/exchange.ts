/**
 * One request and its answer on one connection, which is closed afterwards: no answer can be taken for another one's, and no
 * server can put a second answer where the next request would find it.
 */
import type { Socket } from "node:net";
import { Client, type Dispatcher, errors } from "undici";
import type { HeaderLine } from "../../core/egress.ts";
import { ByteSink } from "./byte-sink.ts";
import { codeOf, Fault } from "./fault.ts";

export type ExchangeRequest = {
  url: URL;
  method: string;
  headers: Readonly<Record<string, string>>;
  body?: string | Uint8Array | undefined;
};
export type ExchangeLimits = { maxBodyBytes: number; maxHeaderBytes: number };
export type ExchangeHead = { status: number; headers: readonly HeaderLine[] };

const MAX_HEADER_LINES = 200;
/** Interim answers (1xx) before the real one. */
const MAX_INTERIM = 8;

/**
 * Sends the request and reads the answer to its end. `onHead` may say that the body is not wanted.
 * The connection is closed when this settles. @throws Fault, or the signal's reason
 */
export async function exchange(
  socket: Socket,
  request: ExchangeRequest,
  limits: ExchangeLimits,
  signal: AbortSignal,
  onHead: (head: ExchangeHead) => "read" | "stop",
): Promise<Uint8Array> {
  let connections = 0;
  const client = new Client(request.url.origin, {
    // undici may connect again for a request it believes unsent, and expects its answer later than the call.
    connect: (_options, callback) =>
      queueMicrotask(() =>
        connections++ === 0 ? callback(null, socket) : callback(new errors.SocketError("one connection only"), null),
      ),
    pipelining: 1,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  try {
    return await ask(client, socket, request, limits, signal, onHead);
  } finally {
    socket.destroy();
    void client.destroy();
  }
}

function ask(
  client: Client,
  socket: Socket,
  request: ExchangeRequest,
  limits: ExchangeLimits,
  signal: AbortSignal,
  onHead: (head: ExchangeHead) => "read" | "stop",
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const body = new ByteSink(limits.maxBodyBytes);
    let interim = 0;
    let headSeen = false;
    const end = (settle: () => void) => {
      signal.removeEventListener("abort", stop);
      settle();
    };
    const fail = (reason: unknown) => {
      socket.destroy();
      end(() => reject(reason));
    };
    const stop = () => fail(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    watchWire(socket, limits, fail);
    // undici takes a reset for the end of a body that has no length: it is no end.
    socket.on("error", (error) => fail(faultOf(error, limits, headSeen)));

    const options = {
      path: request.url.pathname + request.url.search,
      method: request.method as Dispatcher.HttpMethod,
      headers: { ...request.headers },
      body: request.body ?? null,
    };
    client.dispatch(options, {
      onRequestStart: () => undefined,
      onResponseStart(controller, status) {
        if (status < 200) {
          if (++interim > MAX_INTERIM)
            fail(new Fault("protocol", "theirs", `more than ${MAX_INTERIM} interim answers`));
          return;
        }
        headSeen = true;
        const headers = headerLines(controller.rawHeaders);
        if (headers.length > MAX_HEADER_LINES)
          return fail(new Fault("headers-too-large", "unknown", `more than ${MAX_HEADER_LINES} header lines`));
        if (onHead({ status, headers }) === "stop") return end(() => resolve(new Uint8Array(0)));
        // What follows these is not theirs. A 304 may announce a length, and undici would wait for as many bytes.
        if (request.method === "HEAD" || status === 204 || status === 304) return end(() => resolve(new Uint8Array(0)));
        if (announcedLength(headers) > limits.maxBodyBytes) fail(bodyTooLarge(limits));
      },
      onResponseData(_controller, piece) {
        if (!body.add(piece)) fail(bodyTooLarge(limits));
      },
      onResponseEnd: () => end(() => resolve(body.take())),
      onResponseError: (_controller, error) => fail(faultOf(error, limits, headSeen)),
    });
  });
}

/**
 * Some bytes reach no callback of the parser: extensions of chunks, the words after a status, what follows an answer. They are
 * counted where all bytes pass.
 */
function watchWire(socket: Socket, limits: ExchangeLimits, fail: (fault: Fault) => void): void {
  const before = socket.bytesRead;
  const most = 2 * limits.maxBodyBytes + (MAX_INTERIM + 2) * limits.maxHeaderBytes + 65_536;
  socket.on("readable", () => {
    if (socket.bytesRead - before > most) fail(new Fault("protocol", "theirs", "far more bytes than the answer has"));
  });
}

function headerLines(raw: Dispatcher.DispatchController["rawHeaders"]): HeaderLine[] {
  const texts = Array.isArray(raw)
    ? raw.map((text) => (typeof text === "string" ? text : text.toString("latin1")))
    : [];
  return Array.from({ length: texts.length / 2 }, (_, index) => [texts[2 * index]!, texts[2 * index + 1]!] as const);
}

function announcedLength(headers: readonly HeaderLine[]): number {
  return Number(headers.find(([name]) => name.toLowerCase() === "content-length")?.[1] ?? 0);
}

function bodyTooLarge({ maxBodyBytes }: ExchangeLimits): Fault {
  return new Fault("body-too-large", "unknown", `more than ${maxBodyBytes} bytes`);
}

/** What undici and its parser say, in our words: theirs may quote the server. */
function faultOf(error: Error, limits: ExchangeLimits, headSeen: boolean): Fault {
  if (error instanceof Fault) return error;
  const code = codeOf(error);
  switch (code) {
    case "UND_ERR_HEADERS_OVERFLOW":
      return new Fault("headers-too-large", "theirs", `more than ${limits.maxHeaderBytes} bytes of headers`);
    case "UND_ERR_INVALID_ARG":
      return new Fault("request-refused", "unknown", "a header or a method that cannot be sent");
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      // undici also calls it so when the length itself is wrong.
      if (!headSeen) return notHttp("lengths");
      return new Fault("connection-lost", "theirs", "before the end of the body");
    case "HPE_INVALID_EOF_STATE":
    case "ECONNRESET":
    case "EPIPE":
      return new Fault("connection-lost", "theirs", `before the end of the answer (${code})`);
    case "UND_ERR_SOCKET":
      return socketFault(error.message);
    default:
      return code.startsWith("ERR_SSL") ? new Fault("tls", "theirs", `no TLS (${code})`) : notHttp(code || "unknown");
  }
}

function notHttp(what: string): Fault {
  return new Fault("protocol", "theirs", `not HTTP/1.1 (${what})`);
}

function socketFault(message: string): Fault {
  if (message === "bad upgrade") return new Fault("protocol", "theirs", "a switch of protocols that nobody asked for");
  // A server may say 100 to whom did not ask for it, and undici takes that amiss.
  if (message === "bad response")
    return new Fault("protocol", "unknown", "an answer before the question, or 100 Continue");
  return new Fault("connection-lost", "theirs", "before the end of the answer");
}
