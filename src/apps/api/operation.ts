/** An operation of the API: its contract, from which validation, mounting and the OpenAPI document all follow. */
import express, { type Request, type RequestHandler, type Response, type Router } from "express";
import { z } from "zod";
import { OracleError } from "../../core/errors.ts";
import type { Msat } from "../../core/units.ts";
import type { Admitted, Gate } from "./l402-gate.ts";

/** What is public about an operation. */
export type Contract = {
  operation: string;
  method: "get" | "post";
  path: string;
  summary: string;
  price?: Msat;
  query?: z.ZodObject;
  body?: z.ZodObject;
  response: z.ZodType;
};

/** An operation anybody may call. */
export type FreeOperation<Query, Answer> = Contract & {
  serve(query: Query, request: Request, response: Response): Promise<Answer>;
};

/**
 * An operation that is paid for. `prepare` may refuse and costs nothing; `answer` runs only with proof that the price
 * is held, and what it throws gives the price back.
 */
export type PaidOperation<Body, Prepared, Answer> = Contract & {
  price: Msat;
  prepare(body: Body, signal: AbortSignal): Promise<Prepared>;
  answer(prepared: Prepared, admitted: Admitted, signal: AbortSignal): Promise<Answer>;
};

const BODY_LIMIT = "64kb";
const parseJson = express.json({ limit: BODY_LIMIT, strict: true, type: ["application/json", "application/*+json"] });

export function mountFree<Query, Answer>(router: Router, operation: FreeOperation<Query, Answer>): void {
  const handler: RequestHandler = async (request, response) => {
    const query = operation.query ? (check(operation.query, request.query) as Query) : (undefined as Query);
    const data = await operation.serve(query, request, response);
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
    const signal = abortWhenGone(response);
    refuseForeignBody(request);
    const holder = await gate.identify(request, response, operation);
    if (!holder) return;
    const body = check(operation.body ?? z.object({}), await readJson(request, response)) as Body;
    const prepared = await operation.prepare(body, signal);
    const run = (admitted: Admitted) => operation.answer(prepared, admitted, signal);
    await gate.charge(holder, request, response, operation, { run, signal });
  };
  mount(router, operation, handler);
}

/** Mounts the handler, and answers every other method with what is allowed. */
function mount(router: Router, operation: Contract, handler: RequestHandler): void {
  const route = router.route(operation.path);
  route.all((_request, response, next) => {
    response.locals["operation"] = operation.operation;
    next();
  });
  route[operation.method](handler);
  route.all((request, response) => {
    const allowed = operation.method === "get" ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
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
function check(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.join("."), message }));
  const summary = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; ");
  throw new OracleError("VALIDATION_FAILED", summary, { cause: issues });
}

/** Aborts when the caller hangs up before the answer, so that nobody works or pays for an answer that cannot arrive. */
function abortWhenGone(response: Response): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableEnded) controller.abort(new OracleError("TIMED_OUT", "the caller hung up"));
  });
  return controller.signal;
}
