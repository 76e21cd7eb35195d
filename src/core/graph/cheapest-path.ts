/**
 * The path an LND-like sender tries first: backward Dijkstra that weighs fees, locked time and expected failed attempts.
 *
 * Constants are LND's defaults (`routing/pathfind.go`): risk 15e-9 per msat and block, attempt cost 100 sat + 0.1 %,
 * divided by the route's success probability. That probability is the prior of each channel's balance instead of LND's
 * flat 0.6. Amounts grow towards the caller by the fees of the nodes between, inbound discounts included.
 */
import { arcHead } from "./channel-graph.ts";
import { defaultLimits, type RouteLimits } from "./limits.ts";
import { attemptCostMsat, RISK_PER_MSAT_BLOCK } from "./lnd-costs.ts";
import { NodeHeap } from "./node-heap.ts";
import type { OwnChannel } from "./own-channels.ts";
import { BASE, DELTA, IN_BASE, IN_PPM, LEAST, MOST, type PathNet, PPM, TERMS, USABLE } from "./path-net.ts";
import { shareBelow } from "./prior.ts";

/** Best paths to one target, for one amount, as far as somebody has asked; they hold for the nodes that are settled. */
export type PathTree = {
  readonly target: number;
  readonly amountMsat: number;
  readonly limits: RouteLimits;
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
  /** 1 for nodes whose best path is found, and the others that are in sight. */
  readonly settled: Uint8Array;
  readonly heap: NodeHeap;
};

/**
 * A path from a caller: fees on top of the amount, blocks on top of the target's own final delta. A caller that is not announced
 * is not among the nodes, nor the channel it told of among the arcs.
 */
export type Path = { feeMsat: number; cltvDelta: number; hops: number; nodes: number[]; arcs: number[] };

/** A search for paths to `target` within the limits, which goes on as callers ask. One tree serves all of them. */
export function openPaths(
  { graph: { nodeCount } }: PathNet,
  target: number,
  amountMsat: number,
  limits: RouteLimits = defaultLimits(amountMsat),
): PathTree {
  const tree = emptyTree(nodeCount, target, amountMsat, limits);
  tree.cost[target] = 0;
  tree.forwardsMsat[target] = amountMsat;
  tree.probability[target] = 1;
  tree.heap.push(target, 0);
  return tree;
}

/** Goes on until the best path of `node` is found, or no node is left. */
function settle(net: PathNet, tree: PathTree, node: number): void {
  while (tree.settled[node] === 0 && settleNext(net, tree) >= 0);
}

/** Finds the best path of the node in sight that has the cheapest one. @returns the node, or -1 when none is left */
function settleNext(net: PathNet, tree: PathTree): number {
  const { inStart, inTail } = net.graph.rows;
  const { heap, settled } = tree;
  let node = heap.pop();
  while (node >= 0 && settled[node] !== 0) node = heap.pop();
  if (node < 0) return -1;
  settled[node] = 1;
  if (tree.hops[node]! >= tree.limits.maxHops - 1) return node;
  for (let slot = inStart[node]!; slot < inStart[node + 1]!; slot++) {
    const tail = inTail[slot]!;
    if (settled[tail] === 0 && relax(net, tree, slot, tail, node)) heap.push(tail, tree.cost[tail]!);
  }
  return node;
}

/**
 * The best path of one caller, or undefined. The caller pays itself no fee and adds no lock. Peers are looked at in the order of their
 * own costs, and the search is over when the next one costs more than the path that is found, as LND's is when it comes to the source.
 */
export function pathFrom(net: PathNet, tree: PathTree, caller: number): Path | undefined {
  const slots = slotsByPeer(net, caller);
  let [first, best] = [-1, Number.POSITIVE_INFINITY];
  const look = (peer: number) => {
    for (const slot of slots.get(peer) ?? []) {
      const cost = costOverArc(net, tree, slot, peer);
      if (cost < best) [first, best] = [slot, cost];
    }
  };
  const known = [...slots.keys()].filter((peer) => tree.settled[peer] !== 0);
  known.sort((a, b) => tree.cost[a]! - tree.cost[b]! || a - b);
  for (const peer of known) if (tree.cost[peer]! < best) look(peer);
  let unknown = slots.size - known.length;
  while (unknown > 0 && tree.heap.leastCost() < best) {
    const node = settleNext(net, tree);
    if (!slots.has(node)) continue;
    look(node);
    unknown--;
  }
  return first < 0 ? undefined : follow(net, tree, caller, first);
}

