/** Tables `node_announcement`, `node_info` and `node_claim`: who runs a Lightning node, by the node's own word. */
import type { NodeAnnouncement } from "../../core/clip/announcement.ts";
import type { NodeInfo } from "../../core/clip/node-info.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";

/** How the node's word came: in its announcement (CLIP), or with a signed request. */
export type NodeProof = "clip" | "nip98";
export type NodeOperator = {
  pubkey: string;
  proof: NodeProof;
  since: UnixSeconds;
  info?: { about?: string; minChannelSat?: bigint; maxChannelSat?: bigint };
};
/** `signedDay` is the first second of the day (UTC) that the signed text names. */
export type NodeClaim = { nodeKey: string; pubkey: string; signedDay: UnixSeconds; expiresAt: UnixSeconds };

/** The newest stands, whoever signed it; of one second the lower id, as relays have it. */
const ANNOUNCE = `
  INSERT INTO node_announcement AS held (node_key, pubkey, event_id, created_at, expires_at, relay)
  SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (SELECT 1 FROM node WHERE node_key = decode($1, 'hex'))
  ON CONFLICT (node_key) DO UPDATE SET pubkey = excluded.pubkey, event_id = excluded.event_id, created_at = excluded.created_at,
    expires_at = excluded.expires_at, relay = excluded.relay, revoked_at = NULL
  WHERE (excluded.created_at, held.event_id) > (held.created_at, excluded.event_id)`;

const INFORM = `
  INSERT INTO node_info AS held (node_key, network, pubkey, created_at, about, min_channel_sat, max_channel_sat)
  SELECT $1, $2, $3, $4, $5, $6, $7 WHERE EXISTS (SELECT 1 FROM node_announcement WHERE node_key = $1 AND pubkey = $3 AND revoked_at IS NULL)
  ON CONFLICT (node_key, network) DO UPDATE SET pubkey = excluded.pubkey, created_at = excluded.created_at, about = excluded.about,
    min_channel_sat = excluded.min_channel_sat, max_channel_sat = excluded.max_channel_sat
  WHERE held.pubkey <> excluded.pubkey OR excluded.created_at > held.created_at`;

const OPERATOR = `
  SELECT o.pubkey, o.proof, o.since, i.about, i.min_channel_sat, i.max_channel_sat
  FROM node_operator($2) o LEFT JOIN node_info i ON i.node_key = o.node_key AND i.pubkey = o.pubkey AND o.proof = 'clip'
  WHERE o.node_key = $1 ORDER BY o.proof, i.created_at DESC LIMIT 1`;

