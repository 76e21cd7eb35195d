/** Tables `channel_opened` and `channel_closed`, read by node: how channels came and went since we watch. */
import { fromHex } from "../../core/bytes.ts";
import type { NodeHistory } from "../../core/profile/history.ts";
import type { WatchedNode } from "../../core/profile/survival.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** An id that is used again, after a reorganisation, counts once: from when it was first seen to when it was last gone. */
const OF_NODE = `
  WITH mine AS (SELECT channel_id, min(at) AS at FROM channel_opened WHERE node_a = $1 OR node_b = $1 GROUP BY channel_id),
    gone AS (SELECT channel_id, max(c.at) AS at FROM channel_closed c JOIN mine USING (channel_id) GROUP BY channel_id),
    again AS (SELECT channel_id FROM gone JOIN channel_opened o USING (channel_id) WHERE o.at > gone.at),
    changes AS (SELECT at, 1 AS opened, 0 AS closed FROM mine
      UNION ALL SELECT at, 0, 1 FROM gone WHERE channel_id NOT IN (SELECT channel_id FROM again))
  SELECT at / 86400 AS day, sum(opened)::int AS opened, sum(closed)::int AS closed FROM changes GROUP BY day ORDER BY day`;

const BECAME = `
  WITH newest AS (SELECT DISTINCT ON (channel_id) channel_id, node_a, node_b, capacity_sat, at AS seen_at
      FROM channel_opened ORDER BY channel_id, row_id DESC),
    first AS (SELECT channel_id, min(at) AS opened_at FROM channel_opened GROUP BY channel_id),
    gone AS (SELECT channel_id, max(at) AS gone_at FROM channel_closed GROUP BY channel_id),
    known AS (SELECT n.*, f.opened_at, CASE WHEN gone_at >= seen_at THEN gone_at END AS closed_at
      FROM newest n JOIN first f USING (channel_id) LEFT JOIN gone USING (channel_id)),
    side AS (SELECT node_a AS node, * FROM known UNION ALL SELECT node_b, * FROM known)
  SELECT (count(*) FILTER (WHERE was))::int AS channels, (sum(capacity_sat) FILTER (WHERE was))::float8 AS capacity_sat,
    (min((channel_id >> 40) & 16777215) FILTER (WHERE was))::int AS oldest_block,
    (max((channel_id >> 40) & 16777215) FILTER (WHERE was))::int AS newest_block,
    bool_and(closed_at IS NOT NULL) AS is_lost, max(closed_at) AS lost_at
  FROM (SELECT *, opened_at <= $1 AND (closed_at IS NULL OR closed_at > $1) AS was FROM side) s
  GROUP BY node HAVING bool_or(was)`;

/** Ten minutes each. */
const BLOCKS_PER_DAY = 144;

export function nodeHistory(database: Queryable) {
  let began: UnixSeconds | undefined;
  /** Asked of the table until it has a beginning, which stays. */
  const watchedSince = async (): Promise<UnixSeconds | undefined> => {
    if (began !== undefined) return began;
    const { rows } = await translated(database.query("SELECT min(at) AS at FROM channel_opened"));
    if (rows[0].at !== null) began = unixSeconds(Number(rows[0].at));
    return began;
  };
  return {
    /** By day, how many channels of a node came and went. */
    async historyOf(keyHex: string): Promise<NodeHistory> {
      const query = { name: "node-history", text: OF_NODE, values: [fromHex(keyHex)] };
      const [since, { rows }] = await Promise.all([watchedSince(), translated(database.query(query))]);
      const days = rows.map(({ day, opened, closed }) => ({ day: Number(day), opened, closed }));
      return { watchedSince: since, days };
    },

    watchedSince,

    /** What became, up to an instant, of the nodes that had channels at an earlier one. Reads the whole history. */
    async becameOf(from: UnixSeconds, until: UnixSeconds): Promise<WatchedNode[]> {
      const { rows } = await translated(database.query(BECAME, [from]));
      const tip = rows.reduce((newest, { newest_block }) => Math.max(newest, newest_block), 0);
      return rows.map((row) => ({
        channels: row.channels,
        capacitySat: row.capacity_sat,
        ageDays: row.oldest_block > 0 ? (tip - row.oldest_block) / BLOCKS_PER_DAY : undefined,
        isLost: row.is_lost,
        days: ((row.is_lost ? Number(row.lost_at) : until) - from) / 86_400,
      }));
    },
  };
}
