/** Table `relay_state`: what each relay is for, how fast it is written to, what it says of itself, and how it is doing. */
import type { RelayInfo } from "../../core/nip85/relay-info.ts";
import { type Bucket, filled, learned, newBucket, taken, wholeTokens } from "../../core/nip85/relay-rate.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, translated } from "./connect.ts";

export type RelayRole = "full" | "selected" | "indexer";
/** `info` is undefined for a relay that says nothing of itself. */
export type KnownInfo = { info: RelayInfo | undefined; askedAt: UnixSeconds };
/** How one relay stands. `waiting` are to be sent, or were sent and not seen yet; counts are of current events. */
export type RelayStanding = {
  relay: string;
  role: RelayRole;
  confirmed: number;
  waiting: number;
  refused: number;
  perMinute: number;
  lastContactAt: number | null;
  lastConfirmedAt: number | null;
  pausedUntil: number | null;
  pauseReason: string | null;
  auditedAt: number | null;
  missing: number | null;
};

/** A relay that is to get less than before forgets what it was going to get: the rest is enrolled anew. */
const PLAN = `
  WITH planned AS (
    SELECT relay, role FROM unnest($1::text[], $2::text[]) AS row(relay, role)
  ), changed AS (
    DELETE FROM relay_ack USING planned JOIN relay_state ON relay_state.relay = planned.relay AND relay_state.role <> planned.role
    WHERE relay_ack.relay = planned.relay AND NOT held AND state = 'pending'
  ), retired AS (
    UPDATE relay_state SET role = 'retired' WHERE relay <> ALL ($1::text[])
  )
  INSERT INTO relay_state (relay, role, per_minute, tokens, filled_at)
  SELECT relay, role, $3, $4, $5::bigint FROM planned
  ON CONFLICT (relay) DO UPDATE SET role = excluded.role`;

const STANDING = `
  SELECT relay_state.relay, role, per_minute, last_contact_at, last_confirmed_at, until_at, reason, audited_at, missing,
    coalesce(confirmed, 0)::int AS confirmed, coalesce(waiting, 0)::int AS waiting, coalesce(refused, 0)::int AS refused
  FROM relay_state LEFT JOIN relay_pause ON relay_pause.relay = relay_state.relay AND until_at > $1::bigint
  LEFT JOIN (
    SELECT relay, count(*) FILTER (WHERE state = 'confirmed') AS confirmed, count(*) FILTER (WHERE state = 'refused') AS refused,
      count(*) FILTER (WHERE state IN ('pending', 'sent')) AS waiting
    FROM relay_ack JOIN outbox_event USING (outbox_id)
    WHERE retracted_at IS NULL AND (expires_at IS NULL OR expires_at > $1::bigint) GROUP BY relay
  ) AS ack ON ack.relay = relay_state.relay
  WHERE role <> 'retired' ORDER BY relay_state.relay`;

