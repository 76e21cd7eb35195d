/** What heartbeats are made of: what a key says now, how far the evidence log has come, and the calibration of the day. */
import { fromHex, toHex } from "../../core/bytes.ts";
import type { LogHead } from "../../core/nip85/heartbeat.ts";
import { ASSERTION_KINDS } from "../../core/nip85/kinds.ts";
import type { StandingEvent } from "../../core/nip85/standing-set.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** An event that was not taken back. */
export type StandingRow = StandingEvent & { createdAt: number; expiresAt: number };
export type CalibrationDigest = { asOf: UnixSeconds; digest: string };

export function heartbeatView(database: Queryable) {
  return {
    /** Every assertion of a key that was not taken back and expires later than an instant, in one reading. */
    async standingSet(pubkey: string, after: UnixSeconds): Promise<StandingRow[]> {
      const text = `SELECT kind, d, encode(event_id, 'hex') AS id, created_at, expires_at FROM outbox_event
        WHERE pubkey = $1 AND kind = ANY($2) AND retracted_at IS NULL AND expires_at > $3`;
      const values = [fromHex(pubkey), ASSERTION_KINDS, after];
      const { rows } = await translated(database.query({ name: "heartbeat-set", text, values }));
      return rows.map(({ created_at, expires_at, ...event }) => {
        return { ...event, createdAt: Number(created_at), expiresAt: Number(expires_at) };
      });
    },

    /** Whether a key has said or taken back anything since an instant, that second included. */
    async spokeSince(pubkey: string, at: UnixSeconds): Promise<boolean> {
      const text = `SELECT EXISTS (SELECT FROM outbox_event
        WHERE pubkey = $1 AND kind = ANY($2) AND (staged_at >= $3 OR retracted_at >= $3)) AS spoke`;
      const values = [fromHex(pubkey), ASSERTION_KINDS, at];
      const { rows } = await translated(database.query({ name: "heartbeat-news", text, values }));
      return rows[0].spoke;
    },

    /** The newest entry's place in the evidence log, and the hash that covers all up to it. */
    async evidenceHead(): Promise<LogHead> {
      const text = "SELECT position, hash FROM evidence ORDER BY position DESC LIMIT 1";
      const { rows } = await translated(database.query({ name: "heartbeat-evidence", text }));
      return rows[0]
        ? { position: rows[0].position, head: toHex(rows[0].hash) }
        : { position: 0n, head: "00".repeat(32) };
    },
  };
}

/** Table `calibration_report`: reports as they were signed by their digest. */
export function calibrationReports(database: Queryable) {
  return {
    /** Undefined before the first. */
    async newest(): Promise<CalibrationDigest | undefined> {
      const text = "SELECT as_of, encode(digest, 'hex') AS digest FROM calibration_report ORDER BY as_of DESC LIMIT 1";
      const { rows } = await translated(database.query({ name: "calibration-newest", text }));
      return rows[0] && { asOf: unixSeconds(Number(rows[0].as_of)), digest: rows[0].digest };
    },

    /** Keeps a report; of two of one instant the first. */
    async add(asOf: UnixSeconds, body: string): Promise<void> {
      const text = `INSERT INTO calibration_report (digest, as_of, body) VALUES (sha256(convert_to($2, 'UTF8')), $1, $2)
        ON CONFLICT DO NOTHING`;
      await translated(database.query(text, [asOf, body]));
    },

    /** The text that hashes to a digest of 64 hex digits; undefined for one that was never signed. */
    async find(digest: string): Promise<string | undefined> {
      const text = "SELECT body FROM calibration_report WHERE digest = $1";
      const { rows } = await translated(database.query({ name: "calibration-find", text, values: [fromHex(digest)] }));
      return rows[0]?.body;
    },
  };
}
