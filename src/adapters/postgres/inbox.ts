/** Tables `inbox_cursor`, `label_taken`, `announcement_relay`: how far each relay is read, and what was found where. */
import type { UnixSeconds } from "../../core/units.ts";
import { type Database, translated } from "./connect.ts";

/** `resumeAt` is where a reading that was cut goes on, backwards; it began at `begunAt`. */
export type InboxCursor = {
  readTo: number;
  fromStartAt: number;
  cut?: { begunAt: number; resumeAt: number };
};

/** Labels are told within a day; afterwards they are too old to be read again. */
const LABELS_KEPT_SEC = 3 * 86_400;
const SWEPT_AT_ONCE = 100;

export function inboxTable(database: Database) {
  return {
    /** Where a reading begins; zeros before the first one. */
    async cursor(relay: string, feed: string): Promise<InboxCursor> {
      const text = "SELECT * FROM inbox_cursor WHERE relay = $1 AND feed = $2";
      const { rows } = await translated(database.query(text, [relay, feed]));
      const [row] = rows;
      return {
        readTo: Number(row?.read_to ?? 0),
        fromStartAt: Number(row?.from_start_at ?? 0),
        ...(row?.begun_at != null && { cut: { begunAt: Number(row.begun_at), resumeAt: Number(row.resume_at) } }),
      };
    },

    async moveCursor(relay: string, feed: string, { readTo, fromStartAt, cut }: InboxCursor): Promise<void> {
      const text = `INSERT INTO inbox_cursor (relay, feed, read_to, from_start_at, begun_at, resume_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (relay, feed) DO UPDATE SET read_to = excluded.read_to, from_start_at = excluded.from_start_at,
          begun_at = excluded.begun_at, resume_at = excluded.resume_at`;
      const values = [relay, feed, readTo, fromStartAt, cut?.begunAt ?? null, cut?.resumeAt ?? null];
      await translated(database.query(text, values));
    },

    /** True for whoever looks at a label first, on whichever relay. Forgets labels that cannot come again. */
    async takeLabel(eventId: string, now: UnixSeconds): Promise<boolean> {
      const text = `WITH old AS (DELETE FROM label_taken WHERE event_id IN (
          SELECT event_id FROM label_taken WHERE taken_at < $2::bigint - ${LABELS_KEPT_SEC} LIMIT ${SWEPT_AT_ONCE} FOR UPDATE SKIP LOCKED))
        INSERT INTO label_taken (event_id, taken_at) VALUES ($1, $2::bigint) ON CONFLICT DO NOTHING`;
      const { rowCount } = await translated(database.query(text, [eventId, now]));
      return rowCount === 1;
    },

    /** Notes where the newest version of an announced API was found. */
    async noteRelay(address: string, relay: string, now: UnixSeconds): Promise<void> {
      const text = `INSERT INTO announcement_relay (address, relay, seen_at) VALUES ($1, $2, $3)
        ON CONFLICT (address) DO UPDATE SET relay = excluded.relay, seen_at = excluded.seen_at`;
      await translated(database.query(text, [address, relay, now]));
    },

    /** A label whose report could not be booked by a fault of ours is looked at again. */
    async returnLabel(eventId: string): Promise<void> {
      await translated(database.query("DELETE FROM label_taken WHERE event_id = $1", [eventId]));
    },
  };
}
