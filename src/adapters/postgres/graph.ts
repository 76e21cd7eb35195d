/** Tables `graph_snapshot`, `node` and `scoring_run`: the graph as the crawler read it, and how its nodes were rated. */
import { fromHex, toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { Subject } from "../../core/subject.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, type Queryable, translated } from "./connect.ts";

/** What a node is worth, on the scale that is published (docs/scoring.md). */
export type StoredScore = {
  rank: number;
  rankLow: number;
  rankHigh: number;
  reachRatio: number;
  observations: number;
  scoredAt: UnixSeconds;
};

export type StoredNode = {
  keyHex: string;
  alias: string;
  channelCount: number;
  liveInCount: number;
  capacitySat: bigint;
  lastUpdateAt: UnixSeconds;
  score: StoredScore | undefined;
};

/** A graph reading, ready to be stored whole. */
export type GraphReading = {
  digest: Uint8Array;
  takenAt: UnixSeconds;
  source: string;
  nodeCount: number;
  channelCount: number;
  arcCount: number;
  body: Uint8Array;
};

const MAX_ALIAS_MATCHES = 5;

const UPSERT_NODES = `
  INSERT INTO node (node_key, key_hash, alias, channel_count, live_in_count, capacity_sat, last_update_at, snapshot_id,
    rank, rank_low, rank_high, reach_ratio, observations, scored_at)
  SELECT decode(key, 'hex'), sha256(convert_to(key, 'UTF8')), alias, channels, live_in, capacity, updated, $1::bigint,
    rank, low, high, reach, seen, scored
  FROM unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::bigint[], $7::bigint[],
    $8::smallint[], $9::smallint[], $10::smallint[], $11::real[], $12::int[], $13::bigint[])
    AS row(key, alias, channels, live_in, capacity, updated, rank, low, high, reach, seen, scored)
  ON CONFLICT (node_key) DO UPDATE SET alias = excluded.alias, channel_count = excluded.channel_count,
    live_in_count = excluded.live_in_count, capacity_sat = excluded.capacity_sat, last_update_at = excluded.last_update_at,
    snapshot_id = excluded.snapshot_id, rank = excluded.rank, rank_low = excluded.rank_low, rank_high = excluded.rank_high,
    reach_ratio = excluded.reach_ratio, observations = excluded.observations, scored_at = excluded.scored_at`;

export function graphTables(database: Database) {
  return {
    /** When the newest scores were computed; undefined before the first run. */
    async scoredAt(): Promise<UnixSeconds | undefined> {
      const text = "SELECT finished_at FROM scoring_run ORDER BY scoring_run_id DESC LIMIT 1";
      const { rows } = await translated(database.query({ name: "scored-at", text }));
      return rows[0] && instant(rows[0].finished_at);
    },

    /** Sizes of the newest snapshot; undefined before the first. */
    async counts(): Promise<{ nodes: number; channels: number; arcs: number } | undefined> {
      const text = "SELECT node_count, channel_count, arc_count FROM graph_snapshot ORDER BY snapshot_id DESC LIMIT 1";
      const { rows } = await translated(database.query({ name: "graph-counts", text }));
      return rows[0] && { nodes: rows[0].node_count, channels: rows[0].channel_count, arcs: rows[0].arc_count };
    },

    /** The one node of this name; undefined when there is none. @throws SUBJECT_AMBIGUOUS naming the keys that share an alias */
    async find(subject: Subject): Promise<StoredNode | undefined> {
      if (subject.by === "alias") return findByAlias(database, subject.alias);
      const [column, hex] = subject.by === "key" ? ["node_key", subject.keyHex] : ["key_hash", subject.hashHex];
      const text = `SELECT * FROM node WHERE ${column} = $1`;
      const { rows } = await translated(database.query({ name: `node-by-${column}`, text, values: [fromHex(hex)] }));
      return rows[0] && storedNode(rows[0]);
    },

    /** Rated nodes, best first, after a cursor of the last page's end. */
    async ranking(page: { limit: number; after?: { rank: number; keyHex: string } }): Promise<StoredNode[]> {
      const text = `SELECT * FROM node WHERE rank IS NOT NULL AND (rank < $1 OR (rank = $1 AND node_key > $2))
        ORDER BY rank DESC, node_key LIMIT $3`;
      const values = [page.after?.rank ?? 101, fromHex(page.after?.keyHex ?? ""), page.limit];
      const { rows } = await translated(database.query({ name: "node-ranking", text, values }));
      return rows.map(storedNode);
    },

    /** Nodes whose alias begins with the text, in any case, best rank first. */
    async search(alias: string, limit: number): Promise<StoredNode[]> {
      const text = `SELECT * FROM node WHERE lower(alias) LIKE $1 ORDER BY rank DESC NULLS LAST, node_key LIMIT $2`;
      const pattern = `${alias.toLowerCase().replace(/[\\%_]/g, (special) => `\\${special}`)}%`;
      const { rows } = await translated(database.query({ name: "node-search", text, values: [pattern, limit] }));
      return rows.map(storedNode);
    },

    /** Every node that has a score, for publishing. */
    async scored(): Promise<StoredNode[]> {
      const { rows } = await translated(database.query("SELECT * FROM node WHERE rank IS NOT NULL ORDER BY node_key"));
      return rows.map(storedNode);
    },
  };
}

/** Writes a reading's row. @returns its number */
export async function insertSnapshot(client: Queryable, reading: GraphReading): Promise<bigint> {
  const { rows } = await client.query(
    `INSERT INTO graph_snapshot (digest, taken_at, node_count, channel_count, arc_count, source, body)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING snapshot_id`,
    [
      reading.digest,
      reading.takenAt,
      reading.nodeCount,
      reading.channelCount,
      reading.arcCount,
      reading.source,
      reading.body,
    ],
  );
  return rows[0].snapshot_id;
}

/** Replaces all nodes and their scores by those of a snapshot, inside the caller's transaction. */
export async function writeNodes(
  client: Queryable,
  snapshotId: bigint,
  nodes: AsyncIterable<StoredNode[]>,
  scoredAt: UnixSeconds,
): Promise<void> {
  let scored = 0;
  for await (const page of nodes) {
    await client.query(UPSERT_NODES, [snapshotId, ...nodeColumns(page)]);
    scored += page.filter((node) => node.score).length;
  }
  await client.query("DELETE FROM node WHERE snapshot_id <> $1", [snapshotId]);
  const run = "INSERT INTO scoring_run (snapshot_id, scored_count, finished_at) VALUES ($1, $2, $3)";
  await client.query(run, [snapshotId, scored, scoredAt]);
}

/** One array per column: a page of nodes goes to the server as one statement. */
function nodeColumns(nodes: StoredNode[]): unknown[][] {
  return [
    nodes.map((node) => node.keyHex),
    // Postgres text cannot hold a NUL, and an alias is whatever a stranger announced.
    nodes.map((node) => node.alias.replaceAll("\u0000", "")),
    nodes.map((node) => node.channelCount),
    nodes.map((node) => node.liveInCount),
    nodes.map((node) => node.capacitySat),
    nodes.map((node) => node.lastUpdateAt),
    nodes.map((node) => node.score?.rank),
    nodes.map((node) => node.score?.rankLow),
    nodes.map((node) => node.score?.rankHigh),
    nodes.map((node) => node.score?.reachRatio),
    nodes.map((node) => node.score?.observations),
    nodes.map((node) => node.score?.scoredAt),
  ];
}

async function findByAlias(database: Queryable, alias: string): Promise<StoredNode | undefined> {
  const text = "SELECT * FROM node WHERE lower(alias) = lower($1) ORDER BY rank DESC NULLS LAST, node_key LIMIT $2";
  const values = [alias, MAX_ALIAS_MATCHES];
  const { rows } = await translated(database.query({ name: "node-by-alias", text, values }));
  if (rows.length > 1) {
    const keys = rows.map((row) => toHex(row.node_key)).join(", ");
    throw new OracleError(
      "SUBJECT_AMBIGUOUS",
      `several nodes call themselves ${JSON.stringify(alias)}; name one by its key: ${keys}`,
    );
  }
  return rows[0] && storedNode(rows[0]);
}

function storedNode(row: Record<string, unknown>): StoredNode {
  return {
    keyHex: toHex(row["node_key"] as Uint8Array),
    alias: row["alias"] as string,
    channelCount: row["channel_count"] as number,
    liveInCount: row["live_in_count"] as number,
    capacitySat: row["capacity_sat"] as bigint,
    lastUpdateAt: instant(row["last_update_at"]),
    score:
      row["rank"] === null
        ? undefined
        : {
            rank: row["rank"] as number,
            rankLow: row["rank_low"] as number,
            rankHigh: row["rank_high"] as number,
            reachRatio: row["reach_ratio"] as number,
            observations: row["observations"] as number,
            scoredAt: instant(row["scored_at"]),
          },
  };
}

function instant(value: unknown): UnixSeconds {
  return unixSeconds(Number(value));
}
