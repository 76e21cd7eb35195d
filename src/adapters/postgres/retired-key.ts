/** What the outbox holds of a key that asks to be forgotten. */
import { fromHex } from "../../core/bytes.ts";
import type { SignedEvent } from "../../core/nip85/event.ts";
import { KIND } from "../../core/nip85/kinds.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, translated } from "./connect.ts";
import { outboxTable } from "./outbox.ts";

export function retiredKeyTable(database: Database) {
  return {
    /** Whether a key has asked to be forgotten (NIP-62). */
    async hasVanished(pubkey: string): Promise<boolean> {
      const text = "SELECT EXISTS (SELECT FROM outbox_event WHERE kind = $1 AND pubkey = $2) AS found";
      const { rows } = await translated(database.query(text, [KIND.vanish, fromHex(pubkey)]));
      return rows[0].found;
    },

    /** Stages the request to be forgotten, and takes back all that the key has said: both, or neither. */
    vanish(event: SignedEvent, now: UnixSeconds): Promise<void> {
      return inTransaction(database, async (client) => {
        const text = `UPDATE outbox_event SET retracted_at = greatest(created_at, $2::bigint)
          WHERE pubkey = $1 AND retracted_at IS NULL`;
        await client.query(text, [fromHex(event.pubkey), event.created_at]);
        await outboxTable(client).stage([{ event, subject: event.pubkey, priority: 1 }], now);
      });
    },
  };
}
