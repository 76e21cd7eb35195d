/**
 * Wrong operator credentials per address range and minute, counted in table `rate_limit` for all processes together.
 *
 * A range that has none left is remembered here, so that refusing it costs no query: it is refused before anything is
 * compared, and cannot go on guessing. Other processes learn of it with the next wrong credential that they count.
 */
import { RateLimiterPostgres, RateLimiterRes } from "rate-limiter-flexible";
import { translated } from "./connect.js";

const WINDOW_SEC = 60;
/** Beyond it the range that was remembered first is forgotten, and remembered again at its next wrong credential. */
const MAX_REMEMBERED = 10_000;
export function operatorGuesses(database, limits) {
  const limiter = new RateLimiterPostgres({
    storeClient: database,
    tableName: "rate_limit",
    tableCreated: true,
    keyPrefix: "operator-guess",
    points: limits.perRange,
    duration: WINDOW_SEC,
  });
  const spentUntil = new Map();
  return {
    /** Seconds until this range may present a credential again; 0 when it may. No query. */
    waitSec(addressRange, now) {
      const until = spentUntil.get(addressRange) ?? 0;
      if (until <= now) spentUntil.delete(addressRange);
      return Math.max(0, until - now);
    },
    /** Counts one wrong credential. @returns seconds to wait when this was one too many, otherwise 0 */
    async take(addressRange, now) {
      const { spent, waitMs } = await consume(limiter, addressRange);
      if (!spent) return 0;
      const waitSec = Math.max(1, Math.ceil(waitMs / 1000));
      if (spentUntil.size >= MAX_REMEMBERED) spentUntil.delete(spentUntil.keys().next().value ?? "");
      spentUntil.set(addressRange, now + waitSec);
      return waitSec;
    },
  };
}
async function consume(limiter, key) {
  try {
    await translated(limiter.consume(key));
    return { spent: false, waitMs: 0 };
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    return { spent: true, waitMs: refused.msBeforeNext };
  }
}
//# sourceMappingURL=operator-guess.js.map
