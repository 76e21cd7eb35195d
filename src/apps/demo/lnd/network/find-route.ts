/**
 * Finds one route as LND would: Dijkstra from the payee back to the sender, over distance = fees + a price for
 * locked time + the cost of an attempt divided by its probability (LND, routing/pathfind.go and probability.go).
 *
 * The search knows what gossip says, and of balances only those of the sender's own channels.
 */
import { type Memory, pairOf } from "./memory.ts";
import { feeOf, type Network } from "./network.ts";
import type { Hop, Route } from "./route.ts";

/** A node outside the network is at place −1: nothing leads there. */
export type RouteQuery = {
  source: number;
  target: number;
  amountMsat: number;
  /** The most that all hops together may keep. */
  feeLimitMsat: number;
  /** Block height the time locks count from. */
  height: number;
  /** Blocks the payee wants. */
  finalCltvDelta: number;
  /** The most blocks the whole route may lock. */
  cltvLimit: number;
  /** False when planning for somebody else: then the first hop is as uncertain as any. */
  ownsSource: boolean;
  memory?: Memory;
  ignoredNodes?: ReadonlySet<number>;
  ignoredPairs?: ReadonlySet<number>;
  /** Channels the sender may leave through; absent: any. */
  outgoingChannels?: ReadonlySet<bigint>;
  /** The node the payment must come through last. */
  lastHop?: number;
};

type FoundRoute = { route: Route; probability: number };

const MAX_HOPS = 20;
const HOP_PROBABILITY = 0.6;
const PASSED_PROBABILITY = 0.95;
const MIN_PROBABILITY = 0.01;
const RISK_PER_BLOCK = 15e-9;
const ATTEMPT_COST_MSAT = 100_000;
const ATTEMPT_COST_RATIO = 0.001;

export type Pathfinder = (query: RouteQuery) => FoundRoute | undefined;

/** Keeps its working arrays between searches; one search runs at a time. */
export function createPathfinder(network: Network): Pathfinder {
  let labels = allocateLabels(network.nodeCount);
  return (query) => {
    if (labels.arc.length < network.nodeCount) labels = allocateLabels(network.nodeCount);
    labels.epoch++;
    if (query.source < 0 || query.target < 0) return undefined;
    if (!search(network, query, labels)) return undefined;
    return { route: writeRoute(network, query, labels), probability: labels.probability[query.source]! };
  };
}

/** The best known way from each node to the payee. A row counts only in the search that wrote it. */
type Labels = {
  epoch: number;
  seen: Uint32Array;
  done: Uint32Array;
  distance: Float64Array;
  weight: Float64Array;
  probability: Float64Array;
  amount: Float64Array;
  delta: Float64Array;
  hops: Uint8Array;
  arc: Int32Array;
  heap: Heap;
};

function allocateLabels(nodes: number): Labels {
  const doubles = () => new Float64Array(nodes);
  return {
    epoch: 0,
    seen: new Uint32Array(nodes),
    done: new Uint32Array(nodes),
    distance: doubles(),
    weight: doubles(),
    probability: doubles(),
    amount: doubles(),
    delta: doubles(),
    hops: new Uint8Array(nodes),
    arc: new Int32Array(nodes),
    heap: { keys: [], nodes: [] },
  };
}

function search(network: Network, query: RouteQuery, labels: Labels): boolean {
  const { source, target, amountMsat, finalCltvDelta } = query;
  const { heap, epoch } = labels;
  heap.keys.length = 0;
  heap.nodes.length = 0;
  labels.seen[target] = epoch;
  labels.distance[target] = 0;
  labels.weight[target] = 0;
  labels.probability[target] = 1;
  labels.amount[target] = amountMsat;
  labels.delta[target] = finalCltvDelta;
  labels.hops[target] = 0;
  pushHeap(heap, 0, target);

  for (let v = popHeap(heap); v !== undefined; v = popHeap(heap)) {
    if (v === source) return true;
    if (labels.done[v] === epoch) continue;
    labels.done[v] = epoch;
    if (labels.hops[v]! >= MAX_HOPS) continue;
    const end = network.inStart[v + 1]!;
    for (let i = network.inStart[v]!; i < end; ) {
      const tail = network.ends[network.inArcs[i]!]!;
      let next = i + 1;
      while (next < end && network.ends[network.inArcs[next]!] === tail) next++;
      if (labels.done[tail] !== epoch) relax(network, query, labels, { tail, head: v, from: i, to: next });
      i = next;
    }
  }
  return false;
}

/** The parallel channels from one node to the next: `inArcs[from … to)`. */
type Pair = { tail: number; head: number; from: number; to: number };