export function relayStateTable(database: Database) {
  // Planned anew each time: a plan that was made over an empty outbox compares every event with every delivery of a full one.
  const run = (text: string, values: unknown[]) => translated(database.query(text, values));

  /** Reads the bucket and writes what becomes of it, while nobody else does. */
  const change = <Result>(
    relay: string,
    now: UnixSeconds,
    work: (bucket: Bucket) => { bucket: Bucket; result: Result },
  ): Promise<Result> =>
    inTransaction(database, async (client) => {
      const text = "SELECT per_minute, tokens, filled_at FROM relay_state WHERE relay = $1 FOR UPDATE";
      const { rows } = await client.query(text, [relay]);
      const { bucket, result } = work(rows[0] ? readBucket(rows[0]) : newBucket(now));
      const write = "UPDATE relay_state SET per_minute = $2, tokens = $3, filled_at = $4 WHERE relay = $1";
      await client.query(write, [relay, bucket.perMinute, bucket.tokens, bucket.filledAt]);
      return result;
    });

  return {
    /** Says which relays there are, and what for. All others are retired: their rows stay, and nothing is sent to them. */
    async plan(relays: readonly { relay: string; role: RelayRole }[], now: UnixSeconds): Promise<void> {
      const { perMinute, tokens } = newBucket(now);
      const [names, roles] = [relays.map(({ relay }) => relay), relays.map(({ role }) => role)];
      await run(PLAN, [names, roles, perMinute, tokens, now]);
    },

    /** How many events the relay may be sent now. Takes nothing. */
    async countTokens(relay: string, now: UnixSeconds): Promise<number> {
      const text = "SELECT per_minute, tokens, filled_at FROM relay_state WHERE relay = $1";
      const { rows } = await run(text, [relay]);
      return wholeTokens(filled(rows[0] ? readBucket(rows[0]) : newBucket(now), now));
    },

    /** Takes up to `want`. All processes draw from one bucket. @returns how many were left to take */
    takeTokens: (relay: string, want: number, now: UnixSeconds): Promise<number> =>
      change(relay, now, (bucket) => {
        const { bucket: left, granted } = taken(bucket, want, now);
        return { bucket: left, result: granted };
      }),

    /** Keeps what a batch taught about the rate. */
    learnRate: (relay: string, batch: { accepted: number; limited: boolean }, now: UnixSeconds): Promise<void> =>
      change(relay, now, (bucket) => ({ bucket: learned(filled(bucket, now), batch), result: undefined })),

    /** When it was last heard, and last seen with an event of ours. */
    async noteContact(relay: string, { confirmed }: { confirmed: boolean }, now: UnixSeconds): Promise<void> {
      const text = `UPDATE relay_state SET last_contact_at = $2::bigint,
        last_confirmed_at = CASE WHEN $3 THEN $2::bigint ELSE last_confirmed_at END WHERE relay = $1`;
      await run(text, [relay, now, confirmed]);
    },

    /** What the relay said of itself when it was last asked, and whether it ever took an event. Undefined before it was asked. */
    async readInfo(relay: string): Promise<(KnownInfo & { proved: boolean }) | undefined> {
      const text = "SELECT info, info_at, last_confirmed_at IS NOT NULL AS proved FROM relay_state WHERE relay = $1";
      const { rows } = await run(text, [relay]);
      const row = rows[0];
      if (row?.info_at == null) return undefined;
      return { info: row.info ?? undefined, askedAt: unixSeconds(Number(row.info_at)), proved: row.proved };
    },

    async writeInfo(relay: string, { info, askedAt }: KnownInfo): Promise<void> {
      const text = "UPDATE relay_state SET info = $2::jsonb, info_at = $3::bigint WHERE relay = $1";
      await run(text, [relay, info ? JSON.stringify(info) : null, askedAt]);
    },

    async noteAudit(relay: string, missing: number, now: UnixSeconds): Promise<void> {
      const text = "UPDATE relay_state SET audited_at = $2::bigint, missing = $3 WHERE relay = $1";
      await run(text, [relay, now, missing]);
    },

    /** How every relay stands that is in use. */
    async standing(now: UnixSeconds): Promise<RelayStanding[]> {
      const { rows } = await run(STANDING, [now]);
      const at = (value: bigint | null) => (value === null ? null : Number(value));
      return rows.map((row) => ({
        relay: row.relay,
        role: row.role,
        confirmed: row.confirmed,
        waiting: row.waiting,
        refused: row.refused,
        perMinute: row.per_minute,
        lastContactAt: at(row.last_contact_at),
        lastConfirmedAt: at(row.last_confirmed_at),
        pausedUntil: at(row.until_at),
        pauseReason: row.reason,
        auditedAt: at(row.audited_at),
        missing: row.missing,
      }));
    },
  };
}

function readBucket(row: { per_minute: number; tokens: number; filled_at: bigint }): Bucket {
  return { perMinute: row.per_minute, tokens: row.tokens, filledAt: unixSeconds(Number(row.filled_at)) };
}
