/** GET /metrics: Prometheus text, free from loopback, with X-API-Key from elsewhere. */
import { createHash, timingSafeEqual } from "node:crypto";
import { Router } from "express";
import { OracleError } from "../../../core/errors.ts";
import type { Events } from "../../events.ts";

/**
 * `request.ip` is the caller's own address behind a trusted proxy, so nginx in front does not turn everybody into loopback.
 */
export function metricsRouter(events: Events, apiKey: string | undefined): Router {
  const router = Router();
  router.get("/metrics", async (request, response) => {
    const local = /^(::ffff:)?127\.|^::1$/.test(request.ip ?? "");
    if (!local && !keyMatches(request.get("x-api-key"), apiKey)) {
      throw new OracleError("ACCESS_DENIED", "metrics need X-API-Key from outside this machine");
    }
    response.type(events.registry.contentType).send(await events.registry.metrics());
  });
  return router;
}

function keyMatches(given: string | undefined, known: string | undefined): boolean {
  if (given === undefined || known === undefined) return false;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(known));
}
