/** Table `outbox_event`, as a whole: what a key says at an instant, and everything that is said now. */
import { fromHex } from "../../core/bytes.ts";
import { ASSERTION_KINDS } from "../../core/nip85/kinds.ts";
import { STANDING_MARGIN_SEC, type StandingEvent } from "../../core/nip85/standing-set.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

const STANDING = `
  SELECT kind, d, encode(event_id, 'hex') AS id FROM outbox_event
  WHERE pubkey = $1 AND kind = ANY($2) AND created_at <= $3 AND (expires_at IS NULL OR expires_at > $3 + ${STANDING_MARGIN_SEC})
    AND (retracted_at IS NULL OR retracted_at > $3)`;

const PAGE = `
  SELECT outbox_id, body FROM outbox_event
  WHERE outbox_id > $1 AND ($2::bytea IS NULL OR pubkey = $2) AND retracted_at IS NULL AND (expires_at IS NULL OR expires_at > $3)
  ORDER BY outbox_id LIMIT $4`;

export function standingSetView(database: Queryable) {
  return {
    /**
     * The assertions of a key that stood at an instant (src/core/nip85/standing-set.ts), as far as they were not replaced since: then
     * their root is another one than was signed.
     */
    async standingAt(pubkey: string, at: UnixSeconds): Promise<StandingEvent[]> {
      const values = [fromHex(pubkey), ASSERTION_KINDS, at];
      const { rows } = await translated(database.query({ name: "outbox-standing", text: STANDING, values }));
      return rows.map(({ kind, d, id }) => ({ kind, d, id }));
    },

    /** The signed JSON of what is said now, by one key or by all: at most `limit` after a place. */
    async saidPage(
      after: bigint,
      { pubkey, now, limit }: { pubkey: string | undefined; now: UnixSeconds; limit: number },
    ): Promise<{ place: bigint; body: string }[]> {
      const values = [after, pubkey === undefined ? null : fromHex(pubkey), now, limit];
      const { rows } = await translated(database.query({ name: "outbox-said", text: PAGE, values }));
      return rows.map((row) => ({ place: row.outbox_id, body: row.body }));
    },
  };
}
