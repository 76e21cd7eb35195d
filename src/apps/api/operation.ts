/** An operation of the API: its contract, from which validation, mounting and the OpenAPI document all follow. */
import type { IncomingMessage } from "node:http";
import express, { type Request, type RequestHandler, type Response, type Router } from "express";
import type { z } from "zod";
import { OracleError } from "../../core/errors.ts";
import type { Msat } from "../../core/units.ts";
import { type Caller, watchCaller } from "./caller.ts";
import { speaksGrpc } from "./grpc-answer.ts";
import type { Admitted, Gate } from "./l402-gate.ts";

/** What is public about an operation. */
export type Contract = {
  operation: string;
  method: "get" | "post" | "patch" | "delete";
  /** Parts in braces are named by `params`. */
  path: string;
  params?: z.ZodObject;
  summary: string;
  price?: Msat;
  /** A free operation on the account of a token: one is needed, or else none is and its holder is offered one (402). */
  access?: "token" | "token-or-challenge";
  /** A free operation of whoever signs the request with a Nostr key (NIP-98). */
  signed?: true;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Of a body that has several forms, the one that this is meant to be: what is wrong is then said of that one. */
  formOf?: (body: unknown) => z.ZodType;
  response: z.ZodType;
  /** What a 201 holds, for an operation that makes something. */
  created?: z.ZodType;
};

/** An operation anybody may call. What `serve` has answered itself is not answered again. */
export type FreeOperation<Input, Answer> = Contract & {
  serve(input: Input, request: Request, response: Response): Promise<Answer>;
};

/**
 * An operation that is paid for. `prepare` may refuse and costs nothing; `answer` runs only with proof that the price
 * is held, and what it throws gives the price back.
 */
export type PaidOperation<Body, Prepared, Answer> = Contract & {
  price: Msat;
  prepare(body: Body, caller: Caller): Promise<Prepared>;
  answer(prepared: Prepared, admitted: Admitted, caller: Caller): Promise<Answer>;
};

const BODY_LIMIT = "64kb";
/** What a signature is about: a body that was parsed and written again is another one. */
const rawBodies = new WeakMap<IncomingMessage, Uint8Array>();
const parseJson = express.json({
  limit: BODY_LIMIT,
  strict: true,
  type: ["application/json", "application/*+json"],
  verify: (request, _response, bytes) => void rawBodies.set(request, bytes),
});

/** The bytes of a JSON body that was read; undefined before, and where there was none. */
export const rawBodyOf = (request: Request): Uint8Array | undefined => rawBodies.get(request);

export function mountFree<Input, Answer>(router: Router, operation: FreeOperation<Input, Answer>): void {
  const handler: RequestHandler = async (request, response) => {
    const input = (await readInput(operation, request, response)) as Input;
    const data = await operation.serve(input, request, response);
    if (!response.headersSent) response.json({ data });
  };
  mount(router, operation, handler);
}

export function mountPaid<Body, Prepared, Answer>(
  router: Router,
  gate: Gate,
  operation: PaidOperation<Body, Prepared, Answer>,
): void {
  const handler: RequestHandler = async (request, response) => {
    const caller = watchCaller(response);
    // A caller that speaks gRPC is told what to pay first, as its interceptor expects, and that we speak JSON afterwards.
    if (operation.body && !speaksGrpc(request)) refuseForeignBody(request);
    const holder = await gate.identify(request, response, operation);
    if (!holder) return;
    if (speaksGrpc(request))
      throw new OracleError("MEDIA_TYPE_UNSUPPORTED", "nothing is served as gRPC here: send JSON");
    const body = (await readAsked(operation, request, response)) as Body;
    if (await gate.answerAgain(holder, request, response)) return;
    const prepared = await operation.prepare(body, caller);
    const run = (admitted: Admitted) => operation.answer(prepared, admitted, caller);
    await gate.charge(holder, request, response, operation, { run, caller });
  };
  mount(router, operation, handler);
}

/** What a paid operation is asked: its body, or else what its path and its query name, checked. @throws VALIDATION_FAILED */
async function readAsked(operation: Contract, request: Request, response: Response): Promise<unknown> {
  if (operation.body) {
    const body = await readJson(request, response);
    return check(operation.formOf?.(body) ?? operation.body, body);
  }
  const named = operation.params && check(operation.params, request.params);
  const said = operation.query && check(operation.query, request.query);
  return named || said ? Object.assign({}, named, said) : undefined;
}

/** What a free operation is asked: its body, or else its query, with what its path names, checked. @throws VALIDATION_FAILED */
export async function readInput(operation: Contract, request: Request, response: Response): Promise<unknown> {
  if (operation.body) return check(operation.body, await readJson(request, response));
  const named = operation.params ? check(operation.params, request.params) : undefined;
  const asked = operation.query ? check(operation.query, request.query) : undefined;
  return named && asked ? { ...named, ...asked } : (asked ?? named);
}

/** Mounts the handler, and answers every other method with what is allowed. `beside` are operations of the same path. */
export function mount(
  router: Router,
  operation: Contract,
  handler: RequestHandler,
  beside: readonly Contract[] = [],
): void {
  const { operation: name, method, path, price } = operation;
  // To Express a HEAD is a GET: nobody should pay for an answer without its body.
  const served = method !== "get" ? [method.toUpperCase()] : price === undefined ? ["GET", "HEAD"] : ["GET"];
  const others = beside.map((other) => other.method.toUpperCase());
  const allowed = [...served, ...others, "OPTIONS"].join(", ");
  router.all(path.replaceAll("{", ":").replaceAll("}", ""), (request, response, next) => {
    response.locals["operation"] = name;
    if (served.includes(request.method)) return handler(request, response, next);
    if (others.includes(request.method)) return next();
    response.set("Allow", allowed);
    throw new OracleError("METHOD_NOT_ALLOWED", `${request.method} is not offered here; use ${allowed}`);
  });
}

/**
 * A body of another type can never be answered, so its sender is not asked to pay first. No type at all is a directory
 * that looks for a 402.
 */
function refuseForeignBody(request: Request): void {
  const type = request.get("content-type");
  if (type !== undefined && !/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new OracleError("MEDIA_TYPE_UNSUPPORTED", "send a JSON body with Content-Type: application/json");
  }
}

/** Reads the body only when asked to, so that an unpaid caller cannot make us read one. */
async function readJson(request: Request, response: Response): Promise<unknown> {
  await new Promise<void>((resolve, reject) =>
    parseJson(request, response, (error?: unknown) => (error ? reject(error) : resolve())),
  );
  if (request.body === undefined) {
    throw new OracleError("MEDIA_TYPE_UNSUPPORTED", "send a JSON body with Content-Type: application/json");
  }
  return request.body;
}

/** @throws VALIDATION_FAILED with each issue's path and message */
export function check(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues
    .flatMap(ofNearest)
    .slice(0, 20)
    .map(({ path, message }) => ({ path: path.join("."), message }));
  const summary = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; ");
  throw new OracleError("VALIDATION_FAILED", summary, { cause: issues });
}

/** Of several forms that were all missed, what is wrong with the one that has all members that were sent, or else the least. */
function ofNearest(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  const isForeign = (issues: readonly z.core.$ZodIssue[]) => issues.some(({ code }) => code === "unrecognized_keys");
  const rated = issue.errors.map((issues) => ({ issues, misses: issues.length + (isForeign(issues) ? 1_000 : 0) }));
  return rated.reduce((nearest, each) => (each.misses < nearest.misses ? each : nearest)).issues;
}
