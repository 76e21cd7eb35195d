/**
 * Tables `graph_version` and `graph_head`: the graph's states one after the other, written by one process at a time.
 *
 * Each write is one transaction: the version, the history of what changed, and for a snapshot the nodes with their scores.
 * Readers follow by what they hold, and never see half of a change.
 */
import { equalBytes, toHex } from "../../core/bytes.ts";
import type { GraphChange } from "../../core/graph/change.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { type GraphReading, insertSnapshot, type StoredNode, writeNodes } from "./graph.ts";
import { appendHistory } from "./graph-history.ts";
import { outboxTable, type StagedEvent } from "./outbox.ts";

/** One state of the graph; `digest` names its content. */
export type GraphPosition = { snapshotId: bigint; number: number; digest: Uint8Array };

/** The newest state: a snapshot, and what changed since, in order. */
export type StoredGraph = { position: GraphPosition; at: UnixSeconds; body: Uint8Array; deltas: Uint8Array[] };

/** One step of the graph: a delta, or (without one) a snapshot, of `base` written out whole or of something else. */
export type StoredVersion = {
  position: GraphPosition;
  at: UnixSeconds;
  delta: Uint8Array | undefined;
  base: { snapshotId: bigint; number: number } | undefined;
};

/** What comes with a version, in pages. */
type Pages<Item> = AsyncIterable<Item[]>;
type Write = { holder: string; after: GraphPosition | undefined; at: UnixSeconds; history: Pages<GraphChange> };
export type DeltaWrite = Write & { delta: Uint8Array; digest: Uint8Array };
export type SnapshotWrite = Write & {
  reading: GraphReading;
  nodes: Pages<StoredNode>;
  sameAsBefore: boolean;
  /** What is said of these nodes on Nostr: stored with their scores, or not at all. */
  staged?: readonly StagedEvent[];
};

const MAX_STEPS = 500;

export function graphVersions(database: Database) {
  return {
    /** Takes or renews the right to write; false while another process has it. */
    async claim(holder: string, leaseSec: number): Promise<boolean> {
      const text = `UPDATE graph_head SET holder = $1, held_until = now() + $2 * interval '1 second'
        WHERE holder = $1 OR holder IS NULL OR held_until < now()`;
      const { rowCount } = await translated(database.query({ name: "graph-claim", text, values: [holder, leaseSec] }));
      return rowCount === 1;
    },

    /** Gives the right back, so that another process need not wait for its end. */
    async release(holder: string): Promise<void> {
      await translated(
        database.query("UPDATE graph_head SET holder = NULL, held_until = NULL WHERE holder = $1", [holder]),
      );
    },

    /** The newest state whole; undefined before the first snapshot. */
    async newest(): Promise<StoredGraph | undefined> {
      const text = `SELECT v.snapshot_id, v.number, v.digest, v.at, s.body, ARRAY(SELECT d.body FROM graph_version d
          WHERE d.snapshot_id = h.snapshot_id AND d.number > 0 ORDER BY d.number) AS deltas
        FROM graph_head h JOIN graph_snapshot s USING (snapshot_id)
          JOIN graph_version v ON v.snapshot_id = h.snapshot_id AND v.number = h.number`;
      const { rows } = await translated(database.query({ name: "graph-newest", text }));
      const row = rows[0];
      return row && { position: positionOf(row), at: unixSeconds(Number(row.at)), body: row.body, deltas: row.deltas };
    },

    /** What followed a state, oldest first. Whether it follows without a gap is for the reader to see. */
    async after(held: { snapshotId: bigint; number: number }): Promise<StoredVersion[]> {
      const text = `SELECT snapshot_id, number, digest, at, body, base_snapshot_id, base_number FROM graph_version
        WHERE (snapshot_id, number) > ($1, $2) ORDER BY snapshot_id, number LIMIT ${MAX_STEPS}`;
      const values = [held.snapshotId, held.number];
      const { rows } = await translated(database.query({ name: "graph-after", text, values }));
      return rows.map((row) => ({
        position: positionOf(row),
        at: unixSeconds(Number(row.at)),
        delta: row.body ?? undefined,
        base: row.base_snapshot_id === null ? undefined : { snapshotId: row.base_snapshot_id, number: row.base_number },
      }));
    },

    /**
     * Writes the version after `after`, or nothing when that is not the newest any more: undefined then. Safe to repeat when
     * it is not known what became of it.
     */
    async append(write: DeltaWrite): Promise<GraphPosition | undefined> {
      const { holder, after, at, history, delta, digest } = write;
      if (!after) return undefined;
      const position = { snapshotId: after.snapshotId, number: after.number + 1, digest };
      const written = await unlessSuperseded(database, async (client) => {
        await writeHistory(client, history, at);
        await advance(client, holder, after, position);
        await insertVersion(client, position, at, delta);
        return position;
      });
      // An earlier attempt of ours may have been committed without our hearing of it.
      return written ?? ((await isStored(database, position)) ? position : undefined);
    },

    /**
     * The same for a snapshot, with its nodes and their scores. `sameAsBefore` says that it is the graph of `after` written out whole:
     * who holds that need not read it.
     */
    async checkpoint(write: SnapshotWrite): Promise<GraphPosition | undefined> {
      const { holder, after, at, history, reading, nodes, sameAsBefore, staged = [] } = write;
      return unlessSuperseded(database, async (client) => {
        await writeHistory(client, history, at);
        const snapshotId = await insertSnapshot(client, reading);
        await writeNodes(client, snapshotId, nodes, reading.takenAt);
        await outboxTable(client).stage(staged, at);
        const position = { snapshotId, number: 0, digest: reading.digest };
        await advance(client, holder, after, position);
        await insertVersion(client, position, at, undefined, sameAsBefore ? after : undefined);
        await prune(client, snapshotId);
        return position;
      });
    },
  };
}

