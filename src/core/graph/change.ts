/** What can happen to a channel graph, one thing at a time. Things are named by key and id: an index lasts until the next change. */
import { compareBytes } from "../bytes.ts";
import { type ArcPolicies, aliasAt, channelId, compareKeys, type GraphTables, KEY_BYTES } from "./channel-graph.ts";

/** What the tail of one direction announces; the columns of {@link ArcPolicies} for one arc. `flags` 0: nothing. */
export type Policy = { readonly [Column in keyof ArcPolicies]: number };

/** A direction about which nothing is announced. */
export const NO_POLICY: Policy = {
  flags: 0,
  minHtlcMsat: 0,
  maxHtlcMsat: 0,
  feeBaseMsat: 0,
  feePpm: 0,
  cltvDelta: 0,
  updatedAt: 0,
  inboundFeeBaseMsat: 0,
  inboundFeePpm: 0,
};

/** The columns of a policy, in the order of everything that lists them. */
export const POLICY_COLUMNS = Object.keys(NO_POLICY) as (keyof Policy)[];

/**
 * `node` sets what is announced about a node, known or not. `opened` adds a channel without policies (`keyA` is the smaller
 * key), `policy` sets one direction of it (from end A when `fromA`), `closed` takes it away; `height` is 0 where the block is
 * not known. Keys are 33 bytes, aliases 32, padded with zeros.
 */
export type GraphChange =
  | { kind: "node"; key: Uint8Array; alias: Uint8Array; updatedAt: number }
  | { kind: "node-gone"; key: Uint8Array }
  | { kind: "opened"; id: bigint; keyA: Uint8Array; keyB: Uint8Array; capacitySat: number }
  | { kind: "closed"; id: bigint; height: number }
  | { kind: "policy"; id: bigint; fromA: boolean; policy: Policy };

/** The policy of an arc. */
export function policyOf(tables: Pick<GraphTables, "policies">, arc: number): Policy {
  const { policies } = tables;
  return {
    flags: policies.flags[arc]!,
    minHtlcMsat: policies.minHtlcMsat[arc]!,
    maxHtlcMsat: policies.maxHtlcMsat[arc]!,
    feeBaseMsat: policies.feeBaseMsat[arc]!,
    feePpm: policies.feePpm[arc]!,
    cltvDelta: policies.cltvDelta[arc]!,
    updatedAt: policies.updatedAt[arc]!,
    inboundFeeBaseMsat: policies.inboundFeeBaseMsat[arc]!,
    inboundFeePpm: policies.inboundFeePpm[arc]!,
  };
}

/** Whether two policies say the same, whenever they said it. */
export function samePolicy(a: Policy, b: Policy): boolean {
  return POLICY_COLUMNS.every((column) => column === "updatedAt" || a[column] === b[column]);
}

/** A node's key. */
export function keyOf(tables: GraphTables, node: number): Uint8Array {
  return tables.nodeKeys.slice(node * KEY_BYTES, (node + 1) * KEY_BYTES);
}

/** What turns `from` into `to`, in an order in which it can be applied: nodes, closed, opened, policies, nodes that are gone. */
export function diffGraphs(from: GraphTables, to: GraphTables): GraphChange[] {
  const nodes = diffNodes(from, to);
  const channels = diffChannels(from, to);
  return [...nodes.changed, ...channels.closed, ...channels.opened, ...channels.policies, ...nodes.gone];
}

function diffNodes(from: GraphTables, to: GraphTables): { changed: GraphChange[]; gone: GraphChange[] } {
  const changed: GraphChange[] = [];
  const gone: GraphChange[] = [];
  const announce = (node: number) =>
    changed.push({
      kind: "node",
      key: keyOf(to, node),
      alias: aliasAt(to, node).slice(),
      updatedAt: to.nodeUpdatedAt[node]!,
    });
  let [i, j] = [0, 0];
  while (i < from.nodeCount || j < to.nodeCount) {
    const order = i === from.nodeCount ? 1 : j === to.nodeCount ? -1 : compareAt(from, i, to, j);
    if (order < 0) gone.push({ kind: "node-gone", key: keyOf(from, i++) });
    else if (order > 0) announce(j++);
    else {
      const same = from.nodeUpdatedAt[i] === to.nodeUpdatedAt[j] && sameAlias(from, i, to, j);
      if (!same) announce(j);
      i++;
      j++;
    }
  }
  return { changed, gone };
}

function diffChannels(from: GraphTables, to: GraphTables) {
  const found: ChannelDiff = { closed: [], opened: [], policies: [] };
  let [i, j] = [0, 0];
  while (i < from.channelCount || j < to.channelCount) {
    const order = i === from.channelCount ? 1 : j === to.channelCount ? -1 : compareIds(from, i, to, j);
    diffChannel(from, order <= 0 ? i : -1, to, order >= 0 ? j : -1, found);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  return found;
}

/** What turns one channel of `from` into the same one of `to`; an index of -1 says that it is not there. */
export function changesOfChannel(from: GraphTables, i: number, to: GraphTables, j: number): GraphChange[] {
  const found: ChannelDiff = { closed: [], opened: [], policies: [] };
  diffChannel(from, i, to, j, found);
  return [...found.closed, ...found.opened, ...found.policies];
}

type ChannelDiff = { closed: GraphChange[]; opened: GraphChange[]; policies: GraphChange[] };

function diffChannel(from: GraphTables, i: number, to: GraphTables, j: number, found: ChannelDiff): void {
  // A channel with other ends or another capacity is another channel, whatever its id.
  const same = i >= 0 && j >= 0 && sameChannel(from, i, to, j);
  if (i >= 0 && !same) found.closed.push({ kind: "closed", id: channelId(from, i), height: 0 });
  if (j < 0) return;
  const id = channelId(to, j);
  if (!same) {
    const [keyA, keyB] = [keyOf(to, to.nodeA[j]!), keyOf(to, to.nodeB[j]!)];
    found.opened.push({ kind: "opened", id, keyA, keyB, capacitySat: to.capacitySat[j]! });
  }
  for (const side of [0, 1]) {
    const arc = 2 * j + side;
    const told = same ? sameColumns(from, 2 * i + side, to, arc) : to.policies.flags[arc] === 0;
    if (!told) found.policies.push({ kind: "policy", id, fromA: side === 0, policy: policyOf(to, arc) });
  }
}

function compareIds(a: GraphTables, i: number, b: GraphTables, j: number): number {
  return a.channelIdHigh[i]! - b.channelIdHigh[j]! || a.channelIdLow[i]! - b.channelIdLow[j]!;
}

function compareAt(a: GraphTables, i: number, b: GraphTables, j: number): number {
  return compareKeys(a.nodeKeys, i * KEY_BYTES, b.nodeKeys, j * KEY_BYTES);
}

function sameAlias(a: GraphTables, i: number, b: GraphTables, j: number): boolean {
  return compareBytes(aliasAt(a, i), aliasAt(b, j)) === 0;
}

function sameChannel(a: GraphTables, i: number, b: GraphTables, j: number): boolean {
  const sameEnds = compareAt(a, a.nodeA[i]!, b, b.nodeA[j]!) === 0 && compareAt(a, a.nodeB[i]!, b, b.nodeB[j]!) === 0;
  return sameEnds && a.capacitySat[i] === b.capacitySat[j];
}

function sameColumns(a: GraphTables, i: number, b: GraphTables, j: number): boolean {
  return POLICY_COLUMNS.every((column) => a.policies[column][i] === b.policies[column][j]);
}
