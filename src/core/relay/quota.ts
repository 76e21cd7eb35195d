/** How many stored events a request gets: each filter its newest, up to its limit, and each event once. Sources: NIP-01, NIP-67. */
import type { Filter } from "./filter.ts";

/** `default` holds where a filter gives no limit, `max` where it gives a larger one. */
export type Limits = { default: number; max: number };

export type Quota = ReturnType<typeof createQuota>;

/**
 * Counts events of one request as they come, newest first.
 *
 * Where the limit is ours and not the client's, the answer goes on to the end of the second it would stop in: a client that goes on with
 * `until` would otherwise never see the rest of that second. It never goes beyond `max`.
 */
export function createQuota(filters: readonly Filter[], limits: Limits) {
  const states = filters.map(({ limit }) => ({
    left: Math.min(limit ?? limits.default, limits.max),
    ties: limit === undefined ? limits.max - Math.min(limits.default, limits.max) : 0,
    lastAt: Number.NaN,
    overrun: false,
  }));
  let withheld = false;

  function takeFor(state: (typeof states)[number], createdAt: number): boolean {
    if (state.left > 0) state.left -= 1;
    else if (state.ties > 0 && createdAt === state.lastAt) state.ties -= 1;
    else {
      state.overrun = true;
      return false;
    }
    state.lastAt = createdAt;
    return true;
  }

  return {
    /** Whether an event goes out that the filters at these places match. To be asked once for each event, in order. */
    take(createdAt: number, places: readonly number[]): boolean {
      let taken = false;
      for (const place of places) taken = takeFor(states[place]!, createdAt) || taken;
      if (!taken && places.length > 0) withheld = true;
      return taken;
    },

    /** How many more events are worth asking for on behalf of this filter: one beyond its quota shows that there are more. */
    wanted(place: number): number {
      const { left, ties, overrun } = states[place]!;
      return overrun ? 0 : left + ties + 1;
    },

    /** The hint of the EOSE, once everything that was wanted has been seen. */
    hint: (): "finish" | "more" => (withheld ? "more" : "finish"),
  };
}