/** Thrown to roll a transaction back; never leaves this file. */
class Superseded extends Error {}

async function unlessSuperseded(
  database: Database,
  work: (client: Queryable) => Promise<GraphPosition>,
): Promise<GraphPosition | undefined> {
  return inTransaction(database, work).catch((error: unknown) => {
    if (error instanceof Superseded) return undefined;
    throw error;
  });
}

async function isStored(database: Queryable, { snapshotId, number, digest }: GraphPosition): Promise<boolean> {
  const text = "SELECT digest FROM graph_version WHERE snapshot_id = $1 AND number = $2";
  const { rows } = await translated(database.query(text, [snapshotId, number]));
  return rows[0] !== undefined && equalBytes(rows[0].digest, digest);
}

/** Last in a transaction but for the version itself: the row that every process wants is locked for a moment only. */
async function advance(
  client: Queryable,
  holder: string,
  from: GraphPosition | undefined,
  to: GraphPosition,
): Promise<void> {
  const text = `UPDATE graph_head SET snapshot_id = $4, number = $5
    WHERE holder = $1 AND snapshot_id IS NOT DISTINCT FROM $2 AND number = $3`;
  const values = [holder, from?.snapshotId ?? null, from?.number ?? 0, to.snapshotId, to.number];
  const { rowCount } = await client.query(text, values);
  if (rowCount !== 1) throw new Superseded(`version ${toHex(to.digest)} does not follow the newest`);
}

async function insertVersion(
  client: Queryable,
  { snapshotId, number, digest }: GraphPosition,
  at: UnixSeconds,
  delta: Uint8Array | undefined,
  base?: GraphPosition,
): Promise<void> {
  await client.query(
    `INSERT INTO graph_version (snapshot_id, number, digest, at, body, base_snapshot_id, base_number)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [snapshotId, number, digest, at, delta ?? null, base?.snapshotId ?? null, base?.number ?? null],
  );
}

async function writeHistory(client: Queryable, history: Pages<GraphChange>, at: UnixSeconds): Promise<void> {
  for await (const page of history) await appendHistory(client, page, at);
}

/** Older bodies are kept for a while, so that an answer given a moment ago can be recomputed. */
const SNAPSHOTS_KEPT = 3;

async function prune(client: Queryable, newest: bigint): Promise<void> {
  const keep = "SELECT snapshot_id FROM graph_snapshot ORDER BY snapshot_id DESC LIMIT $1";
  for (const table of ["scoring_run", "graph_snapshot"]) {
    const text = `DELETE FROM ${table} WHERE snapshot_id <> $2 AND snapshot_id NOT IN (${keep})`;
    await client.query(text, [SNAPSHOTS_KEPT, newest]);
  }
}

function positionOf(row: { snapshot_id: bigint; number: number; digest: Uint8Array }): GraphPosition {
  return { snapshotId: row.snapshot_id, number: row.number, digest: new Uint8Array(row.digest) };
}
