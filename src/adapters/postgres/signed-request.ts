/** Table `signed_request`: signatures that were used. One is good for one request, whichever process it is sent to. */
import { fromHex } from "../../core/bytes.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** Rows that are past their time and go with each use: the table does not outgrow what is asked. */
const SWEPT_AT_ONCE = 20;

export function signedRequestTable(database: Queryable) {
  return {
    /** Uses a signature up. False when it was used before. It is remembered until it is too old to be shown anyway. */
    async useOnce(eventId: string, expiresAt: UnixSeconds, now: UnixSeconds): Promise<boolean> {
      const text = `WITH swept AS (DELETE FROM signed_request WHERE event_id IN (
          SELECT event_id FROM signed_request WHERE expires_at < $3 LIMIT ${SWEPT_AT_ONCE} FOR UPDATE SKIP LOCKED))
        INSERT INTO signed_request (event_id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`;
      const { rowCount } = await translated(database.query(text, [fromHex(eventId), expiresAt, now]));
      return rowCount === 1;
    },
  };
}
