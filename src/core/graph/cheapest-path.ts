/**
 * The path an LND-like sender tries first: backward Dijkstra that weighs fees, locked time and expected failed attempts.
 *
 * Constants are LND's defaults (`routing/pathfind.go`): risk 15e-9 per msat and block, attempt cost 100 sat + 0.1 %,
 * divided by the route's success probability. That probability is the prior of each channel's balance instead of LND's
 * flat 0.6. Amounts grow towards the caller by the fees of the nodes between, inbound discounts included.
 */
import { arcHead, type ChannelGraph } from "./channel-graph.ts";
import { NodeHeap } from "./node-heap.ts";
import { shareBelow } from "./prior.ts";
import { usableMsat, type Worlds } from "./worlds.ts";

/** BOLT 4 onions hold at most this many hops of usual size. */
export const MAX_HOPS = 20;
/** Two weeks of blocks: the longest lock LND and CLN accept. */
export const MAX_CLTV = 2016;

const RISK_PER_MSAT_BLOCK = 15e-9;
const ATTEMPT_BASE_MSAT = 100_000;
const ATTEMPT_RATIO = 0.001;

/** A graph prepared for path search: what Dijkstra reads of an arc lies together, in the order it reads it. */
export type PathNet = {
  readonly graph: ChannelGraph;
  /** Eight numbers per slot, see {@link preparePaths}. */
  readonly terms: Float64Array;
  /** Probability that each node is online. */
  readonly online: Float64Array;
};

const TERMS = 8;
const [LEAST, MOST, BASE, PPM, DELTA, IN_BASE, IN_PPM, USABLE] = [0, 1, 2, 3, 4, 5, 6, 7];

/** Packs the policies of enabled arcs. One net serves all searches in a graph. */
export function preparePaths(worlds: Worlds): PathNet {
  const { graph } = worlds;
  const terms = new Float64Array(graph.rows.inArc.length * TERMS);
  const net = { graph, terms, online: worlds.offline.map((ratio) => 1 - ratio) };
  for (let slot = 0; slot < graph.rows.inArc.length; slot++) packArc(net, slot);
  return net;
}

/** Packs the policies of a channel again, after they changed in place. */
export function repackChannel(net: PathNet, channel: number): void {
  for (const arc of [2 * channel, 2 * channel + 1]) {
    const slot = net.graph.rows.slotOfArc[arc]!;
    if (slot >= 0) packArc(net, slot);
  }
}

function packArc({ graph, terms }: PathNet, slot: number): void {
  const { policies, rows } = graph;
  const arc = rows.inArc[slot]!;
  const at = slot * TERMS;
  const usable = usableMsat(graph, arc >>> 1);
  terms[at + LEAST] = policies.minHtlcMsat[arc]!;
  terms[at + MOST] = Math.min(policies.maxHtlcMsat[arc]!, usable);
  terms[at + BASE] = policies.feeBaseMsat[arc]!;
  terms[at + PPM] = policies.feePpm[arc]!;
  terms[at + DELTA] = policies.cltvDelta[arc]!;
  // Inbound fees are announced by the node that receives, in its own direction of the channel.
  terms[at + IN_BASE] = policies.inboundFeeBaseMsat[arc ^ 1]!;
  terms[at + IN_PPM] = policies.inboundFeePpm[arc ^ 1]!;
  terms[at + USABLE] = usable;
}

/** Best paths of every node to one target, for one amount. */
export type PathTree = {
  readonly target: number;
  readonly amountMsat: number;
  /** Expected cost from each node; infinite where no path was found. */
  readonly cost: Float64Array;
  /** The arc each node forwards over, or -1. */
  readonly nextArc: Int32Array;
  /** What each node forwards, and what it asks for that before inbound fees. */
  readonly forwardsMsat: Float64Array;
  readonly asksMsat: Float64Array;
  readonly riskMsat: Float64Array;
  readonly probability: Float64Array;
  readonly cltvDelta: Uint16Array;
  readonly hops: Uint8Array;
};

/** A path from a caller: fees on top of the amount, blocks on top of the target's own final delta. */
export type Path = { feeMsat: number; cltvDelta: number; nodes: number[]; arcs: number[] };

/** LND's default fee limit for a payment: all of a small amount, 5 % of a larger one. */
export function defaultFeeLimitMsat(amountMsat: number): number {
  return amountMsat <= 1_000_000 ? amountMsat : Math.floor(amountMsat * 0.05);
}

/** Best paths to `target`. One tree serves all callers. */
export function cheapestPaths(net: PathNet, target: number, amountMsat: number): PathTree {
  const { nodeCount, rows } = net.graph;
  const tree = emptyTree(nodeCount, target, amountMsat);
  const heap = new NodeHeap();
  const settled = new Uint8Array(nodeCount);
  tree.cost[target] = 0;
  tree.forwardsMsat[target] = amountMsat;
  tree.probability[target] = 1;
  heap.push(target, 0);
  const { inStart, inTail } = rows;
  for (let node = heap.pop(); node >= 0; node = heap.pop()) {
    if (settled[node] !== 0) continue;
    settled[node] = 1;
    if (tree.hops[node]! >= MAX_HOPS - 1) continue;
    for (let slot = inStart[node]!; slot < inStart[node + 1]!; slot++) {
      const tail = inTail[slot]!;
      if (settled[tail] === 0 && relax(net, tree, slot, tail, node)) heap.push(tail, tree.cost[tail]!);
    }
  }
  return tree;
}

