/**
 * Table `outbox_event`: the newest signed event of each address, and whether it was taken back since.
 * Each verb is one statement, so it holds on a pool and inside a caller's transaction alike.
 */
import { fromHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { contentHash } from "../../core/nip85/content-hash.ts";
import { addressOf, decodeEvent, encodeEvent, type SignedEvent, tagValue } from "../../core/nip85/event.ts";
import { retention } from "../../core/nip85/kinds.ts";
import type { PublishedVersion } from "../../core/nip85/republish.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** A signed event to be sent. `subject` names what it is about, for people; a smaller `priority` goes first. */
export type StagedEvent = { event: SignedEvent; subject: string; priority: number };
/** An older or equal version never replaces a newer one, whichever process comes last. */
const STAGE = `
  WITH staged AS (
    INSERT INTO outbox_event (kind, pubkey, d, event_id, created_at, expires_at, content_hash, subject, priority, body, staged_at)
    SELECT kind, decode(pubkey, 'hex'), d, decode(id, 'hex'), created, expires, decode(hash, 'hex'), subject, priority, body, $11::bigint
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::smallint[], $10::text[])
      AS row(kind, pubkey, d, id, created, expires, hash, subject, priority, body)
    ON CONFLICT (kind, pubkey, d) DO UPDATE SET event_id = excluded.event_id, created_at = excluded.created_at,
      expires_at = excluded.expires_at, content_hash = excluded.content_hash, subject = excluded.subject,
      priority = excluded.priority, body = excluded.body, staged_at = excluded.staged_at, retracted_at = NULL
    WHERE excluded.created_at > greatest(outbox_event.created_at, outbox_event.retracted_at)
    RETURNING outbox_id, event_id
  ), reopened AS (
    UPDATE relay_ack SET event_id = staged.event_id, state = 'pending', attempts = 0, next_try_at = $11::bigint,
      last_answer = NULL, answered_at = NULL
    FROM staged WHERE relay_ack.outbox_id = staged.outbox_id
  )
  SELECT count(*) AS count FROM staged`;

/** One index lookup per address, also while the planner has no statistics and would read the whole table. */
const FIND_PUBLISHED = `
  SELECT found.* FROM unnest($3::text[]) AS wanted(d) CROSS JOIN LATERAL (
    SELECT d, body, encode(content_hash, 'hex') AS hash FROM outbox_event
    WHERE kind = $1 AND pubkey = $2 AND d = wanted.d LIMIT 1
  ) AS found`;

export function outboxTable(database: Queryable) {
  return {
    /** Makes these the current versions, to be sent to every relay. Idempotent. @returns how many were newer than what was there */
    async stage(events: readonly StagedEvent[], now: UnixSeconds): Promise<number> {
      if (events.length === 0) return 0;
      const { rows } = await translated(
        database.query({ name: "outbox-stage", text: STAGE, values: [...columns(events), now] }),
      );
      return Number(rows[0].count);
    },

    /** The current versions under these addresses; an address that was never published is absent. */
    async findPublished(
      key: { kind: number; pubkey: string },
      addresses: readonly string[],
    ): Promise<Map<string, PublishedVersion>> {
      const values = [key.kind, fromHex(key.pubkey), addresses];
      const { rows } = await translated(database.query({ name: "outbox-published", text: FIND_PUBLISHED, values }));
      return new Map(rows.map((row) => [row.d, { event: readBody(row.body), contentHash: row.hash }]));
    },

    /** The signed JSON of the current version under an address; undefined when there is none. */
    async findByAddress(address: { kind: number; pubkey: string; d: string }): Promise<string | undefined> {
      const text = "SELECT body FROM outbox_event WHERE kind = $1 AND pubkey = $2 AND d = $3 AND retracted_at IS NULL";
      const values = [address.kind, fromHex(address.pubkey), address.d];
      const { rows } = await translated(database.query({ name: "outbox-by-address", text, values }));
      return rows[0]?.body;
    },

    /** The signed JSON of a current version by its id; undefined for ids we never signed and versions that were replaced. */
    async findById(id: string): Promise<string | undefined> {
      const text = "SELECT body FROM outbox_event WHERE event_id = $1 AND retracted_at IS NULL";
      const { rows } = await translated(database.query({ name: "outbox-by-id", text, values: [fromHex(id)] }));
      return rows[0]?.body;
    },

    /** The signed JSON of everything current about a subject, newest first. */
    async findBySubject(subject: string): Promise<string[]> {
      const text =
        "SELECT body FROM outbox_event WHERE subject = $1 AND retracted_at IS NULL ORDER BY created_at DESC, event_id LIMIT 20";
      const { rows } = await translated(database.query({ name: "outbox-by-subject", text, values: [subject] }));
      return rows.map((row) => row.body);
    },
  };
}

/** One array per column. Two versions of one address in a batch would be one row touched twice: the newest is kept. */
function columns(staged: readonly StagedEvent[]): unknown[][] {
  const newest = new Map<string, StagedEvent>();
  for (const item of staged) {
    const address = JSON.stringify([item.event.kind, item.event.pubkey, placeOf(item.event)]);
    const other = newest.get(address);
    if (!other || other.event.created_at < item.event.created_at) newest.set(address, item);
  }
  const rows = [...newest.values()];
  const expiresAt = ({ event }: StagedEvent) => Number(tagValue(event, "expiration") ?? 0) || null;
  return [
    rows.map(({ event }) => event.kind),
    rows.map(({ event }) => event.pubkey),
    rows.map(({ event }) => placeOf(event)),
    rows.map(({ event }) => event.id),
    rows.map(({ event }) => event.created_at),
    rows.map(expiresAt),
    rows.map(({ event }) => contentHash(event)),
    rows.map(({ subject }) => subject),
    rows.map(({ priority }) => priority),
    rows.map(({ event }) => encodeEvent(event)),
  ];
}

/** The `d` of its row: its address, or the id of an event that nothing replaces. */
function placeOf(event: SignedEvent): string {
  return retention(event.kind) === "all" ? event.id : addressOf(event);
}

/** @throws INTERNAL */
export function readBody(body: string): SignedEvent {
  const event = decodeEvent(body);
  if (!event) throw new OracleError("INTERNAL", "the outbox holds a body that is no event");
  return event;
}
