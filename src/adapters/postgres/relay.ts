/**
 * Table `outbox_event` as our own relay reads it. Each verb is one statement, bounded in rows by its caller and in time by its pool.
 * Events leave as the text that was signed.
 */
import { fromHex } from "../../core/bytes.ts";
import { KIND } from "../../core/nip85/kinds.ts";
import type { Filter } from "../../core/relay/filter.ts";
import { type ListedEvent, listEvent } from "../../core/relay/listed-event.ts";
import type { Points } from "../../core/relay/points.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";
import { type Moment, readMoment } from "./moment.ts";
import { readBody } from "./outbox.ts";
import { conditionsOf, createParameters, isServed } from "./relay-conditions.ts";

/** One stored event that matches the filter at `place`. */
export type ScannedEvent = { place: number; id: string; createdAt: number; body: string };
/** Where a page ended, and the moment that the first one looked. */
export type ScanCursor = { createdAt: number; id: string; moment: Moment };
export type ScanPage = { events: ScannedEvent[]; moment: Moment };
/** An event and the transaction that made it news. */
export type ChangedEvent = ListedEvent & { change: number };
/** `upTo`: the moment that this page and those after it tell of; `after`: the last change that was told. */
export type NewsCursor = { upTo: Moment; after: { change: number; outboxId: bigint } };
export type News = { events: ChangedEvent[]; moment: Moment; next: NewsCursor | undefined };

/** One index lookup for each word: the operator for whole lists reads the table instead as soon as the list is long. */
const LOOK_UP = `
  SELECT pg_current_snapshot()::text AS moment, found.body FROM (VALUES (1)) AS one LEFT JOIN (
    SELECT event.body, event.retracted_at, event.expires_at FROM outbox_event AS event WHERE event_id = ANY($1::bytea[])
    UNION ALL
    SELECT event.* FROM unnest($2::text[]) AS wanted(word) CROSS JOIN LATERAL (
      SELECT body, retracted_at, expires_at FROM outbox_event WHERE relay_words @> ARRAY[wanted.word] OFFSET 0
    ) AS event
  ) AS found ON retracted_at IS NULL AND (expires_at IS NULL OR expires_at > $3::bigint) LIMIT $4`;

/** Rows that `$1` did not see; of those that become visible while pages are read, the next reading tells. */
const NEWS = `
  SELECT pg_current_snapshot()::text AS moment, event.* FROM (VALUES (1)) AS one LEFT JOIN (
    SELECT changed_xid::text AS change, outbox_id, body FROM outbox_event
    WHERE changed_xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(changed_xid, $1::pg_snapshot)
      AND (changed_xid, outbox_id) > ($2::xid8, $3::bigint)
      AND ($4::text IS NULL OR pg_visible_in_snapshot(changed_xid, $4::text::pg_snapshot))
      AND retracted_at IS NULL AND (expires_at IS NULL OR expires_at > $5::bigint)
    ORDER BY changed_xid, outbox_id LIMIT $6
  ) AS event ON true ORDER BY change::xid8, outbox_id`;

/** No row that is there can be younger than every transaction, unless it was restored from the dump of another server. */
const ADOPT = `
  UPDATE outbox_event SET changed_xid = pg_current_xact_id() WHERE changed_xid >= pg_snapshot_xmax(pg_current_snapshot())`;

