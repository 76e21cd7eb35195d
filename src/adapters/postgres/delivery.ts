/**
 * Tables `relay_ack` and `relay_pause`: how far each relay has taken what the outbox holds, and which relays are left alone for a while.
 * Each verb is one statement, so it holds on a pool and inside a caller's transaction alike.
 */
import { KIND } from "../../core/nip85/kinds.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";
import { readBody } from "./outbox.ts";

/**
 * One event due at a relay. `mayBeThere`: it was sent before, and nobody knows whether it arrived. `mayHoldOther`: the relay may have
 * another version. `signedAgain`: versions made because it asked for other ones.
 */
export type DueDelivery = {
  id: string;
  sig: string;
  json: string;
  subject: string;
  priority: number;
  attempts: number;
  mayBeThere: boolean;
  mayHoldOther: boolean;
  signedAgain: number;
};
export type DeliveryState = "pending" | "sent" | "confirmed" | "refused";
/** `held`: the relay has the event, or may have it or an older version. */
export type DeliveryResult = {
  id: string;
  state: DeliveryState;
  nextTryAt: UnixSeconds;
  answer: string;
  held: boolean;
};
/** Nothing is sent to the relay before `untilAt`; `failures` counts batches in a row without any success. */
export type RelayPause = { failures: number; untilAt: UnixSeconds; reason: string };
/** `top`: of assertions, at most so many at a relay that does not take them all. `room`: what may be sent to it now. */
export type Selection = { role: "full" | "selected" | "indexer"; top: number; room: number };
export type OutboxCounts = { events: number; deliveries: { relay: string; state: DeliveryState; count: number }[] };

const ASSERTIONS = [KIND.aboutKey, KIND.aboutAddress, KIND.aboutIdentifier];
const RENEWAL = 4;

/**
 * What is not there cannot be taken back: a deletion goes where a version of what it deletes may be. In the order in which events are
 * staged, since each row locks its event.
 */
const ENROL = `
  INSERT INTO relay_ack (outbox_id, relay, event_id, state, attempts, next_try_at)
  SELECT outbox_id, $1, event_id, 'pending', 0, $2::bigint FROM outbox_event
  WHERE retracted_at IS NULL AND ($3::int[] IS NULL OR kind = ANY ($3::int[])) AND NOT kind = ANY ($4::int[])
    AND NOT EXISTS (SELECT 1 FROM relay_ack WHERE relay_ack.outbox_id = outbox_event.outbox_id AND relay_ack.relay = $1)
    AND (kind <> ${KIND.deletion} OR EXISTS (
      SELECT 1 FROM outbox_event AS target JOIN relay_ack ON relay_ack.outbox_id = target.outbox_id AND relay_ack.relay = $1
      WHERE target.pubkey = outbox_event.pubkey AND target.retracted_at = outbox_event.created_at AND relay_ack.held))
  ORDER BY kind, pubkey, d COLLATE "C"
  ON CONFLICT DO NOTHING`;

/** Places are opened as they can be filled, so that each goes to what is first at that moment: the greatest news, then the best ranked. */
const ENROL_TOP = `
  INSERT INTO relay_ack (outbox_id, relay, event_id, state, attempts, next_try_at)
  SELECT outbox_id, $1, event_id, 'pending', 0, $2::bigint FROM outbox_event
  WHERE retracted_at IS NULL AND kind = ANY ($3::int[]) AND priority < ${RENEWAL} AND (expires_at IS NULL OR expires_at > $2::bigint)
    AND NOT EXISTS (SELECT 1 FROM relay_ack WHERE relay_ack.outbox_id = outbox_event.outbox_id AND relay_ack.relay = $1)
  ORDER BY priority, substring(body FROM '\\["rank","([0-9]{1,3})"')::int DESC NULLS LAST, outbox_id
  LIMIT (
    SELECT greatest(0, least(
      $5::bigint - count(*) FILTER (WHERE state IN ('pending', 'sent') AND next_try_at <= $2::bigint),
      $4::bigint - count(*) FILTER (WHERE kind = ANY ($3::int[]) AND retracted_at IS NULL AND (expires_at IS NULL OR expires_at > $2::bigint))))
    FROM relay_ack JOIN outbox_event USING (outbox_id) WHERE relay = $1)
  ON CONFLICT DO NOTHING`;

