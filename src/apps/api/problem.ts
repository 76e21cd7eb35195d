/** Failures as RFC 9457 problem documents with a stable `code`. */
import type { ErrorRequestHandler, Response } from "express";
import { ERRORS, type ErrorCode, OracleError } from "../../core/errors.ts";
import type { Events } from "../events.ts";
import { sendGrpcProblem, speaksGrpc } from "./grpc-answer.ts";

export type Problem = { status: number; code: string; title: string; detail: string } & Record<string, unknown>;

/** Seconds after which a caller may try again, for failures that pass by themselves. */
const RETRY_AFTER_SEC: Partial<Record<ErrorCode, number>> = {
  PAYMENT_PENDING: 2,
  RATE_LIMITED: 30,
  LND_UNAVAILABLE: 10,
  DATABASE_UNAVAILABLE: 5,
  GRAPH_NOT_READY: 5,
  OVERLOADED: 2,
  SHUTTING_DOWN: 5,
};

/** States that end by themselves and are told to the caller: they say nothing is wrong here. */
const PASSING = new Set<ErrorCode>(["GRAPH_NOT_READY", "OVERLOADED", "SHUTTING_DOWN"]);

/** Failures of our own parts: where they are and what they said is for the log, not for strangers. */
const INSIDE: Partial<Record<ErrorCode, string>> = {
  INTERNAL: "something failed here; nothing was charged",
  CONFIG_INVALID: "something failed here; nothing was charged",
  LND_UNAVAILABLE:
    "our Lightning node does not answer: no new invoice can be made now; tokens that are paid keep working",
  LND_REFUSED: "our Lightning node refused; nothing was charged",
  DATABASE_UNAVAILABLE: "our database does not answer; nothing was charged",
  OVERLOADED: "too many calls are waiting; nothing was charged; repeat after Retry-After",
};

/** The media type of RFC 9457. */
export const PROBLEM_TYPE = "application/problem+json";

/** Writes a problem, to a caller that speaks gRPC in its own form. The status is kept for those who count. */
export function sendProblem(response: Response, problem: Problem): void {
  response.locals["status"] = problem.status;
  if (speaksGrpc(response.req)) sendGrpcProblem(response, problem);
  else response.status(problem.status).type(PROBLEM_TYPE).send(problemText(problem));
}

/** A problem as JSON text. `type` points at the page that explains the code. */
export function problemText({ status, code, title, detail, ...more }: Problem): string {
  const type = `/api/docs/errors#${code.toLowerCase().replaceAll("_", "-")}`;
  return JSON.stringify({ type, title, status, code, detail, ...more });
}

/** The last handler: names the failure, and tells a stranger nothing of our insides. */
export function errorHandler(events: Events): ErrorRequestHandler {
  return (thrown: unknown, request, response, _next) => {
    const error = known(thrown);
    const status = ERRORS[error.code];
    if (status >= 500 && !PASSING.has(error.code))
      events.failed(`api ${request.method} ${request.route?.path ?? request.path}`, thrown);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const retryAfter = RETRY_AFTER_SEC[error.code];
    if (retryAfter !== undefined && !response.hasHeader("Retry-After")) response.set("Retry-After", String(retryAfter));
    const detail = INSIDE[error.code] ?? error.message;
    sendProblem(response, { status, code: error.code, title: title(error.code), detail, ...extra(error) });
  };
}

/** "GRAPH_NOT_READY" reads as "Graph not ready". */
export function title(code: string): string {
  const words = code.toLowerCase().replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Failures of Express's own parsers, by the type they carry. */
const BODY_FAILURES: Record<string, ErrorCode> = {
  "entity.parse.failed": "JSON_MALFORMED",
  "entity.too.large": "BODY_TOO_LARGE",
  "encoding.unsupported": "MEDIA_TYPE_UNSUPPORTED",
  "charset.unsupported": "MEDIA_TYPE_UNSUPPORTED",
  "request.size.invalid": "JSON_MALFORMED",
  "request.aborted": "TIMED_OUT",
};

function known(thrown: unknown): OracleError {
  if (thrown instanceof OracleError) return thrown;
  const type = thrown instanceof Error && "type" in thrown && typeof thrown.type === "string" ? thrown.type : "";
  const code = BODY_FAILURES[type];
  if (code) return new OracleError(code, (thrown as Error).message, { cause: thrown });
  if (thrown instanceof URIError)
    return new OracleError("ROUTE_UNKNOWN", "the path is not valid percent-encoding", { cause: thrown });
  if (isClientFault(thrown)) return new OracleError("JSON_MALFORMED", "the body cannot be read", { cause: thrown });
  return new OracleError("INTERNAL", "unexpected failure", { cause: thrown });
}

/** A 4xx that a parser blames on the caller without a type of its own: a broken gzip stream, for one. */
function isClientFault(thrown: unknown): boolean {
  const status = thrown instanceof Error && "status" in thrown ? Number(thrown.status) : 0;
  return status >= 400 && status < 500;
}

/** A validation failure lists its issues beside the text. */
function extra(error: OracleError): Record<string, unknown> {
  return error.code === "VALIDATION_FAILED" && Array.isArray(error.cause) ? { issues: error.cause } : {};
}
