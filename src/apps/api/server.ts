/** The Express application: what every request passes, then the operations, then the problems. */
import { randomUUID } from "node:crypto";
import express, { type Express, type RequestHandler, type Router } from "express";
import helmet, { type HelmetOptions } from "helmet";
import { OracleError } from "../../core/errors.ts";
import type { Events } from "../events.ts";
import { errorHandler } from "./problem.ts";

/** What a browser may read of an answer, and send with a request, to run the whole 402 flow. */
const EXPOSED = "WWW-Authenticate, Retry-After, X-Request-Id, X-SatRank-Cost-Msat, X-SatRank-Balance-Msat, Link";
const ACCEPTED =
  "Authorization, Content-Type, Accept-Authenticate, Accept-Payment, Grpc-Metadata-Macaroon, X-Operator-Token, Idempotency-Key";
/** Nothing here is a page: whatever a browser makes of an answer may load nothing. TLS, and HSTS with it, is the proxy's. */
const HEADERS: HelmetOptions = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  crossOriginResourcePolicy: { policy: "cross-origin" },
  strictTransportSecurity: false,
};
/** Where every answer, a 402 included, says what else is sold here. */
const LINKS = '</.well-known/l402.json>; rel="l402-manifest", </api/openapi.json>; rel="service-desc"';
const ONE_DAY_SEC = "86400";

export function createServer(
  options: { trustProxy: string; events: Events; isStopping: () => boolean },
  routers: Router[],
): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  app.set("trust proxy", options.trustProxy);
  app.set("query parser", "simple");
  app.use(identified(options.events));
  app.use(helmet(HEADERS));
  app.use(crossOrigin);
  app.use(refuseWhileStopping(options.isStopping));
  app.use(boundedInFlight());
  for (const router of routers) app.use(router);
  app.use((request) => {
    throw new OracleError("ROUTE_UNKNOWN", `${request.method} ${request.path} is not offered; see /api/openapi.json`);
  });
  app.use(errorHandler(options.events));
  return app;
}

/** Every answer carries the id under which the logs know it; a proxy's id is kept when it is harmless text. */
function identified(events: Events): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    const given = request.get("x-request-id");
    const requestId = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
    response.locals["requestId"] = requestId;
    response.set("X-Request-Id", requestId);
    response.once("finish", () => {
      const operation = String(response.locals["operation"] ?? "unknown");
      events.request(operation, response.statusCode, (performance.now() - startedAt) / 1000);
    });
    next();
  };
}

const crossOrigin: RequestHandler = (request, response, next) => {
  response.set("Link", LINKS);
  response.set("Access-Control-Allow-Origin", "*").set("Access-Control-Expose-Headers", EXPOSED);
  if (request.method !== "OPTIONS") return next();
  response
    .set("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
    .set("Access-Control-Allow-Headers", ACCEPTED);
  response.set("Access-Control-Max-Age", ONE_DAY_SEC).status(204).end();
};

/** While draining, a kept-alive socket may still bring a request: it is told to come back elsewhere. */
function refuseWhileStopping(isStopping: () => boolean): RequestHandler {
  return (_request, response, next) => {
    if (!isStopping()) return next();
    response.set("Connection", "close");
    throw new OracleError("SHUTTING_DOWN", "this process is stopping; send the request again");
  };
}

/** Beyond so many requests at once, a stranger who pipelines and never reads would starve everybody else. */
const MAX_IN_FLIGHT = 1_000;

function boundedInFlight(): RequestHandler {
  let inFlight = 0;
  return (_request, response, next) => {
    if (inFlight >= MAX_IN_FLIGHT) throw new OracleError("OVERLOADED", "too many requests are being answered");
    inFlight += 1;
    response.once("close", () => {
      inFlight -= 1;
    });
    next();
  };
}