export function nodeOperatorTable(database: Database) {
  return {
    /** Of these nodes those in our graph, each with the announcement we hold, if any. */
    async heldAnnouncements(nodeKeys: readonly string[]): Promise<Map<string, { createdAt: number; eventId: string }>> {
      const text = `SELECT encode(n.node_key, 'hex') AS node_key, a.created_at, a.event_id
        FROM node n LEFT JOIN node_announcement a ON a.node_key = encode(n.node_key, 'hex')
        WHERE n.node_key = ANY (SELECT decode(key, 'hex') FROM unnest($1::text[]) key)`;
      const { rows } = await translated(database.query(text, [nodeKeys]));
      return new Map(
        rows.map((row) => [row.node_key, { createdAt: Number(row.created_at ?? -1), eventId: row.event_id ?? "" }]),
      );
    },

    /** Writes an announcement down, unless a later one of the same node is held, or the node is in no graph. @returns whether it is news */
    async announce(made: NodeAnnouncement, expiresAt: UnixSeconds | undefined, relay: string): Promise<boolean> {
      const values = [made.nodeKey, made.pubkey, made.eventId, made.createdAt, expiresAt ?? null, relay];
      const { rowCount } = await translated(database.query(ANNOUNCE, values));
      return rowCount === 1;
    },

    /** Writes down what is said of a node, unless it is of another key than the node's announcement names. */
    async inform(info: NodeInfo): Promise<boolean> {
      const { nodeKey, network, pubkey, createdAt, about, minChannelSat, maxChannelSat } = info;
      const values = [nodeKey, network, pubkey, createdAt, about ?? null, minChannelSat ?? null, maxChannelSat ?? null];
      const { rowCount } = await translated(database.query(INFORM, values));
      return rowCount === 1;
    },

    /** Ids of announcements that hold, drawn by chance: what their deletions are asked for by. */
    async standingAnnouncements(limit: number): Promise<string[]> {
      const text = "SELECT event_id FROM node_announcement WHERE revoked_at IS NULL ORDER BY random() LIMIT $1";
      const { rows } = await translated(database.query(text, [limit]));
      return rows.map((row) => row.event_id);
    },

    /** Ends what the author took back: by id, or by address up to the second of the deletion. */
    async revokeAnnouncements(taken: {
      author: string;
      at: UnixSeconds;
      eventIds: readonly string[];
      nodeKeys: readonly string[];
    }): Promise<number> {
      const text = `UPDATE node_announcement SET revoked_at = $2 WHERE pubkey = $1 AND revoked_at IS NULL
        AND (event_id = ANY ($3) OR (node_key = ANY ($4) AND created_at <= $2))`;
      const { rowCount } = await translated(
        database.query(text, [taken.author, taken.at, taken.eventIds, taken.nodeKeys]),
      );
      return rowCount ?? 0;
    },

    /**
     * Writes a claim down in place of any other. "outdated": another key has the node's word for a later day, or since; "used": this
     * text was claimed with before and has ended.
     */
    async claim(claim: NodeClaim, now: UnixSeconds): Promise<"claimed" | "outdated" | "used"> {
      return inTransaction(database, (client) => takeClaim(client, claim, now));
    },

    /** Ends the claim of this key. False when it has none. */
    async withdrawClaim(nodeKey: string, pubkey: string, now: UnixSeconds): Promise<boolean> {
      const text = `UPDATE node_claim SET ended_at = $3, ended_why = 'withdrawn'
        WHERE node_key = $1 AND pubkey = $2 AND ended_at IS NULL AND expires_at > $3`;
      const { rowCount } = await translated(database.query(text, [nodeKey, pubkey, now]));
      return rowCount === 1;
    },

    /** Who runs a node; undefined when nobody has shown it. */
    async operatorOf(nodeKey: string, now: UnixSeconds): Promise<NodeOperator | undefined> {
      const { rows } = await translated(
        database.query({ name: "node-operator", text: OPERATOR, values: [nodeKey, now] }),
      );
      const [row] = rows;
      if (!row) return undefined;
      const { about, min_channel_sat: least, max_channel_sat: most } = row;
      const info = {
        ...(about !== null && { about: about as string }),
        ...(least !== null && { minChannelSat: least as bigint }),
        ...(most !== null && { maxChannelSat: most as bigint }),
      };
      return {
        pubkey: row.pubkey,
        proof: row.proof,
        since: unixSeconds(Number(row.since)),
        ...(Object.keys(info).length > 0 && { info }),
      };
    },
  };
}

async function takeClaim(client: Queryable, claim: NodeClaim, now: UnixSeconds) {
  const { nodeKey, pubkey, signedDay, expiresAt } = claim;
  await client.query("SELECT pg_advisory_xact_lock(7402413, hashtext($1))", [nodeKey]);
  const dayEnd = signedDay + 86_400;
  const later = `SELECT 1 FROM node_announcement WHERE node_key = $1 AND pubkey <> $2 AND created_at >= $4
    UNION ALL SELECT 1 FROM node_claim WHERE node_key = $1 AND pubkey <> $2 AND signed_day > $3`;
  if ((await client.query(later, [nodeKey, pubkey, signedDay, dayEnd])).rows.length > 0) return "outdated" as const;
  const same = `SELECT ended_at FROM node_claim WHERE node_key = $1 AND pubkey = $2
    AND (signed_day = $3 OR (signed_day > $3 AND ended_at IS NULL)) ORDER BY ended_at NULLS FIRST`;
  const { rows } = await client.query(same, [nodeKey, pubkey, signedDay]);
  if (rows[0] && rows[0].ended_at !== null) return "used" as const;
  if (rows[0]) {
    const longer = "UPDATE node_claim SET expires_at = $2 WHERE node_key = $1 AND ended_at IS NULL";
    await client.query(longer, [nodeKey, expiresAt]);
    return "claimed" as const;
  }
  const end = `UPDATE node_claim SET ended_at = $3, ended_why = CASE WHEN pubkey = $2 THEN 'renewed' ELSE 'replaced' END
    WHERE node_key = $1 AND ended_at IS NULL`;
  await client.query(end, [nodeKey, pubkey, now]);
  const text = `INSERT INTO node_claim (node_key, pubkey, signed_day, claimed_at, expires_at) VALUES ($1, $2, $3, $4, $5)`;
  await client.query(text, [nodeKey, pubkey, signedDay, now, expiresAt]);
  return "claimed" as const;
}
