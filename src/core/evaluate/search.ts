/**
 * Path choice as LND's: backward Dijkstra by fees, locked time and expected failed attempts, one best label per node.
 *
 * Constants are LND's defaults (`routing/pathfind.go`): risk 15e-9 per msat and block, attempt cost 100 sat + 0.1 %, partial
 * routes below probability .01 dropped. What a hop is believed to carry is left to an estimator, so that every baseline is
 * judged on the route it would itself choose. Inbound fees are left out.
 */
import { arcHead, type ChannelGraph } from "../graph/channel-graph.ts";
import { MAX_HOPS } from "../graph/limits.ts";
import { attemptCostMsat, RISK_PER_MSAT_BLOCK } from "../graph/lnd-costs.ts";
import { NodeHeap } from "../graph/node-heap.ts";
import { usableMsat } from "../graph/worlds.ts";
import { type PairTable, tablePairs } from "./pairs.ts";
import type { Payment } from "./payments.ts";

/** Probability that the pair's tail forwards the amount over the channel at `slot`. */
export type Estimate = (slot: number, pair: number, amountMsat: number) => number;

/** What a sender believes. */
export type Beliefs = {
  readonly estimate: Estimate;
  /** Probability of an own channel that holds the amount. */
  readonly ownRatio: number;
  /** What the caller's own arc holds, in msat; absent when that is not known, and an own channel is like any other. */
  readonly ownMsat?: (arc: number) => number;
};

/** `probable` looks for the likeliest path alone; `usual` weighs it against fees and time. */
export type Aim = "usual" | "probable";

/** A route from the caller; what crosses each arc, in msat. */
export type Route = { readonly arcs: number[]; readonly crossingMsat: number[]; readonly probability: number };

const LEAST_PROBABILITY = 0.01;
/** No hop takes more than this for itself. */
const FEE_RATIO = 0.05;
const FEE_BASE_MSAT = 5_000;

/** A graph made ready for many searches, with room to work in. */
export type Router = {
  readonly graph: ChannelGraph;
  readonly pairs: PairTable;
  /** By slot: most that the policy and the capacity admit. */
  readonly mostMsat: Float64Array;
  readonly labels: Labels;
};

type Labels = {
  readonly cost: Float64Array;
  readonly receives: Float64Array;
  readonly risk: Float64Array;
  readonly probability: Float64Array;
  readonly slot: Int32Array;
  readonly hops: Uint8Array;
  readonly settled: Uint8Array;
};

/** Prepares a graph. One router serves one search at a time. */
export function prepareRouter(graph: ChannelGraph): Router {
  const { inArc } = graph.rows;
  const most = (arc: number) => Math.min(graph.policies.maxHtlcMsat[arc]!, usableMsat(graph, arc >>> 1));
  const count = graph.nodeCount;
  const labels: Labels = {
    cost: new Float64Array(count),
    receives: new Float64Array(count),
    risk: new Float64Array(count),
    probability: new Float64Array(count),
    slot: new Int32Array(count),
    hops: new Uint8Array(count),
    settled: new Uint8Array(count),
  };
  return { graph, pairs: tablePairs(graph), mostMsat: Float64Array.from(inArc, most), labels };
}

/** The route a sender with these beliefs tries, or undefined. */
export function findRoute(router: Router, payment: Payment, beliefs: Beliefs, aim: Aim = "usual"): Route | undefined {
  const { caller, target, amountMsat } = payment;
  const { labels, graph } = router;
  labels.cost.fill(Number.POSITIVE_INFINITY);
  labels.settled.fill(0);
  labels.cost[target] = 0;
  labels.receives[target] = amountMsat;
  labels.risk[target] = 0;
  labels.probability[target] = 1;
  labels.hops[target] = 0;
  const heap = new NodeHeap();
  heap.push(target, 0);
  for (let node = heap.pop(); node >= 0; node = heap.pop()) {
    if (node === caller) return followRoute(graph, labels, payment);
    if (labels.settled[node] !== 0) continue;
    labels.settled[node] = 1;
    if (labels.hops[node]! >= MAX_HOPS) continue;
    relaxInto(router, payment, beliefs, aim, node, heap);
  }
  return undefined;
}

function relaxInto(router: Router, payment: Payment, beliefs: Beliefs, aim: Aim, node: number, heap: NodeHeap): void {
  const { graph, labels, pairs, mostMsat } = router;
  const { rows, policies } = graph;
  const { caller, amountMsat } = payment;
  const attempt = attemptCostMsat(amountMsat);
  const crossing = labels.receives[node]!;
  const dearest = FEE_RATIO * crossing + FEE_BASE_MSAT;
  for (let slot = rows.inStart[node]!; slot < rows.inStart[node + 1]!; slot++) {
    const tail = rows.inTail[slot]!;
    const arc = rows.inArc[slot]!;
    if (labels.settled[tail] !== 0 || crossing > mostMsat[slot]! || crossing < policies.minHtlcMsat[arc]!) continue;
    const isOwn = tail === caller;
    const fee = isOwn ? 0 : policies.feeBaseMsat[arc]! + Math.floor((crossing * policies.feePpm[arc]!) / 1e6);
    if (fee > dearest) continue;
    const risk = labels.risk[node]! + (isOwn ? 0 : crossing * policies.cltvDelta[arc]! * RISK_PER_MSAT_BLOCK);
    const price = aim === "probable" ? 0 : crossing + fee - amountMsat + risk;
    const rest = labels.probability[node]!;
    // A route is never likelier than its rest, which refuses most arcs before an estimate is asked for.
    if (price + attempt / rest >= labels.cost[tail]!) continue;
    const probability = rest * hopRatio(beliefs, slot, pairs.ofSlot[slot]!, arc, crossing, isOwn);
    if (aim === "usual" ? probability < LEAST_PROBABILITY : probability <= 0) continue;
    const cost = price + attempt / probability;
    if (cost >= labels.cost[tail]!) continue;
    labels.cost[tail] = cost;
    labels.receives[tail] = crossing + fee;
    labels.risk[tail] = risk;
    labels.probability[tail] = probability;
    labels.slot[tail] = slot;
    labels.hops[tail] = labels.hops[node]! + 1;
    heap.push(tail, cost);
  }
}

function hopRatio(beliefs: Beliefs, slot: number, pair: number, arc: number, amountMsat: number, isOwn: boolean) {
  if (!isOwn || !beliefs.ownMsat) return beliefs.estimate(slot, pair, amountMsat);
  return beliefs.ownMsat(arc) >= amountMsat ? beliefs.ownRatio : 0;
}

function followRoute(graph: ChannelGraph, labels: Labels, { caller, target }: Payment): Route {
  const arcs: number[] = [];
  const crossingMsat: number[] = [];
  for (let node = caller; node !== target; ) {
    const arc = graph.rows.inArc[labels.slot[node]!]!;
    node = arcHead(graph, arc);
    arcs.push(arc);
    crossingMsat.push(labels.receives[node]!);
  }
  return { arcs, crossingMsat, probability: labels.probability[caller]! };
}

/** The slot of an enabled arc's pair. */
export function pairOfArc({ graph, pairs }: Router, arc: number): number {
  return pairs.ofSlot[graph.rows.slotOfArc[arc]!]!;
}

/** By slot: the whole capacity in msat, as LND's estimators take it. */
export function capacities({ rows, capacitySat }: ChannelGraph): Float64Array {
  return Float64Array.from(rows.inArc, (arc) => capacitySat[arc >>> 1]! * 1000);
}
