/** Table `outbox_event`, as a whole: everything that is said now. */
import { fromHex } from "../../core/bytes.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

const PAGE = `
  SELECT outbox_id, body FROM outbox_event
  WHERE outbox_id > $1 AND ($2::bytea IS NULL OR pubkey = $2) AND retracted_at IS NULL AND (expires_at IS NULL OR expires_at > $3)
  ORDER BY outbox_id LIMIT $4`;

export function saidView(database: Queryable) {
  return {
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
