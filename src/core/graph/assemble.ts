/**
 * Raw announcements, in any order and possibly wrong, become a {@link ChannelGraph}: sorted, without duplicates, every
 * number inside its bounds. What cannot be a channel or a node is counted and left out; it never throws.
 */
import { compareBytes } from "../bytes.ts";
import type { UnixSeconds } from "../units.ts";
import {
  ALIAS_BYTES,
  type ArcPolicies,
  allocatePolicies,
  allocateTables,
  type ChannelGraph,
  compareKeys,
  type GraphTables,
  KEY_BYTES,
  MAX_CAPACITY_SAT,
  withRows,
} from "./channel-graph.ts";
import { countGarbage, type Garbage, type GarbageReason } from "./garbage.ts";
import { indexKeys } from "./key-index.ts";

/** Unsorted announcements. Policy 2i is of `node1` of channel i, policy 2i+1 of `node2`. */
export type RawGraph = {
  nodeCount: number;
  channelCount: number;
  nodeKeys: Uint8Array;
  aliases: Uint8Array;
  nodeUpdatedAt: Uint32Array;
  channelIdHigh: Uint32Array;
  channelIdLow: Uint32Array;
  /** Two keys per channel: node1, then node2. A key that could not be read is all zeros. */
  endKeys: Uint8Array;
  capacitySat: Float64Array;
  policies: ArcPolicies;
  /** What was wrong already when the announcements were read. */
  garbage: Garbage;
};

/** Room for this many announcements. */
export function allocateRaw(nodeCount: number, channelCount: number): RawGraph {
  return {
    nodeCount,
    channelCount,
    nodeKeys: new Uint8Array(nodeCount * KEY_BYTES),
    aliases: new Uint8Array(nodeCount * ALIAS_BYTES),
    nodeUpdatedAt: new Uint32Array(nodeCount),
    channelIdHigh: new Uint32Array(channelCount),
    channelIdLow: new Uint32Array(channelCount),
    endKeys: new Uint8Array(2 * channelCount * KEY_BYTES),
    capacitySat: new Float64Array(channelCount),
    policies: allocatePolicies(2 * channelCount),
    garbage: {},
  };
}

/** A graph, how many announcements were left out on the way, and what was wrong with those and with others. */
export type Assembly = { graph: ChannelGraph; rejected: number; garbage: Garbage };

/**
 * Sorts, checks and joins. Ends without a node announcement become nodes without alias, as in LND. Times later than `now`
 * and some clocks' error are taken for `now`.
 */
export function assembleGraph(raw: RawGraph, now?: UnixSeconds): Assembly {
  const garbage = { ...raw.garbage };
  const nodes = sortNodes(raw);
  countGarbage(garbage, "node-key", nodes.rejected - nodes.doubles);
  countGarbage(garbage, "node-duplicate", nodes.doubles);
  const channels = sortChannels(raw, nodes.ofEnds, garbage);
  const tables = allocateTables(nodes.count, channels.length);
  tables.nodeKeys.set(nodes.keys);
  tables.aliases.set(nodes.aliases);
  tables.nodeUpdatedAt.set(nodes.updatedAt.map((at) => presentTime(at, now, garbage)));
  channels.forEach((from, to) => {
    copyChannel(raw, from, tables, to, nodes.ofEnds, { now, garbage });
  });
  const rejected = nodes.rejected + raw.channelCount - channels.length;
  return { graph: withRows(tables), rejected, garbage };
}

type SortedNodes = {
  count: number;
  keys: Uint8Array;
  aliases: Uint8Array;
  updatedAt: Uint32Array;
  rejected: number;
  /** Node of each raw end; -1 for what is no key. */
  ofEnds: Int32Array;
  /** How many of the rejected say something of a node that another announcement says later. */
  doubles: number;
};