/**
 * The lease is the next try: a worker that dies leaves its rows to the next one when that moment comes, as sent, so that it looks for them
 * before it sends them. The event is locked as well, so that a version staged at this very moment is either taken or waits for nobody: an
 * answer about the one before would leave it under a lease.
 */
const TAKE = `
  WITH due AS (
    SELECT relay_ack.outbox_id, outbox_event.event_id, body, subject, priority, state, held, signed_again, length(d) AS length
    FROM relay_ack JOIN outbox_event USING (outbox_id)
    WHERE relay = $1 AND state IN ('pending', 'sent') AND next_try_at <= $2::bigint
      AND retracted_at IS NULL AND (expires_at IS NULL OR expires_at > $2::bigint)
    ORDER BY priority, next_try_at LIMIT $3 FOR UPDATE OF relay_ack SKIP LOCKED FOR SHARE OF outbox_event SKIP LOCKED
  )
  UPDATE relay_ack SET event_id = due.event_id, attempts = attempts + 1, next_try_at = $2::bigint + $4::bigint, state = 'sent', held = true
  FROM due WHERE relay_ack.outbox_id = due.outbox_id AND relay_ack.relay = $1
  RETURNING encode(due.event_id, 'hex') AS id, due.body, due.subject, due.priority, attempts, due.state, due.held, due.signed_again, due.length`;

const RECORD = `
  UPDATE relay_ack SET state = row.state, next_try_at = row.next_try, last_answer = row.answer, answered_at = $7::bigint, held = row.held,
    signed_again = CASE WHEN row.state = 'confirmed' THEN 0 ELSE signed_again END
  FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[]) AS row(id, state, next_try, answer, held)
  JOIN outbox_event ON outbox_event.event_id = decode(row.id, 'hex')
  WHERE relay_ack.outbox_id = outbox_event.outbox_id AND relay_ack.relay = $1 AND relay_ack.event_id = outbox_event.event_id`;

const COUNT_SIGNING = `
  UPDATE relay_ack SET signed_again = signed_again + 1 FROM outbox_event
  WHERE relay_ack.outbox_id = outbox_event.outbox_id AND relay = $1 AND outbox_event.event_id = decode($2, 'hex')`;

const READ_CONFIRMED = `
  SELECT encode(outbox_event.event_id, 'hex') AS id, outbox_event.created_at, kind, encode(pubkey, 'hex') AS pubkey, body,
    substring(body FROM '"sig":"([0-9a-f]{128})"\\}$') AS sig
  FROM relay_ack JOIN outbox_event USING (outbox_id)
  WHERE relay = $1 AND state = 'confirmed' AND retracted_at IS NULL AND (expires_at IS NULL OR expires_at > $2::bigint)
    AND outbox_event.event_id = relay_ack.event_id`;

const REOPEN = `
  UPDATE relay_ack SET state = 'pending', attempts = 0, next_try_at = $3::bigint, last_answer = 'missing at the audit'
  FROM unnest($2::text[]) AS wanted(id) JOIN outbox_event ON outbox_event.event_id = decode(wanted.id, 'hex')
  WHERE relay_ack.outbox_id = outbox_event.outbox_id AND relay = $1 AND state = 'confirmed' AND relay_ack.event_id = outbox_event.event_id`;
/** Of events in one statement: however it is planned, it ends. */
const REOPENED_AT_ONCE = 500;

/** A current event that a relay was seen with. */
export type ConfirmedEvent = { id: string; sig: string; json: string; createdAt: number; kind: number; pubkey: string };

