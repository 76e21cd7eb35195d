/** Table `feed`: which documents list endpoints, when each is read next, and how far the reading that is under way has come. */
import type { Listing } from "../../core/endpoint/listing.ts";
import { type FeedForm, HOST_DOCUMENTS, HOST_FORMS } from "../../core/feed/forms.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, translated } from "./connect.ts";
import { lockCatalogue } from "./endpoint.ts";
import { type BatchResult, endListings, type HostCaps, saveListings } from "./listing.ts";

export type FeedName = { url: string; form: FeedForm };

/** A reading under way: what `place` items and `pages` pages of it have come to. Validators are those of the last whole one. */
export type FeedRun = FeedName & {
  run: bigint;
  startedAt: UnixSeconds;
  place: number;
  pages: number;
  isPartial: boolean;
  pageDigest: Uint8Array | undefined;
  etag: string | undefined;
  lastModified: string | undefined;
  /** Tries of the next page that came to nothing. */
  failures: number;
  /** Whether anything in the catalogue rests on this document. */
  isListing: boolean;
};

export type FeedPage = {
  listings: readonly (Listing & { version?: number })[];
  items: number;
  digest: Uint8Array;
  /** Not all of its items were looked at: the reading will not be whole. */
  isCut: boolean;
};
export type FeedEnd = { etag?: string | undefined; lastModified?: string | undefined; nextAt: UnixSeconds };

/** A reading takes no longer than this; one that was left lying is begun anew, since a list moves on. */
const RUN_SEC = 6 * 3_600;

const TAKE = `
  UPDATE feed SET run = run + (fresh.is_fresh)::int, started_at = CASE WHEN fresh.is_fresh THEN $1::bigint ELSE started_at END,
    place = CASE WHEN fresh.is_fresh THEN 0 ELSE place END, pages = CASE WHEN fresh.is_fresh THEN 0 ELSE pages END,
    is_partial = CASE WHEN fresh.is_fresh THEN false ELSE is_partial END,
    page_digest = CASE WHEN fresh.is_fresh THEN NULL ELSE page_digest END, next_at = $1::bigint + $2::bigint
  FROM (SELECT feed, started_at IS NULL OR started_at < $1::bigint - ${RUN_SEC} AS is_fresh FROM feed
      WHERE next_at <= $1::bigint AND form = ANY ($3) ORDER BY form = ANY ($4), next_at, feed LIMIT 1 FOR UPDATE SKIP LOCKED) AS fresh
  WHERE feed.feed = fresh.feed
  RETURNING feed.*, EXISTS (SELECT 1 FROM endpoint_listing l WHERE l.feed = feed.feed AND l.gone_at IS NULL) AS is_listing`;

/** Scheme, host and port of a URL. */
const ORIGIN = (column: string) => `substring(${column} FROM '^https?://[^/?#]+')`;

const ENROL_HOSTS = `
  INSERT INTO feed (feed, form, next_at)
  SELECT origin || document.path, document.form, $3::bigint
  FROM (SELECT DISTINCT ${ORIGIN("url")} AS origin FROM endpoint WHERE removed_at IS NULL) AS live
    CROSS JOIN unnest($1::text[], $2::text[]) AS document(form, path)
  WHERE octet_length(origin || document.path) <= 2048
  ON CONFLICT DO NOTHING`;

const FORGET_HOSTS = `
  DELETE FROM feed WHERE form = ANY ($1) AND NOT feed = ANY ($2)
    AND NOT EXISTS (SELECT 1 FROM endpoint_listing l WHERE l.feed = feed.feed AND l.gone_at IS NULL)
    AND ${ORIGIN("feed")} NOT IN (SELECT ${ORIGIN("url")} FROM endpoint WHERE removed_at IS NULL)`;

