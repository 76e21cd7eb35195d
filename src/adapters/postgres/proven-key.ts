/** Nostr keys and addresses that a proof binds to what we rate: subjects of assertions of kinds 30382 and 30384. */
import { nodeAddress } from "../../core/clip/announcement.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** `relay` is where the announcement was found. */
export type NodeAddress = { nodeKey: string; address: string; relay?: string };
export type PaidApiAddress = { endpointId: bigint; address: string; relay?: string };
/** `proof` is the strongest that the key has: the node's announcement, the node's claim, or its host's word. */
export type ProvenKey = { pubkey: string; nodes: string[]; endpoints: bigint[]; proof: "clip" | "nip98" | "host" };

/** An announced API counts for whoever signed the announcement only where the endpoint's host names that key. */
const ANNOUNCED = `
  SELECT l.reference AS address, split_part(l.reference, ':', 2) AS pubkey, e.endpoint_id
  FROM endpoint_listing l JOIN endpoint e USING (endpoint_id)
  WHERE l.source = 'announcement' AND l.gone_at IS NULL AND e.removed_at IS NULL AND e.operator = split_part(l.reference, ':', 2)`;

/** One announcement may name several endpoints: it is as good as the one of them that is believed to be the worst. */
const PAID_APIS = `
  SELECT DISTINCT ON (a.address) a.address, a.endpoint_id, r.relay
  FROM (${ANNOUNCED}) a LEFT JOIN endpoint_belief b USING (endpoint_id) LEFT JOIN announcement_relay r USING (address)
  ORDER BY a.address, b.probability NULLS LAST, a.endpoint_id`;

const PROVEN_KEYS = `
  WITH run AS MATERIALIZED (SELECT * FROM node_operator($1::bigint)), announced AS MATERIALIZED (${ANNOUNCED}), keys AS (
    SELECT pubkey FROM run UNION SELECT pubkey FROM announced
  )
  SELECT k.pubkey,
    ARRAY(SELECT DISTINCT node_key FROM run WHERE run.pubkey = k.pubkey ORDER BY node_key) AS nodes,
    ARRAY(SELECT endpoint_id::text FROM endpoint e WHERE e.operator = k.pubkey AND e.removed_at IS NULL ORDER BY endpoint_id) AS endpoints,
    coalesce((SELECT min(proof) FROM run WHERE run.pubkey = k.pubkey), 'host') AS proof
  FROM keys k ORDER BY k.pubkey`;

export function provenKeyView(database: Queryable, now: () => UnixSeconds) {
  return {
    /** The address of each node's announcement (CLIP) that is the newest of its node and holds. */
    async nodeAddresses(): Promise<NodeAddress[]> {
      const text = `SELECT o.node_key, o.pubkey, a.relay FROM node_operator($1) o JOIN node_announcement a USING (node_key)
        WHERE o.proof = 'clip' ORDER BY o.node_key`;
      const { rows } = await translated(database.query(text, [now()]));
      return rows.map(({ node_key: nodeKey, pubkey, relay }) => ({
        nodeKey,
        address: nodeAddress({ nodeKey, pubkey }),
        relay,
      }));
    },

    /** The address of each announced API (kind 31402) whose host names its author, and the endpoint that it is rated by. */
    async paidApiAddresses(): Promise<PaidApiAddress[]> {
      const { rows } = await translated(database.query(PAID_APIS));
      return rows.map(({ endpoint_id: endpointId, address, relay }) => ({
        endpointId,
        address,
        ...(relay !== null && { relay }),
      }));
    },

    /**
     * The keys that proved to run something: by a node's announcement, by a node's claim, or by announcing (kind 31402) what a host says
     * is theirs. `endpoints` are all that hosts say are theirs.
     */
    async provenKeys(): Promise<ProvenKey[]> {
      const { rows } = await translated(database.query(PROVEN_KEYS, [now()]));
      return rows.map(({ pubkey, nodes, endpoints, proof }) => ({
        pubkey,
        nodes,
        endpoints: endpoints.map(BigInt),
        proof,
      }));
    },
  };
}
