/** Table `rate_limit`: how many challenges an address range, and everybody together, may ask for in a minute. */
import { RateLimiterPostgres, RateLimiterRes } from "rate-limiter-flexible";
import { type Database, translated } from "./connect.ts";

export type Taken = { allowed: true } | { allowed: false; retryAfterSec: number };

const WINDOW_SEC = 60;

export function challengeLimit(database: Database, limits: { perPrefix: number; global: number }) {
  const limiter = (keyPrefix: string, points: number) =>
    new RateLimiterPostgres({
      storeClient: database,
      tableName: "rate_limit",
      tableCreated: true,
      keyPrefix,
      points,
      duration: WINDOW_SEC,
    });
  const byPrefix = limiter("challenge", limits.perPrefix);
  const byAll = limiter("challenge-all", limits.global);

  return {
    /** Counts one challenge against the caller's address range, then against everybody. Shared by all processes. */
    async take(addressPrefix: string): Promise<Taken> {
      const own = await consume(byPrefix, addressPrefix);
      return own.allowed ? consume(byAll, "all") : own;
    },
  };
}

async function consume(limiter: RateLimiterPostgres, key: string): Promise<Taken> {
  try {
    await translated(limiter.consume(key));
    return { allowed: true };
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    return { allowed: false, retryAfterSec: Math.max(1, Math.ceil(refused.msBeforeNext / 1000)) };
  }
}
