/**
 * A probe's route: what crosses each channel, and who else could carry it there.
 *
 * Amounts grow towards the sender by the fees of the nodes between (BOLT 7), inbound fees included as LND computes them:
 * base plus rate of what the node forwards and asks, cut towards zero, never below zero in all.
 */
import type { AnnouncedPolicy, Direction } from "../evidence/observation.ts";
import { arcHead, arcTail, type ChannelGraph, channelId, nodeKeyHex } from "../graph/channel-graph.ts";
import { policyAdmits } from "../graph/worlds.ts";
import { type Msat, msat } from "../units.ts";

/** One channel of a route, and the HTLC that crosses it. */
export type ProbeHop = Direction & {
  readonly capacitySat: number;
  readonly amount: Msat;
  /** Block height at which this HTLC times out. */
  readonly expiryHeight: number;
  /** Other enabled channels in the same direction, any of which `from` may use instead (BOLT 4, non-strict forwarding). */
  readonly parallel: readonly bigint[];
  /** Those of them whose announced policy takes this HTLC as it is offered. */
  readonly willing: readonly bigint[];
};

/** A policy that replaces the announced one, as a failure brought it. */
export type Override = { readonly channelId: bigint; readonly from: string; readonly policy: AnnouncedPolicy };

/** What an arc asks for, from the graph or from the override. */
type Terms = { feeBase: bigint; feePpm: bigint; cltvDelta: number };

/**
 * The HTLCs along `arcs` that bring `amount` to the last node with `finalExpiryHeight`; undefined when an announced
 * policy on the way does not admit what would cross there.
 */
export function layRoute(
  graph: ChannelGraph,
  arcs: readonly number[],
  final: { readonly amount: Msat; readonly expiryHeight: number },
  override?: Override,
): ProbeHop[] | undefined {
  let amount: bigint = final.amount;
  let expiryHeight = final.expiryHeight;
  const hops: ProbeHop[] = [];
  for (let at = arcs.length - 1; at >= 0; at--) {
    const arc = arcs[at]!;
    const admits = isReplaced(graph, arc, override) ?? policyAdmits(graph, arc, Number(amount));
    // Our own first channel is ours to judge: what it holds is known, what we announce for it binds others.
    if (at > 0 && !admits) return undefined;
    const before = arcs[at - 1];
    const terms = termsOf(graph, arc, override);
    const fee = before === undefined ? 0n : feeOf(graph, terms, before, amount);
    const offered = { before, amount, fee, cltvDelta: terms.cltvDelta };
    const capacitySat = graph.capacitySat[arc >>> 1]!;
    const others = othersOf(graph, arc, offered);
    hops.unshift({ ...directionOf(graph, arc), capacitySat, amount: msat(amount), expiryHeight, ...others });
    amount += fee;
    expiryHeight += terms.cltvDelta;
  }
  return hops;

  function isReplaced(of: ChannelGraph, arc: number, by: Override | undefined): boolean | undefined {
    if (!by || !matches(of, arc, by)) return undefined;
    const { disabled, minHtlc, maxHtlc } = by.policy;
    return !disabled && amount >= minHtlc && (maxHtlc === 0n || amount <= maxHtlc);
  }
}

/** The direction of an arc, by its public names. */
function directionOf(graph: ChannelGraph, arc: number): Direction {
  return {
    channelId: channelId(graph, arc >>> 1),
    from: nodeKeyHex(graph, arcTail(graph, arc)),
    to: nodeKeyHex(graph, arcHead(graph, arc)),
  };
}

function matches(graph: ChannelGraph, arc: number, { channelId: id, from }: Override): boolean {
  return channelId(graph, arc >>> 1) === id && nodeKeyHex(graph, arcTail(graph, arc)) === from;
}

function termsOf(graph: ChannelGraph, arc: number, override: Override | undefined): Terms {
  if (override && matches(graph, arc, override)) {
    const { feeBaseMsat, feePpm, cltvDelta } = override.policy;
    return { feeBase: BigInt(feeBaseMsat), feePpm: BigInt(feePpm), cltvDelta };
  }
  const { feeBaseMsat, feePpm, cltvDelta } = graph.policies;
  return { feeBase: BigInt(feeBaseMsat[arc]!), feePpm: BigInt(feePpm[arc]!), cltvDelta: cltvDelta[arc]! };
}

/** What the node between `incoming` and an arc keeps for sending `amount` over that arc. */
function feeOf(graph: ChannelGraph, { feeBase, feePpm }: Terms, incoming: number, amount: bigint): bigint {
  const { inboundFeeBaseMsat, inboundFeePpm } = graph.policies;
  const outbound = feeBase + (amount * feePpm) / 1_000_000n;
  // Announced by the node that receives, in its own direction of the channel.
  const base = BigInt(inboundFeeBaseMsat[incoming ^ 1]!);
  const ppm = BigInt(inboundFeePpm[incoming ^ 1]!);
  const fee = outbound + base + ((amount + outbound) * ppm) / 1_000_000n;
  return fee > 0n ? fee : 0n;
}

function othersOf(
  graph: ChannelGraph,
  arc: number,
  offered: { before: number | undefined; amount: bigint; fee: bigint; cltvDelta: number },
): Pick<ProbeHop, "parallel" | "willing"> {
  const { inStart, inArc, inTail } = graph.rows;
  const [tail, head] = [arcTail(graph, arc), arcHead(graph, arc)];
  const parallel: bigint[] = [];
  const willing: bigint[] = [];
  for (let slot = inStart[head]!; slot < inStart[head + 1]!; slot++) {
    const other = inArc[slot]!;
    if (inTail[slot] !== tail || other === arc) continue;
    const id = channelId(graph, other >>> 1);
    parallel.push(id);
    const terms = termsOf(graph, other, undefined);
    const asks = offered.before === undefined ? 0n : feeOf(graph, terms, offered.before, offered.amount);
    const takes = asks <= offered.fee && terms.cltvDelta <= offered.cltvDelta;
    if (takes && policyAdmits(graph, other, Number(offered.amount))) willing.push(id);
  }
  return { parallel, willing };
}
