/**
 * A made-up channel graph with the habits of the real one: few large hubs, many leaves with one channel, log-normal
 * capacities, a third of the channels dead, default policies. Same seed and sizes, same graph.
 */
import type { ChannelRecord, NodeRecord, PolicyRecord } from "../core/graph/records.ts";

/** How large and which. */
export type SyntheticOptions = { nodes: number; channels: number; seed?: number; updatedAt?: number };

const GONE_RATIO = 0.4;

/** Records of a graph of these sizes. */
export function syntheticGraph(options: SyntheticOptions): { nodes: NodeRecord[]; channels: ChannelRecord[] } {
  const updatedAt = options.updatedAt ?? 1_770_000_000;
  const random = seededRandom(options.seed ?? 1);
  const nodes = Array.from({ length: options.nodes }, (_, i) => ({
    key: syntheticKey(random),
    alias: `node-${i}`,
    updatedAt: updatedAt - Math.floor(random() * 86_400),
  }));
  // Small nodes die and leave their announcements behind; the first ones, which become hubs, do not.
  const gone = nodes.map((_, i) => i > options.nodes / 20 && random() < GONE_RATIO);
  // Log-uniform: the first nodes become hubs, most stay leaves.
  const pick = () => Math.min(options.nodes - 1, Math.floor(10 * (options.nodes / 10 + 1) ** random() - 10));
  const channels = Array.from({ length: options.channels }, (_, i): ChannelRecord => {
    const first = i < options.nodes ? i : pick();
    let second = pick();
    while (second === first) second = Math.floor(random() * options.nodes);
    const capacitySat = Math.round(Math.exp(15 + 1.6 * gaussian(random)));
    const dead = gone[first]! || gone[second]! || random() < 0.05;
    return {
      id: (BigInt(700_000 + Math.floor(i / 100)) << 40n) | (BigInt(i % 100) << 16n),
      node1: nodes[first]!.key,
      node2: nodes[second]!.key,
      capacitySat,
      policy1: syntheticPolicy(random, capacitySat, dead, updatedAt),
      policy2: syntheticPolicy(random, capacitySat, dead, updatedAt),
    };
  });
  return { nodes, channels };
}

function syntheticPolicy(random: () => number, capacitySat: number, dead: boolean, updatedAt: number): PolicyRecord {
  return {
    enabled: !dead && random() < 0.97,
    minHtlcMsat: random() < 0.05 ? 100_000 : 1000,
    maxHtlcMsat: Math.round(capacitySat * 1000 * (random() < 0.15 ? 0.45 : 0.99)),
    feeBaseMsat: random() < 0.5 ? 0 : 1000,
    feePpm: Math.round(Math.exp(4.5 + 2 * gaussian(random))),
    cltvDelta: [40, 80, 100, 144][Math.floor(random() * 4)]!,
    updatedAt: updatedAt - Math.floor(random() * 1_000_000),
    inboundFeeBaseMsat: 0,
    inboundFeePpm: random() < 0.1 ? -Math.floor(random() * 200) : 0,
  };
}

/** A well-formed compressed key; nobody knows whether it lies on the curve, and nothing here asks. */
function syntheticKey(random: () => number): string {
  let key = random() < 0.5 ? "02" : "03";
  for (let i = 0; i < 8; i++)
    key += Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
  return key;
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Numbers in [0, 1): mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
