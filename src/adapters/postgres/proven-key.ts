/** Nostr keys and addresses that a proof binds to what we rate: subjects of assertions of kinds 30382 and 30384. */
import { nodeAddress } from "../../core/clip/announcement.ts";
import { FOREIGN_KIND } from "../../core/nip85/kinds.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** `kind:pubkey:d` of an announcement, and the relay it was found on. */
export type AnnouncedAddress = { address: string; relay?: string };
/** `proofs` are the addresses of its announcements; a node that was claimed has none. */
export type ProvenKey = { pubkey: string; relay?: string; nodes: string[]; endpoints: bigint[]; proofs: string[] };

/** So many at most are named of one key. */
const MOST_PROOFS = 10;

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
  WITH run AS MATERIALIZED (SELECT * FROM node_operator($1::bigint)), announced AS MATERIALIZED (${ANNOUNCED}), found AS (
    SELECT o.pubkey, '${FOREIGN_KIND.nodeAnnouncement}:' || o.pubkey || ':' || o.node_key AS address, a.relay
      FROM run o JOIN node_announcement a USING (node_key) WHERE o.proof = 'clip'
    UNION SELECT n.pubkey, n.address, r.relay FROM announced n LEFT JOIN announcement_relay r USING (address)
  ), keys AS (
    SELECT pubkey FROM run UNION SELECT pubkey FROM found
  )
  SELECT k.pubkey, (SELECT min(relay) FROM found f WHERE f.pubkey = k.pubkey) AS relay,
    ARRAY(SELECT DISTINCT node_key FROM run WHERE run.pubkey = k.pubkey ORDER BY node_key) AS nodes,
    ARRAY(SELECT endpoint_id::text FROM endpoint e WHERE e.operator = k.pubkey AND e.removed_at IS NULL ORDER BY endpoint_id) AS endpoints,
    ARRAY(SELECT address FROM found f WHERE f.pubkey = k.pubkey ORDER BY address LIMIT ${MOST_PROOFS}) AS proofs
  FROM keys k ORDER BY k.pubkey`;

export function provenKeyView(database: Queryable, now: () => UnixSeconds) {
  return {
    /** Of each node whose newest announcement (CLIP) holds: where that is. */
    async nodeAddresses(): Promise<Map<string, AnnouncedAddress>> {
      const text = `SELECT o.node_key, o.pubkey, a.relay FROM node_operator($1) o JOIN node_announcement a USING (node_key)
        WHERE o.proof = 'clip' ORDER BY o.node_key`;
      const { rows } = await translated(database.query(text, [now()]));
      return new Map(
        rows.map(({ node_key: nodeKey, pubkey, relay }) => [
          nodeKey,
          { address: nodeAddress({ nodeKey, pubkey }), relay },
        ]),
      );
    },

    /** Of endpoints by which an announced API (kind 31402) is rated, whose host names the author: where that is. */
    async paidApiAddresses(): Promise<Map<bigint, AnnouncedAddress[]>> {
      const { rows } = await translated(database.query(PAID_APIS));
      const addresses = new Map<bigint, AnnouncedAddress[]>();
      for (const { endpoint_id: endpointId, address, relay } of rows) {
        const found = { address, ...(relay !== null && { relay }) };
        addresses.set(endpointId, [...(addresses.get(endpointId) ?? []), found]);
      }
      return addresses;
    },

    /**
     * The keys that proved to run something: by a node's announcement, by a node's claim, or by announcing (kind 31402) what a host says
     * is theirs. `endpoints` are all that hosts say are theirs.
     */
    async provenKeys(): Promise<ProvenKey[]> {
      const { rows } = await translated(database.query(PROVEN_KEYS, [now()]));
      return rows.map(({ pubkey, relay, nodes, endpoints, proofs }) => ({
        pubkey,
        ...(relay !== null && { relay }),
        nodes,
        endpoints: endpoints.map(BigInt),
        proofs,
      }));
    },
  };
}
