/** A real Postgres with something to deliver: keys, signed events in the outbox, and connections that give up early. */

import { deriveServiceKey } from "../adapters/nostr/keys.ts";
import { type RelayConnection, type RelayOptions, relayConnection } from "../adapters/nostr/relay-connection.ts";
import { createSigner } from "../adapters/nostr/signer.ts";
import { deliveryTable } from "../adapters/postgres/delivery.ts";
import { outboxTable } from "../adapters/postgres/outbox.ts";
import { encodeEvent, type SignedEvent, type UnsignedEvent } from "../core/nip85/event.ts";
import { unixSeconds } from "../core/units.ts";
import type { TestDatabase } from "./database.ts";

const secret = new Uint8Array(32).map((_, index) => 7 * index + 1);
export const nodeKey = deriveServiceKey(secret, "lightning-node");
export const brandKey = deriveServiceKey(secret, "brand");

export async function relayWorld(database: TestDatabase, at: number) {
  const { sign } = await createSigner([nodeKey, brandKey]);
  const now = unixSeconds(at);
  const outbox = outboxTable(database.pool);
  const connections: RelayConnection[] = [];

  const draft = (change: Partial<UnsignedEvent>): UnsignedEvent => {
    return { pubkey: nodeKey.pubkey, created_at: at, kind: 30_385, tags: [], content: "", ...change };
  };
  const stage = async (drafts: readonly UnsignedEvent[], priority = 2) => {
    const events = await sign(drafts);
    await outbox.stage(
      events.map((event) => ({ event, subject: event.tags[0]?.[1] ?? event.pubkey, priority })),
      now,
    );
    return events;
  };
  return {
    sign,
    draft,
    stage,
    assertion: (d: string, rank = 50, createdAt = at): UnsignedEvent =>
      draft({
        created_at: createdAt,
        tags: [
          ["d", d],
          ["i", d],
          ["k", "web"],
          ["rank", String(rank)],
          ["expiration", String(createdAt + 30 * 86_400)],
        ],
      }),
    profile: (pubkey: string, name = "x"): UnsignedEvent =>
      draft({ pubkey, kind: 0, content: JSON.stringify({ name }) }),
    /** Takes back what stands under these, as publishing does. */
    async retract(events: readonly SignedEvent[], createdAt: number): Promise<SignedEvent> {
      const tags = events.flatMap((event) => [
        ["a", `${event.kind}:${event.pubkey}:${event.tags[0]?.[1]}`],
        ["e", event.id],
      ]);
      const [deletion] = await stage([draft({ kind: 5, created_at: createdAt, tags: [...tags, ["k", "30385"]] })], 1);
      const ids = events.map(({ id }) => id);
      await database.pool.query(
        "UPDATE outbox_event SET retracted_at = $2 WHERE encode(event_id, 'hex') = ANY ($1::text[])",
        [ids, createdAt],
      );
      return deletion!;
    },
    connect(url: string, options: RelayOptions = {}): RelayConnection {
      const connection = relayConnection(url, {
        answerTimeoutMs: 300,
        connectTimeoutMs: 2_000,
        identity: { sign, now: () => now },
        ...options,
      });
      connections.push(connection);
      return connection;
    },
    /** How many deliveries are in each state. */
    async states(relay: string): Promise<Record<string, number>> {
      const { deliveries } = await deliveryTable(database.pool).counts();
      const mine = deliveries.filter((row) => row.relay === relay);
      return Object.fromEntries(mine.map(({ state, count }) => [state, count]));
    },
    pauseOf: (relay: string) => deliveryTable(database.pool).readPause(relay),
    /** The texts that should be at every relay that takes everything. */
    async current(): Promise<string[]> {
      const { rows } = await database.pool.query("SELECT body FROM outbox_event WHERE retracted_at IS NULL");
      return rows.map(({ body }) => body as string).sort();
    },
    textsOf: (events: Iterable<SignedEvent>) => [...events].map(encodeEvent).sort(),
    close() {
      for (const connection of connections.splice(0)) connection.close();
    },
  };
}
