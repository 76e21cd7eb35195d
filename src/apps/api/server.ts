/** The Express application: what every request passes, then the operations, then the problems; and the server under it. */
import http from "node:http";
import type { Socket } from "node:net";
import express, { type Express, type Router } from "express";
import { OracleError } from "../../core/errors.ts";
import type { Events } from "../events.ts";
import { prelude } from "./prelude.ts";
import { errorHandler } from "./problem.ts";

export function createApplication(
  options: { trustProxy: string; events: Events; isStopping: () => boolean },
  routers: Router[],
): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  app.set("trust proxy", options.trustProxy);
  app.set("query parser", "simple");
  app.use(prelude(options));
  for (const router of routers) app.use(router);
  app.use((request) => {
    throw new OracleError("ROUTE_UNKNOWN", `${request.method} ${request.path} is not offered; see /api/openapi.json`);
  });
  app.use(errorHandler(options.events));
  return app;
}

/** Node's own objects are of Express's kind from this version on without a cost. */
const SWAPS_CHEAPLY_FROM = 24;

/**
 * An HTTP server for an application.
 *
 * Express gives each request and response another prototype, which on older versions of Node undoes the engine's
 * optimizations: most of the time of a small request goes there. Objects that are born with that prototype need no swap.
 * `born` says whether they are.
 */
export function createHttpServer(
  app: Express,
  options: http.ServerOptions,
  born = Number.parseInt(process.versions.node, 10) < SWAPS_CHEAPLY_FROM,
): http.Server {
  if (!born) return http.createServer(options, app);
  function Request(this: http.IncomingMessage, socket: Socket) {
    (http.IncomingMessage as unknown as Callable).call(this, socket);
  }
  Request.prototype = app.request;
  function Response(this: http.ServerResponse, request: http.IncomingMessage, more: object) {
    (http.ServerResponse as unknown as Callable).call(this, request, more);
  }
  Response.prototype = app.response;
  const kinds = { IncomingMessage: Request, ServerResponse: Response } as unknown as http.ServerOptions;
  return http.createServer({ ...options, ...kinds }, app);
}

type Callable = { call(self: object, ...parameters: unknown[]): void };
