/** Table `rate_limit`: how much an address range, and everybody together, may ask for in a minute. */
import { RateLimiterPostgres, RateLimiterRes } from "rate-limiter-flexible";
import { type Database, translated } from "./connect.ts";

export type Taken = { allowed: true } | { allowed: false; retryAfterSec: number };
/** `of` says whose limit refused: that of the address range, or that of all together. */
export type TakenChallenge = { allowed: true } | { allowed: false; retryAfterSec: number; of: "prefix" | "all" };

const WINDOW_SEC = 60;
/** Of the challenges of a minute, one in this many is kept for accounts that were paid for before. */
const TOP_UP_SHARE = 5;

export function challengeLimit(database: Database, limits: { perPrefix: number; global: number }) {
  const byPrefix = limiter(database, "challenge", limits.perPrefix);
  // Strangers cannot use up the part of those who have paid before and want to go on.
  const forTopUps = Math.max(1, Math.floor(limits.global / TOP_UP_SHARE));
  const byStrangers = limiter(database, "challenge-all", Math.max(1, limits.global - forTopUps));
  const byHolders = limiter(database, "challenge-top-ups", forTopUps);

  return {
    /**
     * Counts one challenge against the caller's address range, then against all strangers or all who top up. Shared by all
     * processes.
     */
    async take(addressPrefix: string, isTopUp: boolean): Promise<TakenChallenge> {
      const own = await consume(byPrefix, addressPrefix);
      if (!own.allowed) return { ...own, of: "prefix" };
      const all = await consume(isTopUp ? byHolders : byStrangers, "all");
      return all.allowed ? all : { ...all, of: "all" };
    },
  };
}

/** What else an address range may do in a minute, by name: ask LND whether an invoice was paid, replace a token. */
export function prefixLimit(database: Database, name: string, perPrefix: number) {
  const byPrefix = limiter(database, name, perPrefix);
  /** Counts one more against the caller's address range. Shared by all processes. */
  return { take: (addressPrefix: string): Promise<Taken> => consume(byPrefix, addressPrefix) };
}

function limiter(database: Database, keyPrefix: string, points: number): RateLimiterPostgres {
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

async function consume(limiter: RateLimiterPostgres, key: string): Promise<Taken> {
  try {
    await translated(limiter.consume(key));
    return { allowed: true };
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    return { allowed: false, retryAfterSec: Math.max(1, Math.ceil(refused.msBeforeNext / 1000)) };
  }
}
