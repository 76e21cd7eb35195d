/**
 * Requests that name what they want, answered together: those that arrive while a statement runs share the next one. A thousand clients
 * that each ask for one subject cost a few statements, and not a thousand.
 */
import type { Moment } from "../../../adapters/postgres/moment.ts";
import { chooseStored } from "../../../core/relay/choose-stored.ts";
import type { Filter } from "../../../core/relay/filter.ts";
import type { ListedEvent } from "../../../core/relay/listed-event.ts";
import { type Points, pointsOf } from "../../../core/relay/points.ts";
import { createSubscriptionIndex } from "../../../core/relay/subscription-index.ts";
import { LIMITS, LOOK_UPS_AT_ONCE, MAX_FOUND, MAX_POINTS, MAX_WAITING_REQUESTS, SHARED_POINTS } from "./bounds.ts";
import { Busy } from "./gate.ts";
import type { RelayPorts } from "./ports.ts";

/** All that is stored for one request. */
export type Stored = { events: ListedEvent[]; hint: "finish" | "more"; moment: Moment };
type Asked = {
  filters: readonly Filter[];
  points: Points;
  resolve(stored: Stored | undefined): void;
  reject(error: unknown): void;
};

/** The points of a request, or undefined when one of its filters has none: then it is searched. */
export function pointsOfAll(filters: readonly Filter[]): Points | undefined {
  const all = filters.map(pointsOf);
  if (!all.every((points) => points !== undefined)) return undefined;
  const [ids, words] = [all.flatMap((points) => points.ids), all.flatMap((points) => points.words)];
  return ids.length + words.length <= MAX_POINTS ? { ids, words } : undefined;
}

export function createLookUps({ lookUp, now }: Pick<RelayPorts, "lookUp" | "now">) {
  const queue: Asked[] = [];
  let running = 0;

  async function run(batch: readonly Asked[]): Promise<void> {
    const points = {
      ids: [...new Set(batch.flatMap((asked) => asked.points.ids))],
      words: [...new Set(batch.flatMap((asked) => asked.points.words))],
    };
    const { events, moment, complete } = await lookUp(points, { limit: MAX_FOUND, now: now() });
    const candidates = complete ? share(batch, events) : new Map<Asked, ListedEvent[]>();
    for (const asked of batch) {
      const stored = complete && chooseStored(asked.filters, candidates.get(asked) ?? [], LIMITS);
      asked.resolve(stored ? { ...stored, moment } : undefined);
    }
  }

  function start(): void {
    while (running < LOOK_UPS_AT_ONCE && queue.length > 0) {
      const batch = takeBatch(queue);
      running += 1;
      run(batch)
        .catch((error: unknown) => {
          for (const { reject } of batch) reject(error);
        })
        .finally(() => {
          running -= 1;
          start();
        });
    }
  }

  return {
    get waiting(): number {
      return queue.length;
    },
    /** The answer; undefined when so much was found that it has to be searched instead. @throws Busy, DATABASE_UNAVAILABLE */
    ask(filters: readonly Filter[], points: Points): Promise<Stored | undefined> {
      if (queue.length >= MAX_WAITING_REQUESTS) return Promise.reject(new Busy());
      return new Promise((resolve, reject) => {
        queue.push({ filters, points, resolve, reject });
        // Not before the messages that arrived with this one have been read.
        setImmediate(start);
      });
    },
  };
}

/** As many as fit one statement, at least one. */
function takeBatch(queue: Asked[]): Asked[] {
  let [count, points] = [0, 0];
  for (const asked of queue) {
    points += asked.points.ids.length + asked.points.words.length;
    if (count > 0 && points > SHARED_POINTS) break;
    count += 1;
  }
  return queue.splice(0, count);
}

/** What was found, by who may want it. */
function share(batch: readonly Asked[], events: readonly ListedEvent[]): Map<Asked, ListedEvent[]> {
  const index = createSubscriptionIndex<Asked>();
  for (const asked of batch) index.add(asked, asked.filters);
  const found = new Map<Asked, ListedEvent[]>();
  for (const event of events) {
    for (const asked of index.find(event)) found.set(asked, [...(found.get(asked) ?? []), event]);
  }
  return found;
}
