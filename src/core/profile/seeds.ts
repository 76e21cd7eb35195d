/**
 * The nodes that receive capacity is counted from. They stand for "the network", so money must not choose them: no degree, no
 * capacity. A seed is old, and no single node stands between it and the bulk, which is where the oldest channels are. Among these come
 * first the ones that our probes saw forwarding, by how many neighbours they passed amounts on to; then the oldest. A past cannot be
 * bought today, and somebody else's forwarding not at all.
 */
import { type ChannelGraph, nodeKeyHex } from "../graph/channel-graph.ts";
import { isLive } from "../graph/worlds.ts";
import type { Cuts } from "./cuts.ts";
import type { Forwarding } from "./forwarding.ts";

/** Seeds of a graph, at most. */
export const MOST_SEEDS = 64;

/** The block a channel was funded in, which is in its id (BOLT 7 `short_channel_id`); 0 in graphs that number their channels. */
export function fundingBlock(graph: ChannelGraph, channel: number): number {
  return graph.channelIdHigh[channel]! >>> 8;
}

/** How old nodes are, by the blocks their live channels were funded in. */
export type Ages = {
  /** By node: the block of its oldest live channel; 0 when none tells. */
  readonly oldestBlock: Uint32Array;
  /** By node: the age of its live channels in blocks, one more for each, summed up. Money adds to it no faster than time goes by. */
  readonly channelAge: Float64Array;
  /** The newest block that a channel was funded in. */
  readonly tip: number;
  /** Half of all channel age is in channels that were funded no later: the young ones, however many, weigh next to nothing. */
  readonly oldBlock: number;
};

/** Reads the ages of a graph's nodes off its live channels. */
export function readAges(graph: ChannelGraph): Ages {
  const live = Array.from({ length: graph.channelCount }, (_, channel) => channel).filter((each) =>
    isLive(graph, each),
  );
  const blocks = Uint32Array.from(live, (channel) => fundingBlock(graph, channel));
  const dated = blocks.filter((block) => block > 0).sort();
  const tip = dated.at(-1) ?? 0;
  const oldestBlock = new Uint32Array(graph.nodeCount);
  const channelAge = new Float64Array(graph.nodeCount);
  live.forEach((channel, i) => {
    const block = blocks[i]!;
    for (const node of [graph.nodeA[channel]!, graph.nodeB[channel]!]) {
      channelAge[node]! += 1 + (block === 0 ? 0 : tip - block);
      if (block > 0 && (oldestBlock[node] === 0 || block < oldestBlock[node]!)) oldestBlock[node] = block;
    }
  });
  return { oldestBlock, channelAge, tip, oldBlock: weightedMedian(dated, tip) };
}

/** The block up to which half of the age of all channels lies. `blocks` in order. */
function weightedMedian(blocks: Uint32Array, tip: number): number {
  let left = blocks.reduce((sum, block) => sum + tip - block, 0) / 2;
  for (const block of blocks) {
    left -= tip - block;
    if (left <= 0) return block;
  }
  return 0;
}

/**
 * At most {@link MOST_SEEDS} nodes, the first ones first. Where channels tell no age, as in a file that numbers them, only those that
 * were seen forwarding.
 */
export function chooseSeeds(
  graph: ChannelGraph,
  cuts: Cuts,
  { oldestBlock, oldBlock, tip }: Ages,
  forwarding: ReadonlyMap<string, Forwarding>,
): number[] {
  const candidates: { node: number; passed: number; since: number }[] = [];
  for (let node = 0; node < graph.nodeCount; node++) {
    if (cuts.inBulk[node] === 0 || cuts.cutOf[node]! >= 0) continue;
    const since = oldestBlock[node]!;
    const passed = forwarding.size === 0 ? 0 : (forwarding.get(nodeKeyHex(graph, node))?.passedTo.size ?? 0);
    const isOld = since > 0 && since <= oldBlock;
    if (isOld || (tip === 0 && passed > 0)) candidates.push({ node, passed, since });
  }
  // Nodes are sorted by key, which settles what is left.
  candidates.sort((a, b) => b.passed - a.passed || a.since - b.since || a.node - b.node);
  return candidates.slice(0, MOST_SEEDS).map(({ node }) => node);
}
