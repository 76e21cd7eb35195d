/** What an address range may do in a minute and no more. */
import type { Request, Response } from "express";
import { OracleError } from "../../core/errors.ts";
import { addressOf, addressPrefix } from "./address.ts";

/** Counts one more against an address range. */
export type TakeOne = (prefix: string) => Promise<{ allowed: true } | { allowed: false; retryAfterSec: number }>;

export type LimitPorts = { events: { limited(limit: string): void } };

/** Counts a request; `name` is what the metrics call the limit. @throws RATE_LIMITED with Retry-After set */
export async function holdToLimit(
  ports: LimitPorts,
  name: string,
  take: TakeOne,
  request: Request,
  response: Response,
): Promise<void> {
  const taken = await take(addressPrefix(addressOf(request)));
  if (taken.allowed) return;
  ports.events.limited(name);
  response.set("Retry-After", String(taken.retryAfterSec));
  throw new OracleError("RATE_LIMITED", "too many of these from here in a minute; wait");
}
