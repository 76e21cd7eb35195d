/** Table `rate_limit`: how much an address range, and everybody together, may ask for in a minute. */
import { RateLimiterPostgres, RateLimiterRes } from "rate-limiter-flexible";
import { translated } from "./connect.js";

const WINDOW_SEC = 60;
export function challengeLimit(database, limits) {
  const byPrefix = limiter(database, "challenge", limits.perPrefix);
  const byAll = limiter(database, "challenge-all", limits.global);
  return {
    /** Counts one challenge against the caller's address range, then against everybody. Shared by all processes. */
    async take(addressPrefix) {
      const own = await consume(byPrefix, addressPrefix);
      return own.allowed ? consume(byAll, "all") : own;
    },
  };
}
/** What else an address range may do in a minute, by name: ask LND whether an invoice was paid, replace a token. */
export function prefixLimit(database, name, perPrefix) {
  const byPrefix = limiter(database, name, perPrefix);
  /** Counts one more against the caller's address range. Shared by all processes. */
  return { take: (addressPrefix) => consume(byPrefix, addressPrefix) };
}
function limiter(database, keyPrefix, points) {
  return new RateLimiterPostgres({
    storeClient: database,
    tableName: "rate_limit",
    tableCreated: true,
    keyPrefix,
    points,
    duration: WINDOW_SEC,
    // Whoever has used up a minute is refused from memory until it is over: a flood costs the database nothing.
    inMemoryBlockOnConsumed: points,
  });
}
async function consume(limiter, key) {
  try {
    await translated(limiter.consume(key));
    return { allowed: true };
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    return { allowed: false, retryAfterSec: Math.max(1, Math.ceil(refused.msBeforeNext / 1000)) };
  }
}
//# sourceMappingURL=rate-limit.js.map
