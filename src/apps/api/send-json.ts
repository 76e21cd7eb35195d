/** Sends JSON text as it is. Express's own `json` would serialize again what a retry must get byte by byte. */
import type { Response } from "express";

export function sendJson(response: Response, body: string): void {
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}
