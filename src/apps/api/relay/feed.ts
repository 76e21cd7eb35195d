/** What becomes news in the outbox, whoever staged it, told once and in the order it was committed. */
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import type { Moment } from "../../../adapters/postgres/moment.ts";
import type { NewsCursor } from "../../../adapters/postgres/relay.ts";
import { NEWS_EVENTS, POLL_MS } from "./bounds.ts";
import type { NewEvent, RelayPorts } from "./ports.ts";

const MAX_PAUSE_MS = 2_000;

export type Feed = Awaited<ReturnType<typeof startFeed>>;

/** Follows until stopped, also over restarts of Postgres. `onLost`: the database is not the one that was followed, so anything may be missing. */
export async function startFeed(
  { news, look, now, events }: Pick<RelayPorts, "news" | "look" | "now" | "events">,
  { tell, onLost }: { tell(event: NewEvent): void; onLost(): void },
) {
  const stopping = new AbortController();
  let since: Moment | undefined;
  let cursor: NewsCursor | undefined;

  /** Reads on from where it stands; a page that was told is not read again. */
  async function readOn(): Promise<void> {
    since ??= await look();
    do {
      const page = await news(since, { cursor, size: NEWS_EVENTS, now: now() });
      if (page.moment.next < since.next) {
        // Postgres counts transactions upwards: this one has been put back to an earlier state, or another one stands in its place.
        [since, cursor] = [undefined, undefined];
        onLost();
        return;
      }
      for (const event of page.events) tell(event);
      cursor = page.next;
      if (cursor) await nextTurn();
      else since = page.moment;
    } while (cursor && !stopping.signal.aborted);
  }

  let wait = POLL_MS;
  const step = async () => {
    try {
      await readOn();
      wait = POLL_MS;
    } catch (error) {
      if (wait === POLL_MS) events.failed("relay news", error);
      wait = Math.min(2 * wait, MAX_PAUSE_MS);
    }
  };
  await step();
  const following = (async () => {
    while (!stopping.signal.aborted) {
      await pause(wait, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (!stopping.signal.aborted) await step();
    }
  })();

  return {
    /** Whether what is staged from now on will be told. */
    isFollowing: () => since !== undefined,
    async stop(): Promise<void> {
      stopping.abort();
      await following;
    },
  };
}