export function relayTable(database: Queryable) {
  return {
    /**
     * One page of what matches any of the filters, newest first, then lowest id; an event that several match comes once for each.
     * @param wanted for each filter how many events at most; 0 leaves it out
     */
    async scan(
      filters: readonly Filter[],
      {
        wanted,
        size,
        after,
        now,
      }: { wanted: readonly number[]; size: number; after: ScanCursor | undefined; now: UnixSeconds },
    ): Promise<ScanPage> {
      const parameters = createParameters();
      const common = [isServed(parameters, now)];
      if (after) {
        const place = `${parameters.add(-after.createdAt, "bigint")}, ${parameters.add(fromHex(after.id), "bytea")}`;
        common.push(`(-created_at, event_id) > (${place})`);
        common.push(`pg_visible_in_snapshot(changed_xid, ${parameters.add(after.moment.text, "pg_snapshot")})`);
      }
      const parts = filters.flatMap((filter, place) => {
        const limit = Math.min(size, wanted[place]!);
        if (limit === 0) return [];
        return `(SELECT ${place} AS place, event_id, created_at, body FROM outbox_event
          WHERE ${[...common, conditionsOf(filter, parameters)].join(" AND ")}
          ORDER BY -created_at, event_id LIMIT ${parameters.add(limit, "int")})`;
      });
      const text = `SELECT ${after ? "NULL" : "pg_current_snapshot()::text"} AS moment, event.place, encode(event.event_id, 'hex') AS id,
          event.created_at, event.body
        FROM (VALUES (1)) AS one LEFT JOIN (${parts.join(" UNION ALL ")}) AS event ON true
        ORDER BY -event.created_at, event.event_id LIMIT ${parameters.add(size, "int")}`;
      const { rows } = await translated(database.query(text, parameters.values));
      const events = rows.flatMap(({ place, id, created_at, body }) =>
        body === null ? [] : [{ place, id, createdAt: Number(created_at), body }],
      );
      return { events, moment: after?.moment ?? readMoment(rows[0].moment) };
    },

    /** Everything under these ids and words, in any order. `complete` is false when there was more than `limit` of it. */
    async lookUp(
      { ids, words }: Points,
      { limit, now }: { limit: number; now: UnixSeconds },
    ): Promise<{ events: ListedEvent[]; moment: Moment; complete: boolean }> {
      const values = [ids.map(fromHex), words, now, limit + 1];
      const { rows } = await translated(database.query({ name: "relay-look-up", text: LOOK_UP, values }));
      // One that has several of these words was found by each.
      const bodies = new Set<string | null>(rows.map(({ body }) => body));
      const events = [...bodies].flatMap((body) => (body === null ? [] : [listEvent(readBody(body), body)]));
      return { events, moment: readMoment(rows[0].moment), complete: rows.length <= limit };
    },

    /** How many events match any of the filters, each counted once. */
    async count(filters: readonly Filter[], now: UnixSeconds): Promise<number> {
      const parameters = createParameters();
      const served = isServed(parameters, now);
      const any = filters.map((filter) => `(${conditionsOf(filter, parameters)})`).join(" OR ");
      const text = `SELECT count(*) AS count FROM outbox_event WHERE ${served} AND (${any})`;
      const { rows } = await translated(database.query(text, parameters.values));
      return Number(rows[0].count);
    },

    /** The database as it is at this moment, to ask for news since. Rows that came from another server's dump are made this one's. */
    async look(): Promise<Moment> {
      await translated(database.query(ADOPT));
      const { rows } = await translated(database.query("SELECT pg_current_snapshot()::text AS moment"));
      return readMoment(rows[0].moment);
    },

    /** A page of what became news after a moment. `next` is absent with the last page; then `moment` is what to ask from. */
    async news(
      since: Moment,
      { cursor, size, now }: { cursor: NewsCursor | undefined; size: number; now: UnixSeconds },
    ): Promise<News> {
      const { change, outboxId } = cursor?.after ?? { change: 0, outboxId: 0n };
      const values = [since.text, String(change), outboxId, cursor?.upTo.text ?? null, now, size];
      const { rows } = await translated(database.query({ name: "relay-news", text: NEWS, values }));
      const moment = cursor?.upTo ?? readMoment(rows[0].moment);
      const found = rows.filter(({ body }) => body !== null);
      const events = found.map(({ change, body }) => ({ ...listEvent(readBody(body), body), change: Number(change) }));
      const last = found.length < size ? undefined : found.at(-1);
      const next = last && { upTo: moment, after: { change: Number(last.change), outboxId: last.outbox_id } };
      return { events, moment, next };
    },

    /** The key whose word stands over the service keys: who signed the newest list of them, or says which events it handles. */
    async findBrand(): Promise<string | undefined> {
      const text = `SELECT encode(pubkey, 'hex') AS pubkey FROM outbox_event WHERE kind = ANY($1::int[]) AND retracted_at IS NULL
        ORDER BY -created_at, event_id LIMIT 1`;
      const { rows } = await translated(
        database.query({ name: "relay-brand", text, values: [[KIND.providers, KIND.handler]] }),
      );
      return rows[0]?.pubkey;
    },
  };
}
