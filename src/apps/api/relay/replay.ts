/** What is stored for a request that has to be searched, page by page, each read once the client has room for it. */
import type { ScanCursor, ScannedEvent, ScanPage } from "../../../adapters/postgres/relay.ts";
import { createQuota } from "../../../core/relay/quota.ts";
import { LIMITS, PAGE_EVENTS } from "./bounds.ts";
import type { Gate } from "./gate.ts";
import type { RelayPorts } from "./ports.ts";
import type { Subscription } from "./subscription.ts";

/** Sends it all. @returns the hint for the end; undefined when nobody waits for it any more. @throws Busy, DATABASE_UNAVAILABLE */
export async function replay(
  subscription: Subscription,
  { scan, now, gate, onSent }: Pick<RelayPorts, "scan" | "now"> & { gate: Gate; onSent(count: number): void },
): Promise<"finish" | "more" | undefined> {
  const { filters, outlet } = subscription;
  const quota = createQuota(filters, LIMITS);
  const size = PAGE_EVENTS + filters.length;
  const read = (after: ScanCursor | undefined) => {
    const wanted = filters.map((_, place) => quota.wanted(place));
    return gate.pass(() => scan(filters, { wanted, size, after, now: now() }));
  };
  let reading: Promise<ScanPage> | undefined;
  for (let after: ScanCursor | undefined; ; ) {
    if (!reading) await outlet.room();
    if (subscription.isClosed || !outlet.isOpen()) return undefined;
    const page = await (reading ?? read(after));
    if (subscription.isClosed) return undefined;
    subscription.lookedAt(page.moment);
    const groups = groupById(page.events);
    const isLast = page.events.length < size;
    // Its other matches may be on the next page, which then begins with it.
    if (!isLast) groups.pop();
    const taken = groups.filter(({ createdAt, places }) => quota.take(createdAt, places));
    const last = groups.at(-1);
    const isEnd = isLast || !last || filters.every((_, place) => quota.wanted(place) === 0);
    if (last) after = { createdAt: last.createdAt, id: last.id, moment: page.moment };
    // Postgres reads while this page goes out; not while the client is behind.
    reading = isEnd || outlet.isFull() ? undefined : read(after);
    reading?.catch(() => undefined);
    outlet.send(taken.map(({ body }) => subscription.frame(body)));
    onSent(taken.length);
    if (isEnd) return quota.hint();
  }
}

type Group = { id: string; createdAt: number; body: string; places: number[] };

/** Each event once, with the places of the filters that match it. */
function groupById(events: readonly ScannedEvent[]): Group[] {
  const groups: Group[] = [];
  for (const { id, createdAt, body, place } of events) {
    const last = groups.at(-1);
    if (last?.id === id) last.places.push(place);
    else groups.push({ id, createdAt, body, places: [place] });
  }
  return groups;
}
