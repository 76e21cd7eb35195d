/** One REQ of one client: first what is stored, then what becomes news, each event once. */
import type { Moment } from "../../../adapters/postgres/moment.ts";
import type { Filter } from "../../../core/relay/filter.ts";
import { weightOf } from "../../../core/relay/filter.ts";
import type { Outlet } from "./outlet.ts";
import type { NewEvent } from "./ports.ts";

export type Subscription = ReturnType<typeof createSubscription>;

/** What the events that wait for slow clients share. */
export type WaitingRoom = { enter(count: number): boolean; leave(count: number): void };

export function createSubscription({
  id,
  filters,
  outlet,
  waitingRoom,
  onSent,
}: {
  id: string;
  filters: readonly Filter[];
  outlet: Outlet;
  waitingRoom: WaitingRoom;
  onSent(count: number): void;
}) {
  const head = `["EVENT",${JSON.stringify(id)},`;
  let waiting: NewEvent[] = [];
  /** When the stored part was looked up: what it shows is no news. */
  let moment: Moment | undefined;
  let isLive = false;
  let isClosed = false;

  function flush(): void {
    if (!isLive || isClosed) return;
    let count = 0;
    while (count < waiting.length && !outlet.isFull()) {
      const part = waiting.slice(count, count + FLUSHED_AT_ONCE);
      outlet.send(part.map(({ body }) => frame(body)));
      count += part.length;
    }
    waiting = waiting.slice(count);
    waitingRoom.leave(count);
    onSent(count);
    if (waiting.length > 0) outlet.whenRoom(flush);
  }
  const frame = (body: string) => `${head}${body}]`;

  return {
    id,
    filters,
    outlet,
    weight: filters.reduce((sum, filter) => sum + weightOf(filter), 0),
    get isClosed() {
      return isClosed;
    },
    /** A stored event as a message. */
    frame,
    /** Says when the stored part was looked up. */
    lookedAt(at: Moment): void {
      moment = at;
    },
    /** Ends the stored part, with its last frames: from now on news goes out, what came meanwhile first. */
    goLive(hint: string, frames: readonly string[] = []): void {
      if (isClosed) return;
      outlet.send([...frames, JSON.stringify(["EOSE", id, [hint]])]);
      const seen = waiting.length;
      waiting = waiting.filter(({ change }) => !moment?.includes(change));
      waitingRoom.leave(seen - waiting.length);
      isLive = true;
      if (waiting.length > 0) flush();
    },
    /** @returns false when more waits for this client than is held for anybody */
    tell(event: NewEvent): boolean {
      if (isClosed || moment?.includes(event.change)) return true;
      if (isLive && waiting.length === 0 && !outlet.isFull()) {
        outlet.send([frame(event.body)]);
        onSent(1);
        return true;
      }
      if (!waitingRoom.enter(1)) return false;
      waiting.push(event);
      if (waiting.length === 1 && isLive) outlet.whenRoom(flush);
      return true;
    },
    close(): void {
      isClosed = true;
      waitingRoom.leave(waiting.length);
      waiting = [];
    },
  };
}

const FLUSHED_AT_ONCE = 50;
