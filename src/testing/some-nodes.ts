/** Rows of nodes for tests, as if a graph had been read in which each has a channel. */
import type { Queryable } from "../adapters/postgres/connect.ts";

/** Inserts nodes by their keys; those of `closed` have no channel that anybody could pay them over. */
export async function insertNodes(database: Queryable, open: readonly string[], closed: readonly string[] = []) {
  const { rows } = await database.query(
    `INSERT INTO graph_snapshot (digest, taken_at, node_count, channel_count, arc_count, source, body)
      VALUES (decode(repeat('00', 32), 'hex'), 1, 0, 0, 0, 'test', '') RETURNING snapshot_id`,
  );
  await database.query(
    `INSERT INTO node (node_key, key_hash, alias, channel_count, live_in_count, capacity_sat, last_update_at, snapshot_id)
      SELECT decode(key, 'hex'), sha256(convert_to(key, 'UTF8')), '', live, live, live * 1000000, 1, $3
      FROM (SELECT unnest($1::text[]) AS key, 1 AS live UNION ALL SELECT unnest($2::text[]), 0) nodes`,
    [open, closed, rows[0].snapshot_id],
  );
}
