/** Conditional reads: who has the answer already is told so (RFC 9110, 13.1.2). */
import { createHash } from "node:crypto";
import type { Request, Response } from "express";

/** Sends `{data}` with a validator, or 304 to whoever holds the same. @param maxAgeSec for how long it need not be asked again */
export function sendUnlessUnchanged(request: Request, response: Response, data: unknown, maxAgeSec: number): void {
  const body = JSON.stringify({ data });
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 27)}"`;
  response.set("ETag", etag).set("Cache-Control", `public, max-age=${maxAgeSec}`);
  if (holds(request.get("if-none-match"), etag)) response.status(304).end();
  else response.type("application/json").send(body);
}

function holds(given: string | undefined, etag: string): boolean {
  const held = (given ?? "").split(",").map((each) => each.trim().replace(/^W\//, ""));
  return held.includes(etag) || held.includes("*");
}