/** The best path of one caller, or undefined. The caller pays itself no fee and adds no lock. */
export function pathFrom(net: PathNet, tree: PathTree, caller: number): Path | undefined {
  const { outStart, outSlot, outHead } = net.graph.rows;
  let first = -1;
  let best = Number.POSITIVE_INFINITY;
  for (let out = outStart[caller]!; out < outStart[caller + 1]!; out++) {
    const head = outHead[out]!;
    if (tree.cost[head] === Number.POSITIVE_INFINITY) continue;
    const overMsat = crossing(net, tree, outSlot[out]!, head);
    if (overMsat < 0) continue;
    const probability = tree.probability[head]! * carries(net, outSlot[out]!, head, overMsat);
    const cost = overMsat - tree.amountMsat + tree.riskMsat[head]! + attemptCost(tree) / probability;
    if (cost < best) {
      best = cost;
      first = outSlot[out]!;
    }
  }
  return first < 0 ? undefined : follow(net, tree, caller, first);
}

function follow(net: PathNet, tree: PathTree, caller: number, firstSlot: number): Path {
  const { graph } = net;
  const first = graph.rows.inArc[firstSlot]!;
  const next = arcHead(graph, first);
  const nodes = [caller];
  const arcs = [first];
  for (let node = next; node !== tree.target; node = arcHead(graph, tree.nextArc[node]!)) {
    nodes.push(node);
    arcs.push(tree.nextArc[node]!);
  }
  nodes.push(tree.target);
  const feeMsat = crossing(net, tree, firstSlot, next) - tree.amountMsat;
  return { feeMsat, cltvDelta: tree.cltvDelta[next]!, nodes, arcs };
}

/** What must cross the arc at `slot` so that its head can go on; negative when the arc does not admit that. */
function crossing(net: PathNet, tree: PathTree, slot: number, head: number): number {
  const { terms } = net;
  const at = slot * TERMS;
  let overMsat = tree.forwardsMsat[head]!;
  if (head !== tree.target) {
    const asks = tree.asksMsat[head]!;
    const inbound = terms[at + IN_BASE]! + Math.trunc(((overMsat + asks) * terms[at + IN_PPM]!) / 1e6);
    // A node that gives back more than it asks still forwards the whole: LND counts no negative fee.
    overMsat += Math.max(0, asks + inbound);
  }
  return overMsat >= terms[at + LEAST]! && overMsat <= terms[at + MOST]! ? overMsat : -1;
}

/** Probability that an arc carries an amount to a node that is online, before any evidence. */
function carries(net: PathNet, slot: number, head: number, overMsat: number): number {
  return (1 - shareBelow(overMsat / net.terms[slot * TERMS + USABLE]!)) * net.online[head]!;
}

/** Offers `tail` the way over an arc; true if that is better than what it had. */
function relax(net: PathNet, tree: PathTree, slot: number, tail: number, head: number): boolean {
  const overMsat = crossing(net, tree, slot, head);
  if (overMsat < 0) return false;
  const { terms } = net;
  const at = slot * TERMS;
  const lock = tree.cltvDelta[head]! + terms[at + DELTA]!;
  if (lock > MAX_CLTV) return false;
  const asks = terms[at + BASE]! + Math.floor((overMsat * terms[at + PPM]!) / 1e6);
  const risk = tree.riskMsat[head]! + overMsat * terms[at + DELTA]! * RISK_PER_MSAT_BLOCK;
  const price = overMsat + asks - tree.amountMsat + risk;
  const reached = tree.probability[head]!;
  // A path is never likelier than its rest, which refuses most arcs before their probability is computed.
  if (price + attemptCost(tree) / reached >= tree.cost[tail]!) return false;
  const probability = reached * carries(net, slot, head, overMsat);
  const cost = price + attemptCost(tree) / probability;
  if (!(cost < tree.cost[tail]!)) return false;
  tree.cost[tail] = cost;
  tree.nextArc[tail] = net.graph.rows.inArc[slot]!;
  tree.forwardsMsat[tail] = overMsat;
  tree.asksMsat[tail] = asks;
  tree.riskMsat[tail] = risk;
  tree.probability[tail] = probability;
  tree.cltvDelta[tail] = lock;
  tree.hops[tail] = tree.hops[head]! + 1;
  return true;
}

function attemptCost(tree: PathTree): number {
  return ATTEMPT_BASE_MSAT + ATTEMPT_RATIO * tree.amountMsat;
}

function emptyTree(nodeCount: number, target: number, amountMsat: number): PathTree {
  return {
    target,
    amountMsat,
    cost: new Float64Array(nodeCount).fill(Number.POSITIVE_INFINITY),
    nextArc: new Int32Array(nodeCount).fill(-1),
    forwardsMsat: new Float64Array(nodeCount),
    asksMsat: new Float64Array(nodeCount),
    riskMsat: new Float64Array(nodeCount),
    probability: new Float64Array(nodeCount),
    cltvDelta: new Uint16Array(nodeCount),
    hops: new Uint8Array(nodeCount),
  };
}