/** The slots of a caller's arcs to each peer. */
function slotsByPeer({ graph: { rows } }: PathNet, caller: number): Map<number, number[]> {
  const slots = new Map<number, number[]>();
  for (let out = rows.outStart[caller]!; out < rows.outStart[caller + 1]!; out++) {
    const peer = rows.outHead[out]!;
    const known = slots.get(peer);
    if (known) known.push(rows.outSlot[out]!);
    else slots.set(peer, [rows.outSlot[out]!]);
  }
  return slots;
}

/** What a path costs a caller that leaves over the arc at `slot`; infinite when that is not within the limits. */
function costOverArc(net: PathNet, tree: PathTree, slot: number, peer: number): number {
  const overMsat = crossing(net, tree, slot, peer);
  if (overMsat < 0 || overMsat - tree.amountMsat > tree.limits.maxFeeMsat) return Number.POSITIVE_INFINITY;
  return costOver(tree, peer, overMsat, tree.probability[peer]! * carries(net, slot, peer, overMsat));
}

/**
 * The best path over one of the caller's own channels, which hold what they are told to hold; `caller` is -1 for one that is not
 * announced. No path leads back through the caller.
 */
export function pathOverOwn(
  net: PathNet,
  tree: PathTree,
  caller: number,
  own: readonly OwnChannel[],
): Path | undefined {
  let found: Path | undefined;
  let best = Number.POSITIVE_INFINITY;
  for (const { peer, spendableMsat } of own) {
    settle(net, tree, peer);
    if (tree.settled[peer] === 0) continue;
    const { base, ppm } = inboundFees(net, caller, peer);
    const overMsat = arriving(tree, peer, base, ppm);
    if (overMsat > spendableMsat || overMsat - tree.amountMsat > tree.limits.maxFeeMsat) continue;
    const cost = costOver(tree, peer, overMsat, tree.probability[peer]! * net.online[peer]!);
    if (cost >= best) continue;
    const rest = restOf(net, tree, peer);
    if (caller >= 0 && rest.nodes.includes(caller)) continue;
    const nodes = caller < 0 ? rest.nodes : [caller, ...rest.nodes];
    const feeMsat = overMsat - tree.amountMsat;
    found = { feeMsat, cltvDelta: tree.cltvDelta[peer]!, hops: rest.nodes.length, nodes, arcs: rest.arcs };
    best = cost;
  }
  return found;
}

/** What a peer asks for what arrives from the caller, where an announced channel of theirs says so; of several, the dearest. */
function inboundFees({ graph, terms }: PathNet, caller: number, peer: number): { base: number; ppm: number } {
  const { outStart, outHead, outSlot } = graph.rows;
  const last = caller < 0 ? 0 : outStart[caller + 1]!;
  let fees: { base: number; ppm: number } | undefined;
  for (let out = caller < 0 ? 0 : outStart[caller]!; out < last; out++) {
    if (outHead[out] !== peer) continue;
    const at = outSlot[out]! * TERMS;
    const [base, ppm] = [terms[at + IN_BASE]!, terms[at + IN_PPM]!];
    fees = { base: Math.max(fees?.base ?? base, base), ppm: Math.max(fees?.ppm ?? ppm, ppm) };
  }
  return fees ?? { base: 0, ppm: 0 };
}

/** Fees, risk and expected failed attempts of a caller whose first arc carries so much to `head`. */
function costOver(tree: PathTree, head: number, overMsat: number, probability: number): number {
  return overMsat - tree.amountMsat + tree.riskMsat[head]! + attemptCostMsat(tree.amountMsat) / probability;
}

