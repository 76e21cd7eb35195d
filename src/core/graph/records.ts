/** A channel graph written as plain records: the form of tests, demos and JSON files. */
import { fromHex, utf8 } from "../bytes.ts";
import { type Assembly, allocateRaw, assembleGraph } from "./assemble.ts";
import { ALIAS_BYTES, KEY_BYTES, POLICY_ENABLED, POLICY_KNOWN } from "./channel-graph.ts";

/** One node announcement. */
export type NodeRecord = { key: string; alias?: string; updatedAt?: number };

/** What one end of a channel announced for payments it sends over it. */
export type PolicyRecord = {
  enabled: boolean;
  minHtlcMsat: number;
  /** 0 admits the whole channel. */
  maxHtlcMsat: number;
  feeBaseMsat: number;
  feePpm: number;
  cltvDelta: number;
  updatedAt?: number;
  inboundFeeBaseMsat?: number;
  inboundFeePpm?: number;
};

/** One channel; `policy1` is of `node1`, for the direction towards `node2`. */
export type ChannelRecord = {
  id: bigint;
  node1: string;
  node2: string;
  capacitySat: number;
  policy1?: PolicyRecord;
  policy2?: PolicyRecord;
};

/** Builds a graph from records in any order. Wrong ones are counted, not kept. */
export function graphFromRecords(nodes: readonly NodeRecord[], channels: readonly ChannelRecord[]): Assembly {
  const raw = allocateRaw(nodes.length, channels.length);
  nodes.forEach((node, i) => {
    raw.nodeKeys.set(keyBytes(node.key), i * KEY_BYTES);
    raw.aliases.set(utf8(node.alias ?? "").subarray(0, ALIAS_BYTES), i * ALIAS_BYTES);
    raw.nodeUpdatedAt[i] = bounded(node.updatedAt ?? 0, 0xffffffff);
  });
  channels.forEach((channel, i) => {
    raw.channelIdHigh[i] = Number(BigInt.asUintN(32, channel.id >> 32n));
    raw.channelIdLow[i] = Number(BigInt.asUintN(32, channel.id));
    raw.endKeys.set(keyBytes(channel.node1), 2 * i * KEY_BYTES);
    raw.endKeys.set(keyBytes(channel.node2), (2 * i + 1) * KEY_BYTES);
    raw.capacitySat[i] = bounded(channel.capacitySat, Number.MAX_SAFE_INTEGER);
    writePolicy(raw.policies, 2 * i, channel.policy1);
    writePolicy(raw.policies, 2 * i + 1, channel.policy2);
  });
  return assembleGraph(raw);
}

type Policies = ReturnType<typeof allocateRaw>["policies"];

function writePolicy(policies: Policies, arc: number, policy: PolicyRecord | undefined): void {
  if (!policy) return;
  policies.flags[arc] = POLICY_KNOWN | (policy.enabled ? POLICY_ENABLED : 0);
  policies.minHtlcMsat[arc] = bounded(policy.minHtlcMsat, Number.MAX_SAFE_INTEGER);
  policies.maxHtlcMsat[arc] = bounded(policy.maxHtlcMsat, Number.MAX_SAFE_INTEGER);
  policies.feeBaseMsat[arc] = bounded(policy.feeBaseMsat, 0xffffffff);
  policies.feePpm[arc] = bounded(policy.feePpm, 0xffffffff);
  policies.cltvDelta[arc] = bounded(policy.cltvDelta, 0xffff);
  policies.updatedAt[arc] = bounded(policy.updatedAt ?? 0, 0xffffffff);
  policies.inboundFeeBaseMsat[arc] = policy.inboundFeeBaseMsat ?? 0;
  policies.inboundFeePpm[arc] = policy.inboundFeePpm ?? 0;
}

function bounded(value: number, max: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(Math.trunc(value), 0), max) : max;
}

const NO_KEY = new Uint8Array(KEY_BYTES);

function keyBytes(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  return bytes?.length === KEY_BYTES ? bytes : NO_KEY;
}
