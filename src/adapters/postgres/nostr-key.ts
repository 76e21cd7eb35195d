/** Table `nostr_key`: which keys speak for this oracle and which did, for processes that cannot sign. */
import { fromHex, toHex } from "../../core/bytes.ts";
import type { OracleKey } from "../../core/nip85/key-ring.ts";
import { KIND } from "../../core/nip85/kinds.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { outboxTable, readBody } from "./outbox.ts";

/** Ends before it begins, since a role has one key in use at a time. */
const END = `
  UPDATE nostr_key SET until = greatest(since, $2::bigint) WHERE until IS NULL AND NOT pubkey = ANY($1::bytea[])`;

/** A key that is in use again has no end. */
const BEGIN = `
  INSERT INTO nostr_key (pubkey, role, since, until)
  SELECT pubkey, role, coalesce(since, until, $5::bigint), CASE WHEN until IS NULL THEN NULL ELSE greatest(until, since) END
  FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::bigint[]) AS given(pubkey, role, since, until)
  ON CONFLICT (pubkey) DO UPDATE SET
    until = CASE WHEN excluded.until IS NULL THEN NULL ELSE greatest(nostr_key.since, excluded.until) END
  WHERE nostr_key.until IS DISTINCT FROM excluded.until`;

export function nostrKeyTable(database: Queryable) {
  return {
    /** Where a key has said that it writes (kind 10002); empty while it has said nothing. */
    async writeRelays(pubkey: string): Promise<string[]> {
      const body = await outboxTable(database).findByAddress({ kind: KIND.relayList, pubkey, d: "" });
      return body === undefined
        ? []
        : readBody(body).tags.flatMap(([name, relay = ""]) => (name === "r" ? [relay] : []));
    },

    /** All keys, those in use first, then the newest. */
    async list(): Promise<OracleKey[]> {
      const text = "SELECT pubkey, role, since, until FROM nostr_key ORDER BY until DESC NULLS FIRST, role";
      const { rows } = await translated(database.query({ name: "nostr-keys", text }));
      return rows.map((row) => ({
        role: row.role,
        pubkey: toHex(row.pubkey),
        since: unixSeconds(Number(row.since)),
        until: row.until === null ? undefined : unixSeconds(Number(row.until)),
      }));
    },
  };
}

/** Writes down which keys there are. What is no longer among them ended now. Idempotent. */
export async function saveNostrKeys(database: Database, keys: readonly OracleKey[], now: UnixSeconds): Promise<void> {
  const pubkeys = keys.map(({ pubkey }) => fromHex(pubkey));
  const roles = keys.map(({ role }) => role);
  const until = keys.map((key) => key.until ?? null);
  const since = keys.map((key) => key.since ?? null);
  await inTransaction(database, async (client) => {
    await client.query("LOCK TABLE nostr_key IN SHARE ROW EXCLUSIVE MODE");
    const inUse = keys.filter((key) => key.until === undefined).map(({ pubkey }) => fromHex(pubkey));
    await client.query(END, [inUse, now]);
    await client.query(BEGIN, [pubkeys, roles, since, until, now]);
  });
}
