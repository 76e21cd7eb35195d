/**
 * The truth behind a channel graph, for tests of whatever draws conclusions from attempts: balances, who is online, and
 * policies that are not what was announced. HTLCs go through it as LND's nodes forward them, and blame is honest.
 */

import type { AnnouncedPolicy } from "../core/evidence/observation.ts";
import { arcHead, type ChannelGraph } from "../core/graph/channel-graph.ts";
import { policyAdmits, usableMsat } from "../core/graph/worlds.ts";
import { findArc } from "../core/probe/believe.ts";
import type { ProbeFailure } from "../core/probe/read-outcome.ts";
import type { ProbeHop } from "../core/probe/route.ts";
import { unixSeconds } from "../core/units.ts";
import { seededRandom } from "./synthetic-graph.ts";

export type HiddenNetwork = {
  readonly graph: ChannelGraph;
  /** What the tail of each arc holds, in msat. */
  readonly balanceMsat: Float64Array;
  readonly online: Uint8Array;
  /** Policies in force where the announced ones are not. */
  readonly changed: ReadonlyMap<number, AnnouncedPolicy>;
};

/** Draws a truth. Balances lean to the ends as the prior has it; `offlineRatio` of the nodes are away. */
export function hideNetwork(
  graph: ChannelGraph,
  options: { seed: number; offlineRatio: number; changedRatio?: number; alwaysOnline?: readonly number[] },
): HiddenNetwork {
  const random = seededRandom(options.seed);
  const balanceMsat = new Float64Array(2 * graph.channelCount);
  const changed = new Map<number, AnnouncedPolicy>();
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const leans = random() < 0.5;
    const share = leans ? (random() < 0.5 ? 0.05 * random() : 1 - 0.05 * random()) : random();
    const usable = Math.floor(usableMsat(graph, channel));
    balanceMsat[2 * channel] = Math.floor(usable * share);
    balanceMsat[2 * channel + 1] = usable - balanceMsat[2 * channel]!;
    for (const arc of [2 * channel, 2 * channel + 1]) {
      if (random() < (options.changedRatio ?? 0)) changed.set(arc, changePolicy(graph, arc, random));
    }
  }
  const online = Uint8Array.from({ length: graph.nodeCount }, () => (random() < options.offlineRatio ? 0 : 1));
  for (const node of options.alwaysOnline ?? []) online[node] = 1;
  return { graph, balanceMsat, online, changed };
}

/** What comes back of an HTLC that nobody can settle. */
export function sendHtlc(network: HiddenNetwork, hops: readonly ProbeHop[]): ProbeFailure {
  for (const [i, hop] of hops.entries()) {
    const named = findArc(network.graph, hop);
    if (named < 0 || network.online[arcHead(network.graph, named)] === 0) {
      return { code: "UNKNOWN_NEXT_PEER", sourceIndex: i };
    }
    const refusal = refuse(network, named, hops, i);
    if (!refusal) continue;
    const others = i === 0 ? [] : hop.parallel.map((id) => findArc(network.graph, { ...hop, channelId: id }));
    if (others.some((arc) => refuse(network, arc, hops, i) === undefined)) continue;
    const policy = network.changed.get(named);
    return { code: refusal, sourceIndex: i, ...(policy && { update: { channelId: hop.channelId, policy } }) };
  }
  return { code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", sourceIndex: hops.length };
}

/** Why the tail of an arc does not send hop `i` over it. */
function refuse(network: HiddenNetwork, arc: number, hops: readonly ProbeHop[], i: number): string | undefined {
  const { graph, balanceMsat } = network;
  const { amount, expiryHeight } = hops[i]!;
  const before = hops[i - 1];
  const { feeBaseMsat, feePpm, cltvDelta, minHtlc, maxHtlc, disabled } =
    network.changed.get(arc) ?? announced(graph, arc);
  if (disabled) return "CHANNEL_DISABLED";
  if (before) {
    const incoming = findArc(graph, before) ^ 1;
    const asks = BigInt(feeBaseMsat) + (amount * BigInt(feePpm)) / 1_000_000n;
    const base = BigInt(graph.policies.inboundFeeBaseMsat[incoming]!);
    const inbound = base + ((amount + asks) * BigInt(graph.policies.inboundFeePpm[incoming]!)) / 1_000_000n;
    if (before.amount - amount < asks + inbound) return "FEE_INSUFFICIENT";
  }
  if (amount < minHtlc) return "AMOUNT_BELOW_MINIMUM";
  if (maxHtlc > 0n && amount > maxHtlc) return "TEMPORARY_CHANNEL_FAILURE";
  if (Number(amount) > balanceMsat[arc]!) return "TEMPORARY_CHANNEL_FAILURE";
  return before && before.expiryHeight - expiryHeight < cltvDelta ? "INCORRECT_CLTV_EXPIRY" : undefined;
}

/** Whether some route in truth carries the amount. Fees are left out, as the model leaves them out. */
export function isReachable(network: HiddenNetwork, caller: number, target: number, amountMsat: number): boolean {
  const { graph, balanceMsat, online } = network;
  const { outStart, outArc, outHead } = graph.rows;
  const seen = new Uint8Array(graph.nodeCount);
  const waiting = [caller];
  seen[caller] = 1;
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node === target) return true;
    for (let out = outStart[node]!; out < outStart[node + 1]!; out++) {
      const head = outHead[out]!;
      const carries = policyAdmits(graph, outArc[out]!, amountMsat) && balanceMsat[outArc[out]!]! >= amountMsat;
      if (seen[head] === 0 && online[head] === 1 && carries) {
        seen[head] = 1;
        waiting.push(head);
      }
    }
  }
  return false;
}

function announced(graph: ChannelGraph, arc: number): AnnouncedPolicy {
  const { policies, rows } = graph;
  return {
    feeBaseMsat: policies.feeBaseMsat[arc]!,
    feePpm: policies.feePpm[arc]!,
    cltvDelta: policies.cltvDelta[arc]!,
    minHtlc: BigInt(policies.minHtlcMsat[arc]!) as AnnouncedPolicy["minHtlc"],
    maxHtlc: BigInt(policies.maxHtlcMsat[arc]!) as AnnouncedPolicy["maxHtlc"],
    disabled: rows.slotOfArc[arc]! < 0,
    updatedAt: unixSeconds(policies.updatedAt[arc]!),
  };
}

function changePolicy(graph: ChannelGraph, arc: number, random: () => number): AnnouncedPolicy {
  const was = announced(graph, arc);
  const updatedAt = unixSeconds(was.updatedAt + 60);
  const changes: AnnouncedPolicy[] = [
    { ...was, feeBaseMsat: was.feeBaseMsat + 5_000, updatedAt },
    { ...was, cltvDelta: was.cltvDelta + 40, updatedAt },
    { ...was, minHtlc: 50_000_000n as AnnouncedPolicy["minHtlc"], updatedAt },
    { ...was, maxHtlc: 5_000_000n as AnnouncedPolicy["maxHtlc"], updatedAt },
    { ...was, disabled: true, updatedAt },
  ];
  return changes[Math.floor(random() * changes.length)]!;
}
