/** Tables `channel_opened`, `channel_closed`, `channel_policy` and `node_announced`: what was so in the graph, and since when. */
import type { GraphChange } from "../../core/graph/change.ts";
import { readAlias } from "../../core/graph/channel-graph.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { Queryable } from "./connect.ts";

type Of<Kind extends GraphChange["kind"]> = Extract<GraphChange, { kind: Kind }>;

const OPENED = `INSERT INTO channel_opened (channel_id, at, node_a, node_b, capacity_sat)
  SELECT id, $1, a, b, capacity FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[]) AS row(id, a, b, capacity)`;
const CLOSED = `INSERT INTO channel_closed (channel_id, at, closed_height)
  SELECT id, $1, nullif(height, 0) FROM unnest($2::bigint[], $3::int[]) AS row(id, height)`;
const POLICIES = `INSERT INTO channel_policy (channel_id, at, side, flags, announced_at, min_htlc_msat, max_htlc_msat,
    fee_base_msat, fee_ppm, inbound_base, inbound_ppm, cltv_delta)
  SELECT id, $1, side, flags, announced, least_msat, most_msat, base, ppm, in_base, in_ppm, delta
  FROM unnest($2::bigint[], $3::smallint[], $4::smallint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::int[], $11::int[], $12::int[])
    AS row(id, side, flags, announced, least_msat, most_msat, base, ppm, in_base, in_ppm, delta)`;
const NODES = `INSERT INTO node_announced (node_key, at, announced_at, alias)
  SELECT key, $1, announced, alias FROM unnest($2::bytea[], $3::bigint[], $4::text[]) AS row(key, announced, alias)`;

/** Appends what a page of changes has to be remembered by, inside the caller's transaction. */
export async function appendHistory(
  client: Queryable,
  changes: readonly GraphChange[],
  at: UnixSeconds,
): Promise<void> {
  const insert = async (text: string, columns: unknown[][]) => {
    if (columns[0]!.length > 0) await client.query(text, [at, ...columns]);
  };
  await insert(OPENED, openedColumns(only(changes, "opened")));
  await insert(CLOSED, closedColumns(only(changes, "closed")));
  await insert(POLICIES, policyColumns(only(changes, "policy")));
  await insert(NODES, nodeColumns(changes));
}

function only<Kind extends GraphChange["kind"]>(changes: readonly GraphChange[], kind: Kind): Of<Kind>[] {
  return changes.filter((change): change is Of<Kind> => change.kind === kind);
}

function openedColumns(opened: Of<"opened">[]): unknown[][] {
  return [
    opened.map(({ id }) => signed(id)),
    opened.map(({ keyA }) => Buffer.from(keyA)),
    opened.map(({ keyB }) => Buffer.from(keyB)),
    opened.map(({ capacitySat }) => capacitySat),
  ];
}

function closedColumns(closed: Of<"closed">[]): unknown[][] {
  // No block will have a number that a signed integer cannot hold; a node that says so is not believed.
  const heights = closed.map(({ height }) => (height > 0x7fff_ffff ? 0 : height));
  return [closed.map(({ id }) => signed(id)), heights];
}

function policyColumns(policies: Of<"policy">[]): unknown[][] {
  return [
    policies.map(({ id }) => signed(id)),
    policies.map(({ fromA }) => (fromA ? 0 : 1)),
    policies.map(({ policy }) => policy.flags),
    policies.map(({ policy }) => policy.updatedAt),
    policies.map(({ policy }) => policy.minHtlcMsat),
    policies.map(({ policy }) => policy.maxHtlcMsat),
    policies.map(({ policy }) => policy.feeBaseMsat),
    policies.map(({ policy }) => policy.feePpm),
    policies.map(({ policy }) => policy.inboundFeeBaseMsat),
    policies.map(({ policy }) => policy.inboundFeePpm),
    policies.map(({ policy }) => policy.cltvDelta),
  ];
}

function nodeColumns(changes: readonly GraphChange[]): unknown[][] {
  const nodes = changes.filter((change) => change.kind === "node" || change.kind === "node-gone");
  return [
    nodes.map(({ key }) => Buffer.from(key)),
    nodes.map((node) => (node.kind === "node" ? node.updatedAt : 0)),
    // Postgres text cannot hold a NUL, and an alias is whatever a stranger announced.
    nodes.map((node) => (node.kind === "node" ? readAlias(node.alias) : null)),
  ];
}

/** The signed number of the same 64 bits. */
function signed(id: bigint): bigint {
  return BigInt.asIntN(64, id);
}
