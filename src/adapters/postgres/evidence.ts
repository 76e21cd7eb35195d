/** Table `evidence`: everything that was observed, in one hash chain that nothing can be taken out of. */

import { type CallEvidence, decodeCall, encodeCall } from "../../core/evidence/call.ts";
import { decodeEvidence, encodeEvidence } from "../../core/evidence/canonical.ts";
import { CHAIN_START, type ChainHead, type Link } from "../../core/evidence/chain.ts";
import type { Evidence } from "../../core/evidence/observation.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** Adds entries in their order: all of them, or none. In a transaction of the caller's, other writers wait for its end. */
export async function appendEvidence(database: Queryable, evidence: readonly Evidence[]): Promise<void> {
  if (evidence.length === 0) return;
  await translated(database.query("SELECT append_evidence($1)", [evidence.map(encodeEvidence)]));
}

/** Adds calls of endpoints to the same log, as {@link appendEvidence} does. */
export async function appendCalls(database: Queryable, calls: readonly CallEvidence[]): Promise<void> {
  if (calls.length === 0) return;
  await translated(database.query("SELECT append_evidence($1)", [calls.map(encodeCall)]));
}

const MAX_POSITION = 2n ** 63n - 1n;

export function evidenceTable(database: Queryable) {
  const links = async (name: string, text: string, values: unknown[]): Promise<Link[]> => {
    const { rows } = await translated(database.query({ name, text, values }));
    return rows.map((row) => ({ position: row.position, hash: new Uint8Array(row.hash), text: row.entry }));
  };
  return {
    /** At most `limit` entries after a position, in their order, as they are stored. */
    page: (after: bigint, limit: number): Promise<Link[]> =>
      links(
        "evidence-page",
        "SELECT position, hash, entry FROM evidence WHERE position > $1 ORDER BY position LIMIT $2",
        [after, limit],
      ),

    /** The same of observations of the network alone, without calls of endpoints. */
    networkPage: (after: bigint, limit: number): Promise<Link[]> =>
      links(
        "evidence-network",
        "SELECT position, hash, entry FROM evidence WHERE position > $1 AND kind <> 'call' ORDER BY position LIMIT $2",
        [after, limit],
      ),

    /** The same of observations that name a node: as the one they are about or that forwards, or as its neighbour. */
    nodePage(node: string, after: bigint, limit: number): Promise<Link[]> {
      const named = (cell: number) => `(SELECT position, hash, entry FROM evidence
        WHERE kind <> 'call' AND entry::jsonb ->> ${cell} = $1 AND position > $2 ORDER BY position LIMIT $3)`;
      const text = `${named(6)} UNION ${named(7)} ORDER BY position LIMIT $3`;
      return links("evidence-of-node", text, [node, after, limit]);
    },

    /** The same of calls of one endpoint: 64 hex digits of its URL's hash, and the method. */
    callPage: (endpoint: string, method: string, after: bigint, limit: number): Promise<Link[]> =>
      links(
        "evidence-of-endpoint",
        `SELECT position, hash, entry FROM evidence WHERE kind = 'call' AND entry::jsonb ->> 6 = $1 AND entry::jsonb ->> 7 = $2
         AND position > $3 ORDER BY position LIMIT $4`,
        [endpoint, method, after, limit],
      ),

    /** The newest calls of an endpoint, in their order. */
    async newestCalls(endpoint: string, method: string, limit: number): Promise<Link[]> {
      const text = `SELECT position, hash, entry FROM evidence WHERE kind = 'call' AND entry::jsonb ->> 6 = $1 AND entry::jsonb ->> 7 = $2
        ORDER BY position DESC LIMIT $3`;
      return (await links("evidence-newest-calls", text, [endpoint, method, limit])).reverse();
    },

    /** The place in the log after which everything observed of the network since an instant comes. */
    async placeBefore(at: UnixSeconds): Promise<ChainHead> {
      const text = `SELECT position, hash FROM evidence
        WHERE position < coalesce((SELECT min(position) FROM evidence WHERE observed_at >= $1 AND kind <> 'call'), ${MAX_POSITION})
        ORDER BY position DESC LIMIT 1`;
      const { rows } = await translated(database.query({ name: "evidence-place", text, values: [at] }));
      return rows[0] ? { position: rows[0].position, hash: new Uint8Array(rows[0].hash) } : CHAIN_START;
    },

    /** The place of the newest observation of the network. */
    async networkHead(): Promise<ChainHead> {
      const text = "SELECT position, hash FROM evidence WHERE kind <> 'call' ORDER BY position DESC LIMIT 1";
      const { rows } = await translated(database.query({ name: "evidence-head", text }));
      return rows[0] ? { position: rows[0].position, hash: new Uint8Array(rows[0].hash) } : CHAIN_START;
    },

    /** What was observed of the network since an instant, oldest first: the newest `limit` of it, of the log up to a position. */
    async since(at: UnixSeconds, limit: number, upTo = MAX_POSITION): Promise<Evidence[]> {
      const text = `SELECT entry FROM (
          SELECT position, observed_at, entry FROM evidence WHERE observed_at >= $1 AND position <= $3 AND kind <> 'call'
          ORDER BY observed_at DESC, position DESC LIMIT $2
        ) newest ORDER BY observed_at, position`;
      const { rows } = await translated(database.query({ name: "evidence-since", text, values: [at, limit, upTo] }));
      return rows.map((row) => decodeEvidence(row.entry));
    },

    /** Calls of one endpoint since an instant, oldest first: the newest `limit` of them. */
    async callsOf(endpoint: string, method: string, since: UnixSeconds, limit: number): Promise<CallEvidence[]> {
      const text = `SELECT entry FROM (
          SELECT position, entry FROM evidence
          WHERE kind = 'call' AND entry::jsonb ->> 6 = $1 AND entry::jsonb ->> 7 = $2 AND observed_at >= $3
          ORDER BY position DESC LIMIT $4
        ) newest ORDER BY position`;
      const values = [endpoint, method, since, limit];
      const { rows } = await translated(database.query({ name: "evidence-calls", text, values }));
      return rows.map((row) => decodeCall(row.entry));
    },

    /** What one attempt proved of the network, in the order of its hops. */
    async ofAttempt(attempt: string): Promise<Evidence[]> {
      const text = "SELECT entry FROM evidence WHERE attempt = $1 ORDER BY position";
      const { rows } = await translated(database.query(text, [attempt]));
      return rows.map((row) => decodeEvidence(row.entry));
    },
  };
}