/** Announced nodes and the unannounced ends of channels, by key, each once: the newest announcement stays. */
function sortNodes(raw: RawGraph): SortedNodes {
  const announced = indices(raw.nodeCount).filter((node) => isKey(raw.nodeKeys, node * KEY_BYTES));
  const { ofEnds, strangers } = enterEnds(raw, announced);
  // One list: announced nodes first, then strangers as announcements of time 0 without alias.
  const total = announced.length + strangers.length;
  const keys = new Uint8Array(total * KEY_BYTES);
  keys.set(gatherKeys(raw.nodeKeys, announced));
  keys.set(gatherKeys(raw.endKeys, strangers), announced.length * KEY_BYTES);
  const updatedAt = (entry: number) => (entry < announced.length ? raw.nodeUpdatedAt[announced[entry]!]! : 0);
  const alias = (entry: number) => aliasAt(raw, entry < announced.length ? announced[entry]! : -1);
  const sorted = indices(total).sort(
    (a, b) =>
      compareKeys(keys, a * KEY_BYTES, keys, b * KEY_BYTES) ||
      updatedAt(b) - updatedAt(a) ||
      compareBytes(alias(b), alias(a)),
  );
  const kept: number[] = [];
  const place = new Int32Array(total);
  for (const entry of sorted) {
    const newest = kept.at(-1);
    if (newest === undefined || compareKeys(keys, entry * KEY_BYTES, keys, newest * KEY_BYTES) !== 0) kept.push(entry);
    place[entry] = kept.length - 1;
  }
  for (let end = 0; end < ofEnds.length; end++) if (ofEnds[end]! >= 0) ofEnds[end] = place[ofEnds[end]!]!;
  const aliases = new Uint8Array(kept.length * ALIAS_BYTES);
  kept.forEach((entry, i) => {
    aliases.set(alias(entry), i * ALIAS_BYTES);
  });
  const announcedKept = kept.filter((entry) => entry < announced.length).length;
  return {
    count: kept.length,
    keys: gatherKeys(keys, kept),
    aliases,
    updatedAt: Uint32Array.from(kept, updatedAt),
    ofEnds,
    rejected: raw.nodeCount - announcedKept,
    doubles: announced.length - announcedKept,
  };
}

/**
 * The entry of each raw end in the list of announced nodes and, behind them, of ends that are not among them. Looked up once: in
 * a large graph each look misses the cache.
 */
function enterEnds(raw: RawGraph, announced: number[]): { ofEnds: Int32Array; strangers: number[] } {
  const find = indexKeys(gatherKeys(raw.nodeKeys, announced), announced.length);
  const ofEnds = new Int32Array(2 * raw.channelCount).fill(-1);
  const strangers: number[] = [];
  for (let end = 0; end < ofEnds.length; end++) {
    if (!isKey(raw.endKeys, end * KEY_BYTES)) continue;
    const known = find(raw.endKeys, end * KEY_BYTES);
    ofEnds[end] = known < 0 ? announced.length + strangers.length : known;
    if (known < 0) strangers.push(end);
  }
  return { ofEnds, strangers };
}

const NO_ALIAS = new Uint8Array(ALIAS_BYTES);

function aliasAt(raw: RawGraph, node: number): Uint8Array {
  return node < 0 ? NO_ALIAS : raw.aliases.subarray(node * ALIAS_BYTES, (node + 1) * ALIAS_BYTES);
}

/** Raw channel numbers in the order of their ids. */
function sortChannels(raw: RawGraph, ends: Int32Array, garbage: Garbage): number[] {
  const { channelIdHigh: high, channelIdLow: low } = raw;
  const valid = indices(raw.channelCount).filter((channel) => {
    const wrong = judgeChannel(raw, ends, channel);
    if (wrong) countGarbage(garbage, wrong);
    return wrong === undefined;
  });
  const byId = (a: number, b: number) => high[a]! - high[b]! || low[a]! - low[b]!;
  valid.sort((a, b) => byId(a, b) || preferChannel(raw, ends, a, b));
  const order = valid.filter((channel, i) => i === 0 || byId(channel, valid[i - 1]!) !== 0);
  countGarbage(garbage, "channel-duplicate", valid.length - order.length);
  return order;
}

function judgeChannel(raw: RawGraph, ends: Int32Array, channel: number): GarbageReason | undefined {
  const [a, b] = [ends[2 * channel]!, ends[2 * channel + 1]!];
  if (a < 0 || b < 0) return "channel-key";
  if (a === b) return "channel-to-itself";
  if (raw.channelIdHigh[channel] === 0 && raw.channelIdLow[channel] === 0) return "channel-without-id";
  return capacityOf(raw, channel) > 0 ? undefined : "channel-capacity";
}

/** Which of two announcements of one channel id to keep (negative: `a`): newest first, then any fixed order. */
function preferChannel(raw: RawGraph, ends: Int32Array, a: number, b: number): number {
  const [first, second] = [describe(raw, ends, a), describe(raw, ends, b)];
  for (let i = 0; i < first.length; i++) {
    if (first[i] !== second[i]) return second[i]! - first[i]!;
  }
  return 0;
}