function follow(net: PathNet, tree: PathTree, caller: number, firstSlot: number): Path {
  const first = net.graph.rows.inArc[firstSlot]!;
  const next = arcHead(net.graph, first);
  const rest = restOf(net, tree, next);
  const feeMsat = crossing(net, tree, firstSlot, next) - tree.amountMsat;
  const nodes = [caller, ...rest.nodes];
  return { feeMsat, cltvDelta: tree.cltvDelta[next]!, hops: rest.nodes.length, nodes, arcs: [first, ...rest.arcs] };
}

/** The nodes from `next` to the target, both included, and the arcs between. */
function restOf({ graph }: PathNet, tree: PathTree, next: number): { nodes: number[]; arcs: number[] } {
  const [nodes, arcs]: [number[], number[]] = [[next], []];
  for (let node = next; node !== tree.target; node = arcHead(graph, tree.nextArc[node]!)) {
    arcs.push(tree.nextArc[node]!);
    nodes.push(arcHead(graph, tree.nextArc[node]!));
  }
  return { nodes, arcs };
}

/** What must cross the arc at `slot` so that its head can go on; negative when the arc does not admit that. */
function crossing(net: PathNet, tree: PathTree, slot: number, head: number): number {
  const { terms } = net;
  const at = slot * TERMS;
  const overMsat = arriving(tree, head, terms[at + IN_BASE]!, terms[at + IN_PPM]!);
  return overMsat >= terms[at + LEAST]! && overMsat <= terms[at + MOST]! ? overMsat : -1;
}

/** What must arrive at `head`, which asks these fees for it besides, so that it can go on. */
function arriving(tree: PathTree, head: number, inBase: number, inPpm: number): number {
  const forwards = tree.forwardsMsat[head]!;
  if (head === tree.target) return forwards;
  const asks = tree.asksMsat[head]!;
  const given = inBase + Math.trunc(((forwards + asks) * inPpm) / 1e6);
  // A node that gives back more than it asks still forwards the whole: LND counts no negative fee.
  return forwards + Math.max(0, asks + given);
}

/** Probability that an arc carries an amount to a node that is online, before any evidence. */
function carries(net: PathNet, slot: number, head: number, overMsat: number): number {
  return (1 - shareBelow(overMsat / net.terms[slot * TERMS + USABLE]!)) * net.online[head]!;
}

/** Offers `tail` the way over an arc; true if that is better than what it had. */
function relax(net: PathNet, tree: PathTree, slot: number, tail: number, head: number): boolean {
  const overMsat = crossing(net, tree, slot, head);
  if (overMsat < 0 || overMsat - tree.amountMsat > tree.limits.maxFeeMsat) return false;
  const { terms } = net;
  const at = slot * TERMS;
  const lock = tree.cltvDelta[head]! + terms[at + DELTA]!;
  if (lock > tree.limits.maxCltvDelta) return false;
  const asks = terms[at + BASE]! + Math.floor((overMsat * terms[at + PPM]!) / 1e6);
  const risk = tree.riskMsat[head]! + overMsat * terms[at + DELTA]! * RISK_PER_MSAT_BLOCK;
  const price = overMsat + asks - tree.amountMsat + risk;
  const reached = tree.probability[head]!;
  // A path is never likelier than its rest, which refuses most arcs before their probability is computed.
  if (price + attemptCostMsat(tree.amountMsat) / reached >= tree.cost[tail]!) return false;
  const probability = reached * carries(net, slot, head, overMsat);
  const cost = price + attemptCostMsat(tree.amountMsat) / probability;
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

function emptyTree(nodeCount: number, target: number, amountMsat: number, limits: RouteLimits): PathTree {
  return {
    target,
    amountMsat,
    limits,
    cost: new Float64Array(nodeCount).fill(Number.POSITIVE_INFINITY),
    nextArc: new Int32Array(nodeCount).fill(-1),
    forwardsMsat: new Float64Array(nodeCount),
    asksMsat: new Float64Array(nodeCount),
    riskMsat: new Float64Array(nodeCount),
    probability: new Float64Array(nodeCount),
    cltvDelta: new Uint16Array(nodeCount),
    hops: new Uint8Array(nodeCount),
    settled: new Uint8Array(nodeCount),
    heap: new NodeHeap(),
  };
}