function relax(network: Network, query: RouteQuery, labels: Labels, pair: Pair): void {
  const { tail, head } = pair;
  if (query.ignoredNodes?.has(tail) || query.ignoredPairs?.has(pairOf(tail, head))) return;
  if (query.lastHop !== undefined && head === query.target && tail !== query.lastHop) return;
  const amount = labels.amount[head]!;
  const terms = unify(network, query, pair, amount);
  if (!terms) return;

  const leaving = tail === query.source ? 0 : terms.fee;
  const waiting = tail === query.source ? 0 : terms.delta;
  if (amount + leaving - query.amountMsat > query.feeLimitMsat) return;
  if (labels.delta[head]! + waiting > query.cltvLimit) return;
  const chance = labels.probability[head]! * pairProbability(network, query, pair, amount, terms.arc);
  if (chance < MIN_PROBABILITY) return;

  const weight = labels.weight[head]! + leaving + amount * waiting * RISK_PER_BLOCK;
  const distance = weight + (ATTEMPT_COST_MSAT + query.amountMsat * ATTEMPT_COST_RATIO) / chance;
  if (labels.seen[tail] === labels.epoch && distance >= labels.distance[tail]!) return;
  labels.seen[tail] = labels.epoch;
  labels.distance[tail] = distance;
  labels.weight[tail] = weight;
  labels.probability[tail] = chance;
  labels.amount[tail] = amount + leaving;
  labels.delta[tail] = labels.delta[head]! + waiting;
  labels.hops[tail] = labels.hops[head]! + 1;
  labels.arc[tail] = terms.arc;
  pushHeap(labels.heap, distance, tail);
}

/**
 * Parallel channels as one, since the node in front of them chooses: the highest fee and delay of those that admit
 * the amount, under the name of the widest.
 */
function unify(
  network: Network,
  query: RouteQuery,
  pair: Pair,
  amount: number,
): { arc: number; fee: number; delta: number } | undefined {
  const isOwn = pair.tail === query.source;
  let arc = -1;
  let fee = 0;
  let delta = 0;
  let width = -1;
  for (let i = pair.from; i < pair.to; i++) {
    const candidate = network.inArcs[i]!;
    if (amount < network.minHtlcMsat[candidate]! || amount > network.maxHtlcMsat[candidate]!) continue;
    if (amount > network.capacityMsat[candidate >> 1]!) continue;
    if (isOwn && query.outgoingChannels && !query.outgoingChannels.has(network.channelIds[candidate >> 1]!)) continue;
    const knows = isOwn && query.ownsSource;
    if (knows && (amount > network.balanceMsat[candidate]! || !network.online[pair.head])) continue;
    fee = Math.max(fee, feeOf(network, candidate, amount));
    delta = Math.max(delta, network.cltvDelta[candidate]!);
    const wide = knows ? network.balanceMsat[candidate]! : network.capacityMsat[candidate >> 1]!;
    if (wide > width) {
      width = wide;
      arc = candidate;
    }
  }
  return arc < 0 ? undefined : { arc, fee, delta };
}

/** LND's a-priori estimator, with what this payment has already met. */
function pairProbability(network: Network, query: RouteQuery, pair: Pair, amount: number, arc: number): number {
  const key = pairOf(pair.tail, pair.head);
  const failedAt = query.memory?.failed.get(key);
  if (failedAt !== undefined && amount >= failedAt) return 0;
  if (amount <= (query.memory?.passed.get(key) ?? 0)) return PASSED_PROBABILITY;
  if (pair.tail === query.source && query.ownsSource) return PASSED_PROBABILITY;
  return HOP_PROBABILITY * capacityFactor(amount, network.capacityMsat[arc >> 1]!);
}

/** Falls from 1 to ½ as the amount comes near the capacity. */
function capacityFactor(amount: number, capacity: number): number {
  return amount > capacity ? 0 : 1 - 0.5 / (1 + Math.exp(-(amount - 0.9999 * capacity) / (0.025 * capacity)));
}

function writeRoute(network: Network, query: RouteQuery, labels: Labels): Route {
  const hops: Hop[] = [];
  for (let at = query.source; at !== query.target; ) {
    const arc = labels.arc[at]!;
    const node = network.ends[arc ^ 1]!;
    const isLast = node === query.target;
    const forwardMsat = isLast ? query.amountMsat : labels.amount[network.ends[labels.arc[node]! ^ 1]!]!;
    hops.push({
      channelId: network.channelIds[arc >> 1]!,
      node,
      forwardMsat,
      feeMsat: labels.amount[node]! - forwardMsat,
      expiry: query.height + (isLast ? query.finalCltvDelta : labels.delta[network.ends[labels.arc[node]! ^ 1]!]!),
    });
    at = node;
  }
  const totalMsat = labels.amount[query.source]!;
  return {
    hops,
    totalMsat,
    totalFeesMsat: totalMsat - query.amountMsat,
    totalTimeLock: query.height + labels.delta[query.source]!,
  };
}

/** A binary heap in two arrays; entries that a better one replaced are passed over when they come out. */
type Heap = { keys: number[]; nodes: number[] };

function pushHeap({ keys, nodes }: Heap, key: number, node: number): void {
  let at = keys.length;
  keys.push(key);
  nodes.push(node);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (keys[parent]! <= key) break;
    keys[at] = keys[parent]!;
    nodes[at] = nodes[parent]!;
    at = parent;
  }
  keys[at] = key;
  nodes[at] = node;
}

function popHeap({ keys, nodes }: Heap): number | undefined {
  const top = nodes[0];
  const key = keys.pop();
  const node = nodes.pop();
  if (key === undefined || node === undefined || keys.length === 0) return top;
  const size = keys.length;
  let at = 0;
  for (let child = 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && keys[child + 1]! < keys[child]!) child++;
    if (keys[child]! >= key) break;
    keys[at] = keys[child]!;
    nodes[at] = nodes[child]!;
    at = child;
  }
  keys[at] = key;
  nodes[at] = node;
  return top;
}