/** Every number of a channel announcement, newest update first; independent of which end was called node1. */
function describe(raw: RawGraph, ends: Int32Array, channel: number): number[] {
  const swapped = ends[2 * channel]! > ends[2 * channel + 1]! ? 1 : 0;
  const [arcA, arcB] = [2 * channel + swapped, 2 * channel + 1 - swapped];
  const columns = Object.values(raw.policies);
  const newest = Math.max(raw.policies.updatedAt[arcA]!, raw.policies.updatedAt[arcB]!);
  const policies = columns.flatMap((column) => [column[arcA]!, column[arcB]!]);
  return [newest, raw.capacitySat[channel]!, ends[arcA]!, ends[arcB]!, ...policies];
}

/** The moment of a reading, and where what is wrong is counted. */
type Judge = { now: UnixSeconds | undefined; garbage: Garbage };

function copyChannel(
  raw: RawGraph,
  from: number,
  tables: GraphTables,
  to: number,
  ends: Int32Array,
  judge: Judge,
): void {
  const [node1, node2] = [ends[2 * from]!, ends[2 * from + 1]!];
  const swapped = node1 > node2 ? 1 : 0;
  const capacitySat = capacityOf(raw, from);
  tables.channelIdHigh[to] = raw.channelIdHigh[from]!;
  tables.channelIdLow[to] = raw.channelIdLow[from]!;
  tables.nodeA[to] = swapped ? node2 : node1;
  tables.nodeB[to] = swapped ? node1 : node2;
  tables.capacitySat[to] = capacitySat;
  copyPolicy(raw.policies, 2 * from + swapped, tables.policies, 2 * to, capacitySat, judge);
  copyPolicy(raw.policies, 2 * from + 1 - swapped, tables.policies, 2 * to + 1, capacitySat, judge);
}

/** Copies one policy, with its amounts and its time brought inside what its channel and the moment allow. */
export function copyPolicy(
  source: ArcPolicies,
  from: number,
  target: ArcPolicies,
  to: number,
  capacitySat: number,
  { now, garbage }: Judge,
): void {
  target.flags[to] = source.flags[from]!;
  if (source.flags[from] === 0) return;
  const capacityMsat = capacitySat * 1000;
  const max = source.maxHtlcMsat[from]!;
  if (max > capacityMsat) countGarbage(garbage, "htlc-above-capacity");
  target.minHtlcMsat[to] = Math.min(source.minHtlcMsat[from]!, MAX_CAPACITY_SAT * 1000);
  // A policy without a maximum (older announcements) admits the whole channel.
  target.maxHtlcMsat[to] = max === 0 ? capacityMsat : Math.min(max, capacityMsat);
  target.feeBaseMsat[to] = source.feeBaseMsat[from]!;
  target.feePpm[to] = source.feePpm[from]!;
  target.cltvDelta[to] = source.cltvDelta[from]!;
  target.updatedAt[to] = presentTime(source.updatedAt[from]!, now, garbage);
  target.inboundFeeBaseMsat[to] = source.inboundFeeBaseMsat[from]!;
  target.inboundFeePpm[to] = source.inboundFeePpm[from]!;
}

/** Clocks may differ by this much. */
const CLOCK_ERROR_SEC = 7_200;

function presentTime(at: number, now: UnixSeconds | undefined, garbage: Garbage): number {
  if (now === undefined || at <= now + CLOCK_ERROR_SEC) return at;
  countGarbage(garbage, "time-in-future");
  return now;
}

/** Announced capacity, or the largest HTLC its ends admit where the node behind LND does not know it; 0 if absurd. */
function capacityOf(raw: RawGraph, channel: number): number {
  const announced = raw.capacitySat[channel]!;
  const { maxHtlcMsat } = raw.policies;
  const largest = Math.max(maxHtlcMsat[2 * channel]!, maxHtlcMsat[2 * channel + 1]!);
  const capacity = announced === 0 ? Math.ceil(largest / 1000) : announced;
  return capacity > 0 && capacity <= MAX_CAPACITY_SAT ? capacity : 0;
}

function gatherKeys(source: Uint8Array, picks: number[]): Uint8Array {
  const keys = new Uint8Array(picks.length * KEY_BYTES);
  picks.forEach((pick, i) => {
    keys.set(source.subarray(pick * KEY_BYTES, (pick + 1) * KEY_BYTES), i * KEY_BYTES);
  });
  return keys;
}

function isKey(keys: Uint8Array, offset: number): boolean {
  return keys[offset] === 2 || keys[offset] === 3;
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
