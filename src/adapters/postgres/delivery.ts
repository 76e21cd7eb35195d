/**
 * Tables `relay_ack` and `relay_pause`: how far each relay has taken what the outbox holds, and which relays are left alone for a while.
 * Each verb is one statement, so it holds on a pool and inside a caller's transaction alike.
 */
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";
import { readBody } from "./outbox.ts";

/** One event due at a relay. `mayBeThere`: it was sent before, and nobody knows whether it arrived. */
export type DueDelivery = { id: string; sig: string; json: string; attempts: number; mayBeThere: boolean };
export type DeliveryState = "pending" | "sent" | "confirmed" | "refused";
export type DeliveryResult = { id: string; state: DeliveryState; nextTryAt: UnixSeconds; answer: string };
/** Nothing is sent to the relay before `untilAt`; `failures` counts batches in a row without any success. */
export type RelayPause = { failures: number; untilAt: UnixSeconds; reason: string };
export type OutboxCounts = { events: number; deliveries: { relay: string; state: DeliveryState; count: number }[] };

/** In the order in which events are staged, since each row locks its event. */
const ENROL = `
  INSERT INTO relay_ack (outbox_id, relay, event_id, state, attempts, next_try_at)
  SELECT outbox_id, $1, event_id, 'pending', 0, $2::bigint FROM outbox_event
  WHERE retracted_at IS NULL AND NOT EXISTS (SELECT 1 FROM relay_ack WHERE relay_ack.outbox_id = outbox_event.outbox_id AND relay_ack.relay = $1)
  ORDER BY kind, pubkey, d COLLATE "C"
  ON CONFLICT DO NOTHING`;

/**
 * The lease is the next try: a worker that dies leaves its rows to the next one when that moment comes. The event is locked as well, so that a
 * version staged at this very moment is either taken or waits for nobody: an answer about the one before would leave it under a lease.
 */
const TAKE = `
  WITH due AS (
    SELECT relay_ack.outbox_id, outbox_event.event_id, outbox_event.body, outbox_event.priority
    FROM relay_ack JOIN outbox_event USING (outbox_id)
    WHERE relay = $1 AND state IN ('pending', 'sent') AND next_try_at <= $2::bigint
      AND retracted_at IS NULL AND (expires_at IS NULL OR expires_at > $2::bigint)
    ORDER BY priority, next_try_at LIMIT $3 FOR UPDATE OF relay_ack SKIP LOCKED FOR SHARE OF outbox_event SKIP LOCKED
  )
  UPDATE relay_ack SET event_id = due.event_id, attempts = attempts + 1, next_try_at = $2::bigint + $4::bigint
  FROM due WHERE relay_ack.outbox_id = due.outbox_id AND relay_ack.relay = $1
  RETURNING encode(due.event_id, 'hex') AS id, due.body, due.priority, attempts, state`;

const RECORD = `
  UPDATE relay_ack SET state = row.state, next_try_at = row.next_try, last_answer = row.answer, answered_at = $6::bigint
  FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) AS row(id, state, next_try, answer)
  JOIN outbox_event ON outbox_event.event_id = decode(row.id, 'hex')
  WHERE relay_ack.outbox_id = outbox_event.outbox_id AND relay_ack.relay = $1 AND relay_ack.event_id = outbox_event.event_id`;

export function deliveryTable(database: Queryable) {
  return {
    /** Opens a delivery to this relay for every current event that has none. Idempotent. @returns how many it opened */
    async enrol(relay: string, now: UnixSeconds): Promise<number> {
      const { rowCount } = await translated(
        database.query({ name: "outbox-enrol", text: ENROL, values: [relay, now] }),
      );
      return rowCount ?? 0;
    },

    /** Takes what is due at a relay under a lease: until it ends no other worker gets the same rows. Most urgent first. */
    async takeDue(
      relay: string,
      options: { now: UnixSeconds; limit: number; leaseSec: number },
    ): Promise<DueDelivery[]> {
      const values = [relay, options.now, options.limit, options.leaseSec];
      const { rows } = await translated(database.query({ name: "outbox-take", text: TAKE, values }));
      rows.sort((a, b) => a.priority - b.priority);
      return rows.map(({ id, body, attempts, state }) => {
        return { id, sig: readBody(body).sig, json: body, attempts, mayBeThere: state === "sent" };
      });
    },

    /** Writes down how deliveries ended. Answers about versions that were replaced meanwhile change nothing. @returns rows changed */
    async record(relay: string, results: readonly DeliveryResult[], now: UnixSeconds): Promise<number> {
      if (results.length === 0) return 0;
      const column = <Key extends keyof DeliveryResult>(key: Key) => results.map((result) => result[key]);
      const values = [relay, column("id"), column("state"), column("nextTryAt"), column("answer"), now];
      const { rowCount } = await translated(database.query({ name: "outbox-record", text: RECORD, values }));
      return rowCount ?? 0;
    },

    /** Why and until when a relay is left alone; undefined for a relay that was never in trouble, or is well again. */
    async readPause(relay: string): Promise<RelayPause | undefined> {
      const text = "SELECT failures, until_at, reason FROM relay_pause WHERE relay = $1";
      const { rows } = await translated(database.query({ name: "relay-pause-read", text, values: [relay] }));
      const row = rows[0];
      return row && { failures: row.failures, untilAt: unixSeconds(Number(row.until_at)), reason: row.reason };
    },

    /** Leaves a relay alone for a while, or with undefined takes that back. Idempotent. */
    async writePause(relay: string, pause: RelayPause | undefined): Promise<void> {
      if (!pause) {
        await translated(
          database.query({
            name: "relay-pause-end",
            text: "DELETE FROM relay_pause WHERE relay = $1",
            values: [relay],
          }),
        );
        return;
      }
      const text = `INSERT INTO relay_pause (relay, failures, until_at, reason) VALUES ($1, $2, $3, $4)
        ON CONFLICT (relay) DO UPDATE SET failures = excluded.failures, until_at = excluded.until_at, reason = excluded.reason`;
      const values = [relay, pause.failures, pause.untilAt, pause.reason];
      await translated(database.query({ name: "relay-pause-write", text, values }));
    },

    /** How many events are current, and how many deliveries are in each state. */
    async counts(): Promise<OutboxCounts> {
      const text =
        "SELECT relay, state, count(*)::int AS count FROM relay_ack GROUP BY relay, state ORDER BY relay, state";
      const deliveries = await translated(database.query({ name: "outbox-deliveries", text }));
      const events = await translated(database.query("SELECT count(*)::int AS count FROM outbox_event"));
      return { events: events.rows[0].count, deliveries: deliveries.rows };
    },
  };
}
