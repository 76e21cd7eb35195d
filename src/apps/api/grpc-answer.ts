/**
 * Problems for callers that speak gRPC: HTTP 200 without a body, the status in the headers ("trailers-only", gRPC over
 * HTTP2). aperture's and lnd's client interceptors look there, and in the message, for an offer to pay.
 *
 * No operation here is served as gRPC: a caller that has paid is told so with UNIMPLEMENTED, and its token opens the same
 * operation as JSON.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** Numbers of google.rpc.Code. */
const GRPC = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** The code of each status we answer; another 4xx is a bad argument, another 5xx a fault of ours. */
const CODES: Record<number, number> = {
  401: GRPC.UNAUTHENTICATED,
  // What aperture's interceptor expects of an offer to pay.
  402: GRPC.INTERNAL,
  403: GRPC.PERMISSION_DENIED,
  404: GRPC.NOT_FOUND,
  405: GRPC.UNIMPLEMENTED,
  408: GRPC.DEADLINE_EXCEEDED,
  409: GRPC.ABORTED,
  415: GRPC.UNIMPLEMENTED,
  425: GRPC.UNAVAILABLE,
  429: GRPC.RESOURCE_EXHAUSTED,
  503: GRPC.UNAVAILABLE,
  504: GRPC.DEADLINE_EXCEEDED,
};

/** What interceptors look for in the message of code 13: other failures never say it. */
const PAYMENT_REQUIRED = "payment required";

/** Whether a request wants its answer as gRPC. */
export function speaksGrpc(request: IncomingMessage): boolean {
  return /^application\/grpc(?:$|[+;\s-])/i.test(request.headers["content-type"] ?? "");
}

/** The headers of a problem. Those that are set already, a challenge or Retry-After, stay beside them. */
export function grpcHeaders(problem: { status: number; detail: string }): Record<string, string> {
  const { status, detail } = problem;
  const code = CODES[status] ?? (status >= 500 ? GRPC.INTERNAL : GRPC.INVALID_ARGUMENT);
  const message = status === 402 ? `${PAYMENT_REQUIRED}: ${detail}` : detail;
  return { "Content-Type": "application/grpc", "grpc-status": String(code), "grpc-message": percentEncode(message) };
}

/** Sends a problem. The HTTP status says nothing, so what is counted is the problem's own. */
export function sendGrpcProblem(response: ServerResponse, problem: { status: number; detail: string }): void {
  for (const [name, value] of Object.entries(grpcHeaders(problem))) response.setHeader(name, value);
  response.statusCode = 200;
  response.end();
}

/** Printable ASCII but for the percent sign, as the gRPC specification asks; everything else by its UTF-8 bytes. */
function percentEncode(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]+/gu, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}
