/** Table `mention`: comments and reactions about what we rate, as they were read. */
import type { Mention } from "../../core/inbox/mention.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Database, translated } from "./connect.ts";

export type StoredMention = Mention & {
  eventId: string;
  author: string;
  createdAt: UnixSeconds;
  expiresAt: UnixSeconds | undefined;
};

/** What nobody counts is kept for so long, in case its author comes to count; and no more of it in all. */
const UNCOUNTED_KEPT_SEC = 30 * 86_400;
const MOST_UNCOUNTED = 100_000;
/** Of one author: the newest. */
const MOST_OF_AUTHOR = 200;
const SWEPT_AT_ONCE = 5_000;

const SAVE = `
  INSERT INTO mention (event_id, kind, author, subject, likes, created_at, expires_at, seen_at)
  SELECT event_id, kind, author, subject, likes, created_at, expires_at, $2::bigint
  FROM jsonb_to_recordset($1::jsonb) AS m(event_id text, kind int, author text, subject text, likes boolean, created_at bigint,
    expires_at bigint, node_key text, url_hash text)
  WHERE EXISTS (SELECT 1 FROM node n WHERE n.node_key = decode(m.node_key, 'hex'))
    OR EXISTS (SELECT 1 FROM endpoint e WHERE e.url_hash = m.url_hash AND e.removed_at IS NULL)
  ON CONFLICT DO NOTHING`;

const SWEEP = `
  DELETE FROM mention WHERE event_id IN (
    SELECT event_id FROM mention WHERE author NOT IN (SELECT pubkey FROM node_operator($2::bigint))
      AND (seen_at < $2::bigint - ${UNCOUNTED_KEPT_SEC} OR seen_at < (
        SELECT seen_at FROM mention ORDER BY seen_at DESC OFFSET ${MOST_UNCOUNTED} LIMIT 1))
    LIMIT $1)`;

/** What one author has beyond the newest goes, so that nobody fills the table alone. */
const TRIM = `
  DELETE FROM mention WHERE event_id IN (
    SELECT event_id FROM (SELECT event_id, row_number() OVER (PARTITION BY author ORDER BY created_at DESC, event_id) AS place
      FROM mention WHERE author = ANY ($1)) ranked WHERE place > ${MOST_OF_AUTHOR})`;

export function mentionTable(database: Database) {
  return {
    /** Writes down what is news and about something that we know. @returns how many were */
    async saveMentions(mentions: readonly StoredMention[], now: UnixSeconds): Promise<number> {
      if (mentions.length === 0) return 0;
      const rows = mentions.map((each) => ({
        event_id: each.eventId,
        kind: each.kind,
        author: each.author,
        subject: each.subject,
        likes: each.likes,
        created_at: each.createdAt,
        expires_at: each.expiresAt ?? null,
        ...("nodeKey" in each ? { node_key: each.nodeKey } : { url_hash: each.urlHash }),
      }));
      const { rowCount } = await translated(database.query(SAVE, [JSON.stringify(rows), now]));
      if (rowCount) await translated(database.query(TRIM, [[...new Set(mentions.map(({ author }) => author))]]));
      return rowCount ?? 0;
    },

    /** Ids of what counts and stands, drawn by chance: what their deletions are asked for by. */
    async standingMentions(limit: number, now: UnixSeconds): Promise<string[]> {
      const text = `SELECT event_id FROM mention WHERE deleted_at IS NULL AND author IN (SELECT pubkey FROM node_operator($2))
        ORDER BY random() LIMIT $1`;
      const { rows } = await translated(database.query(text, [limit, now]));
      return rows.map((row) => row.event_id);
    },

    /** Takes out what its author deleted. It stays as a row: another relay may still show it. */
    async deleteMentions(taken: { author: string; at: UnixSeconds; eventIds: readonly string[] }): Promise<number> {
      const text =
        "UPDATE mention SET deleted_at = $2 WHERE author = $1 AND event_id = ANY ($3) AND deleted_at IS NULL";
      const { rowCount } = await translated(database.query(text, [taken.author, taken.at, taken.eventIds]));
      return rowCount ?? 0;
    },

    /** Forgets what nobody counts, in small steps. */
    async sweepMentions(now: UnixSeconds): Promise<number> {
      const { rowCount } = await translated(database.query(SWEEP, [SWEPT_AT_ONCE, now]));
      return rowCount ?? 0;
    },
  };
}
