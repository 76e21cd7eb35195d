/**
 * What every request passes first, in one step: its id, its headers, the bound on how many are answered at once. One step,
 * because each further layer of Express costs as much as the step itself.
 */
import { randomUUID } from "node:crypto";
import type { RequestHandler } from "express";
import helmet, { type HelmetOptions } from "helmet";
import { OracleError } from "../../core/errors.ts";
import type { Events } from "../events.ts";

/** What a browser may read of an answer, and send with a request, to run the whole 402 flow. */
const EXPOSED =
  "WWW-Authenticate, Retry-After, X-Request-Id, X-SatRank-Cost-Msat, X-SatRank-Balance-Msat, Idempotency-Replayed, Link";
const ACCEPTED =
  "Authorization, Content-Type, Accept-Authenticate, Accept-Payment, Grpc-Metadata-Macaroon, X-Operator-Token, Idempotency-Key";
/** Nothing here is a page: whatever a browser makes of an answer may load nothing. TLS, and HSTS with it, is the proxy's. */
const SECURITY: HelmetOptions = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  crossOriginResourcePolicy: { policy: "cross-origin" },
  strictTransportSecurity: false,
  // These speak to pages and plug-ins, or say again what the policy above says.
  crossOriginOpenerPolicy: false,
  xFrameOptions: false,
  referrerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};
/** Where every answer, a 402 included, says what else is sold here. */
const LINKS = '</.well-known/l402.json>; rel="l402-manifest", </api/openapi.json>; rel="service-desc"';
const ONE_DAY_SEC = "86400";
/** Beyond so many requests at once, a stranger who pipelines and never reads would starve everybody else. */
const MAX_IN_FLIGHT = 1_000;

export function prelude({ events, isStopping }: { events: Events; isStopping: () => boolean }): RequestHandler {
  const headers: [string, string][] = [...securityHeaders(), ["Link", LINKS], ["Access-Control-Allow-Origin", "*"]];
  let inFlight = 0;

  return (request, response, next) => {
    const startedAt = performance.now();
    const requestId = idOf(request.headers["x-request-id"]);
    response.locals["requestId"] = requestId;
    response.setHeader("X-Request-Id", requestId);
    for (const [name, value] of headers) response.setHeader(name, value);
    // Only a browser asks what it may read.
    if (request.headers.origin !== undefined) response.setHeader("Access-Control-Expose-Headers", EXPOSED);
    inFlight += 1;
    response.once("close", () => {
      inFlight -= 1;
      const operation = String(response.locals["operation"] ?? "unknown");
      // The status of an answer that nobody waited for was never sent.
      // To a caller that speaks gRPC a problem is an HTTP 200: what is counted is the problem.
      const status = response.writableFinished ? Number(response.locals["status"] ?? response.statusCode) : 499;
      events.request(operation, status, (performance.now() - startedAt) / 1000);
    });
    if (isStopping()) {
      // While draining, a kept-alive socket may still bring a request: it is told to come back elsewhere.
      response.setHeader("Connection", "close");
      throw new OracleError("SHUTTING_DOWN", "this process is stopping; send the request again");
    }
    if (inFlight > MAX_IN_FLIGHT) throw new OracleError("OVERLOADED", "too many requests are being answered");
    if (request.method !== "OPTIONS") return next();
    response.setHeader("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
    response.setHeader("Access-Control-Allow-Headers", ACCEPTED);
    response.setHeader("Access-Control-Max-Age", ONE_DAY_SEC);
    response.status(204).end();
  };
}

/** The id under which the logs know a request; a proxy's is kept when it is harmless text, and no secret sent by mistake. */
function idOf(given: string | string[] | undefined): string {
  const harmless = typeof given === "string" && /^[\w.-]{1,64}$/.test(given) && !given.startsWith("sro_");
  return harmless ? given : randomUUID();
}

/** What helmet sets is the same for every answer, so it is asked once. */
function securityHeaders(): [string, string][] {
  const headers: [string, string][] = [];
  const recorder = { setHeader: (name: string, value: string) => headers.push([name, value]), removeHeader() {} };
  helmet(SECURITY)({} as never, recorder as never, (error) => {
    if (error) throw error;
  });
  return headers;
}
