/** Table `mention`, counted: how many people say something of a subject, of those whose word counts (docs/nostr-inbox.md). */
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

export type MentionCount = { comments: number; reactions: number };

/**
 * Whose word counts: whoever proved to run a node that can be paid over an open channel. A key costs nothing; a channel is an
 * output on chain. One voice a key, however many nodes it has.
 */
const VOICES = `
  SELECT DISTINCT o.pubkey FROM node_operator($2::bigint) o JOIN node n ON n.node_key = decode(o.node_key, 'hex')
  WHERE n.live_in_count > 0 AND n.capacity_sat > 0`;

/** Nobody is counted on what is its own. */
const COUNTED = `
  WITH voice AS MATERIALIZED (${VOICES}), newest AS (
    SELECT DISTINCT ON (m.subject, m.kind, m.author) m.subject, m.kind, m.author, m.likes
    FROM mention m JOIN voice v ON v.pubkey = m.author
    WHERE m.subject = ANY ($1) AND m.deleted_at IS NULL AND coalesce(m.expires_at, $2::bigint + 1) > $2::bigint
    ORDER BY m.subject, m.kind, m.author, m.created_at DESC, m.event_id
  )
  SELECT subject, count(*) FILTER (WHERE kind = 1111)::int AS comments, count(*) FILTER (WHERE kind = 17)::int AS reactions
  FROM newest WHERE likes
    AND NOT EXISTS (SELECT 1 FROM node_operator($2::bigint) o WHERE o.pubkey = author AND o.node_key = substring(subject FROM ':node:(0[23][0-9a-f]{64})$'))
    AND NOT EXISTS (SELECT 1 FROM endpoint e WHERE e.url_hash = encode(sha256(convert_to(subject, 'UTF8')), 'hex') AND e.operator = author)
  GROUP BY subject`;

export function mentionCountView(database: Queryable, now: () => UnixSeconds) {
  return {
    /** Of identifiers as assertions name them, those that somebody who counts has spoken of. The others are absent: nobody knows. */
    async mentionsOf(identifiers: readonly string[]): Promise<Map<string, MentionCount>> {
      const { rows } = await translated(database.query(COUNTED, [identifiers, now()]));
      return new Map(rows.map(({ subject, comments, reactions }) => [subject, { comments, reactions }]));
    },
  };
}