export function deliveryTable(database: Queryable) {
  // Planned anew each time: a plan that was made over an empty outbox compares every event with every delivery of a full one.
  const run = (text: string, values: unknown[]) => translated(database.query(text, values));
  return {
    /** Opens a delivery to this relay for every current event that it is to be sent and that has none. Idempotent. @returns how many it opened */
    async enrol(relay: string, { role, top, room }: Selection, now: UnixSeconds): Promise<number> {
      const kinds = role === "indexer" ? [KIND.profile, KIND.relayList] : null;
      const left = role === "selected" ? ASSERTIONS : [];
      const { rowCount } = await run(ENROL, [relay, now, kinds, left]);
      if (role !== "selected" || room === 0) return rowCount ?? 0;
      const best = await run(ENROL_TOP, [relay, now, ASSERTIONS, top, room]);
      return (rowCount ?? 0) + (best.rowCount ?? 0);
    },

    /** Takes what is due at a relay under a lease: until it ends no other worker gets the same rows. Most urgent first. */
    async takeDue(
      relay: string,
      options: { now: UnixSeconds; limit: number; leaseSec: number },
    ): Promise<DueDelivery[]> {
      const { rows } = await run(TAKE, [relay, options.now, options.limit, options.leaseSec]);
      // Of addresses that begin alike the shorter first: khatru on badger takes a longer one for another version of it.
      rows.sort((a, b) => a.priority - b.priority || a.length - b.length);
      return rows.map(({ id, body, subject, priority, attempts, state, held, signed_again }) => ({
        id,
        sig: readBody(body).sig,
        json: body,
        subject,
        priority,
        attempts,
        mayBeThere: state === "sent",
        mayHoldOther: held,
        signedAgain: signed_again,
      }));
    },

    /** Writes down how deliveries ended. Answers about versions that were replaced meanwhile change nothing. @returns rows changed */
    async record(relay: string, results: readonly DeliveryResult[], now: UnixSeconds): Promise<number> {
      if (results.length === 0) return 0;
      const column = <Key extends keyof DeliveryResult>(key: Key) => results.map((result) => result[key]);
      const columns = [column("id"), column("state"), column("nextTryAt"), column("answer"), column("held")];
      const { rowCount } = await run(RECORD, [relay, ...columns, now]);
      return rowCount ?? 0;
    },

    /** Counts a version that is about to be signed because this relay asked for another one than `id`. */
    async countSigning(relay: string, id: string): Promise<void> {
      await run(COUNT_SIGNING, [relay, id]);
    },

    /** What this relay was seen with and should have still. */
    async readConfirmed(relay: string, now: UnixSeconds): Promise<ConfirmedEvent[]> {
      const { rows } = await run(READ_CONFIRMED, [relay, now]);
      return rows.map(({ id, sig, body, created_at, kind, pubkey }) => {
        return { id, sig, json: body, createdAt: Number(created_at), kind, pubkey };
      });
    },

    /** Makes confirmed deliveries due again. @returns how many */
    async reopen(relay: string, ids: readonly string[], now: UnixSeconds): Promise<number> {
      let count = 0;
      for (let from = 0; from < ids.length; from += REOPENED_AT_ONCE)
        count += (await run(REOPEN, [relay, ids.slice(from, from + REOPENED_AT_ONCE), now])).rowCount ?? 0;
      return count;
    },

    /** Why and until when a relay is left alone; undefined for a relay that was never in trouble, or is well again. */
    async readPause(relay: string): Promise<RelayPause | undefined> {
      const text = "SELECT failures, until_at, reason FROM relay_pause WHERE relay = $1";
      const { rows } = await run(text, [relay]);
      const row = rows[0];
      return row && { failures: row.failures, untilAt: unixSeconds(Number(row.until_at)), reason: row.reason };
    },

    /** Leaves a relay alone for a while, or with undefined takes that back. Idempotent. */
    async writePause(relay: string, pause: RelayPause | undefined): Promise<void> {
      if (!pause) {
        await run("DELETE FROM relay_pause WHERE relay = $1", [relay]);
        return;
      }
      const text = `INSERT INTO relay_pause (relay, failures, until_at, reason) VALUES ($1, $2, $3, $4)
        ON CONFLICT (relay) DO UPDATE SET failures = excluded.failures, until_at = excluded.until_at, reason = excluded.reason`;
      await run(text, [relay, pause.failures, pause.untilAt, pause.reason]);
    },

    /** How many events are current, and how many deliveries are in each state. */
    async counts(): Promise<OutboxCounts> {
      const text =
        "SELECT relay, state, count(*)::int AS count FROM relay_ack GROUP BY relay, state ORDER BY relay, state";
      const deliveries = await run(text, []);
      const events = await translated(database.query("SELECT count(*)::int AS count FROM outbox_event"));
      return { events: events.rows[0].count, deliveries: deliveries.rows };
    },
  };
}