export function feedTable(database: Database) {
  const change = async (text: string, values: unknown[]) =>
    (await translated(database.query(text, values))).rowCount ?? 0;
  return {
    /** Enters documents that are to be read; known ones stay as they are. */
    async enrol(feeds: readonly FeedName[], now: UnixSeconds): Promise<void> {
      const text = `INSERT INTO feed (feed, form, next_at) SELECT url, form, $3::bigint FROM unnest($1::text[], $2::text[]) AS row(url, form)
        ON CONFLICT DO NOTHING`;
      await change(text, [feeds.map(({ url }) => url), feeds.map(({ form }) => form), now]);
    },

    /** Enters the documents of every host that has endpoints, and forgets those of hosts that have none; `kept` stay. */
    async enrolHosts(kept: readonly string[], now: UnixSeconds): Promise<void> {
      await change(ENROL_HOSTS, [HOST_FORMS, Object.values(HOST_DOCUMENTS), now]);
      await change(FORGET_HOSTS, [HOST_FORMS, kept]);
    },

    /** Ends what feeds of these forms list that are not to be read any more. @returns how many feeds there were */
    async dropOthers(forms: readonly FeedForm[], kept: readonly string[], now: UnixSeconds): Promise<number> {
      return inTransaction(database, async (client) => {
        await lockCatalogue(client);
        const text = "DELETE FROM feed WHERE form = ANY ($1) AND NOT feed = ANY ($2) RETURNING feed, run";
        const { rows } = await client.query(text, [forms, kept]);
        for (const { feed, run } of rows) await endListings(client, feed, run + 1n, now);
        return rows.length;
      });
    },

    /**
     * The list that has waited longest, or else the document of a host: for `leaseSec` nobody else reads it. Its reading goes on,
     * or begins. Undefined when none is due.
     */
    async take(forms: readonly FeedForm[], leaseSec: number, now: UnixSeconds): Promise<FeedRun | undefined> {
      const { rows } = await translated(
        database.query({ name: "feed-take", text: TAKE, values: [now, leaseSec, forms, HOST_FORMS] }),
      );
      return rows[0] && runOf(rows[0]);
    },

    /** Stores a page and moves on, both or neither. Undefined when somebody else has moved on meanwhile. */
    async savePage(at: FeedRun, page: FeedPage, caps: HostCaps, now: UnixSeconds): Promise<BatchResult | undefined> {
      return inTransaction(database, async (client) => {
        await lockCatalogue(client);
        const text = `UPDATE feed SET place = place + $4, pages = pages + 1, page_digest = $5, is_partial = is_partial OR $6,
            failures = 0, last_failure = NULL
          WHERE feed = $1 AND run = $2 AND pages = $3`;
        const { rowCount } = await client.query(text, [at.url, at.run, at.pages, page.items, page.digest, page.isCut]);
        if (rowCount === 0) return undefined;
        const { url: feed, run, startedAt } = at;
        return saveListings(client, { feed, run, startedAt, listings: page.listings, caps, now });
      });
    },

    /** Goes on behind a page that cannot be had: the reading will not be whole. */
    async skipPage(at: FeedRun, items: number): Promise<void> {
      const text = `UPDATE feed SET place = place + $4, pages = pages + 1, is_partial = true, failures = 0
        WHERE feed = $1 AND run = $2 AND pages = $3`;
      await change(text, [at.url, at.run, at.pages, items]);
    },

    /** Ends a reading. What a whole one did not meet is gone. */
    async complete(at: FeedRun, isWhole: boolean, end: FeedEnd, now: UnixSeconds) {
      return inTransaction(database, async (client) => {
        await lockCatalogue(client);
        const text = `UPDATE feed SET started_at = NULL, failures = 0, last_failure = NULL, completed_at = $4, next_at = $5,
          etag = $6, last_modified = $7 WHERE feed = $1 AND run = $2 AND pages = $3`;
        const validators = isWhole ? [end.etag ?? null, end.lastModified ?? null] : [null, null];
        const { rowCount } = await client.query(text, [at.url, at.run, at.pages, now, end.nextAt, ...validators]);
        if (rowCount === 0 || !isWhole) return { ended: 0, removed: 0 };
        return endListings(client, at.url, at.run, now);
      });
    },

    /** Ends a reading that found everything as it was: the document says that it has not changed. */
    async unchanged(at: FeedRun, nextAt: UnixSeconds, now: UnixSeconds): Promise<void> {
      return inTransaction(database, async (client) => {
        await lockCatalogue(client);
        const text = `UPDATE feed SET started_at = NULL, failures = 0, last_failure = NULL, completed_at = $3, next_at = $4
          WHERE feed = $1 AND run = $2`;
        const { rowCount } = await client.query(text, [at.url, at.run, now, nextAt]);
        if (rowCount === 0) return;
        const seen = "UPDATE endpoint_listing SET run = $2, seen_at = $3 WHERE feed = $1 AND gone_at IS NULL";
        await client.query(seen, [at.url, at.run, now]);
      });
    },

    /** Leaves a reading where it is, to go on later. */
    async fail(at: FeedRun, why: string, nextAt: UnixSeconds): Promise<void> {
      const text =
        "UPDATE feed SET failures = failures + 1, last_failure = $3, next_at = $4 WHERE feed = $1 AND run = $2";
      await change(text, [at.url, at.run, why.slice(0, 200), nextAt]);
    },

    /** Lets others have their turn. */
    async leave(at: FeedRun, nextAt: UnixSeconds): Promise<void> {
      await change("UPDATE feed SET next_at = $3 WHERE feed = $1 AND run = $2", [at.url, at.run, nextAt]);
    },
  };
}

function runOf(row: Record<string, unknown>): FeedRun {
  const text = (name: string) => (row[name] as string | null) ?? undefined;
  return {
    url: row["feed"] as string,
    form: row["form"] as FeedForm,
    run: row["run"] as bigint,
    startedAt: unixSeconds(Number(row["started_at"])),
    place: row["place"] as number,
    pages: row["pages"] as number,
    isPartial: row["is_partial"] as boolean,
    pageDigest: row["page_digest"] === null ? undefined : new Uint8Array(row["page_digest"] as Buffer),
    etag: text("etag"),
    lastModified: text("last_modified"),
    failures: row["failures"] as number,
    isListing: row["is_listing"] as boolean,
  };
}
