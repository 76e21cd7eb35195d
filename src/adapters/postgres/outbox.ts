/**
 * Table `outbox_event`: the newest signed event of each address, and whether it was taken back since.
 * Each verb is one statement, so it holds on a pool and inside a caller's transaction alike.
 */
import { fromHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { contentHash } from "../../core/nip85/content-hash.ts";
import { addressOf, decodeEvent, encodeEvent, type SignedEvent, tagValue } from "../../core/nip85/event.ts";
import { ASSERTION_KINDS, KIND, retention } from "../../core/nip85/kinds.ts";
import type { PublishedVersion } from "../../core/nip85/republish.ts";
import { type Standing, takenBack } from "../../core/nip85/retraction.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
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
  ), taken_back AS (
    UPDATE outbox_event SET retracted_at = row.at
    FROM unnest($12::int[], $13::text[], $14::text[], $15::bigint[]) AS row(kind, pubkey, d, at)
    WHERE outbox_event.kind = row.kind AND outbox_event.pubkey = decode(row.pubkey, 'hex') AND outbox_event.d = row.d
      AND outbox_event.created_at <= row.at
  )
  SELECT count(*) AS count FROM staged`;

/** One index lookup per address, also while the planner has no statistics and would read the whole table. */
const FIND_PUBLISHED = `
  SELECT found.* FROM unnest($3::text[]) AS wanted(d) CROSS JOIN LATERAL (
    SELECT d, body, encode(content_hash, 'hex') AS hash, retracted_at FROM outbox_event
    WHERE kind = $1 AND pubkey = $2 AND d = wanted.d LIMIT 1
  ) AS found`;

export function outboxTable(database: Queryable) {
  return {
    /**
     * Makes these the current versions, and takes back what retractions among them name. An address must not be staged and taken
     * back in one call. Idempotent. @returns how many were newer than what was there
     */
    async stage(events: readonly StagedEvent[], now: UnixSeconds): Promise<number> {
      if (events.length === 0) return 0;
      const { rows } = await translated(
        database.query({ name: "outbox-stage", text: STAGE, values: [...columns(events), now, ...targets(events)] }),
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
      return new Map(rows.map((row) => [row.d, publishedVersion(row)]));
    },

    /** What a key has said under the addresses that follow `after`, and that stands; in the order of kind and `d`. Assertions alone. */
    async standing(pubkey: string, after: { kind: number; d: string }, limit: number): Promise<Standing[]> {
      const text = `SELECT kind, d, encode(event_id, 'hex') AS id, created_at FROM outbox_event
        WHERE pubkey = $1 AND kind = ANY($2) AND retracted_at IS NULL AND (kind, d) > ($3, $4) ORDER BY kind, d LIMIT $5`;
      const values = [fromHex(pubkey), ASSERTION_KINDS, after.kind, after.d, limit];
      const { rows } = await translated(database.query({ name: "outbox-standing", text, values }));
      return rows.map(({ kind, d, id, created_at }) => ({ kind, d, id, createdAt: Number(created_at) }));
    },

    /** What a key has said about these subjects, and that stands. Assertions alone. */
    async standingAbout(pubkey: string, subjects: readonly string[]): Promise<(Standing & { subject: string })[]> {
      const text = `SELECT kind, d, subject, encode(event_id, 'hex') AS id, created_at FROM outbox_event
        WHERE subject = ANY($2) AND pubkey = $1 AND kind = ANY($3) AND retracted_at IS NULL ORDER BY kind, d`;
      const values = [fromHex(pubkey), subjects, ASSERTION_KINDS];
      const { rows } = await translated(database.query({ name: "outbox-about", text, values }));
      return rows.map(({ created_at, ...row }) => ({ ...row, createdAt: Number(created_at) }));
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
  // In one order, whoever stages: two transactions that wait for each other's rows would have to fail.
  const rows = [...newest.values()].sort((a, b) => a.event.kind - b.event.kind || compareTexts(textOf(a), textOf(b)));
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

function publishedVersion(row: { body: string; hash: string; retracted_at: bigint | null }): PublishedVersion {
  const retractedAt = row.retracted_at === null ? {} : { retractedAt: unixSeconds(Number(row.retracted_at)) };
  return { event: readBody(row.body), contentHash: row.hash, ...retractedAt };
}

/** What the retractions among these take back, one array per column. */
function targets(staged: readonly StagedEvent[]): unknown[][] {
  const rows = staged
    .filter(({ event }) => event.kind === KIND.deletion)
    .flatMap(({ event }) => takenBack(event).map(({ kind, d }) => ({ kind, d, event })));
  return [
    rows.map(({ kind }) => kind),
    rows.map(({ event }) => event.pubkey),
    rows.map(({ d }) => d),
    rows.map(({ event }) => event.created_at),
  ];
}

/** The order of rows of one kind, which is that of `pubkey, d COLLATE "C"`. */
function textOf({ event }: StagedEvent): string {
  return `${event.pubkey}${placeOf(event)}`;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
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
