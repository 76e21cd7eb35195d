/**
 * The node that most payments could pass, world by world.
 *
 * Where a target is reached from the hub, everybody who reaches the hub reaches the target. So two passes per amount, from the
 * hub and towards it, hold nearly all of every other pass of that amount; what is left is a search around the target in
 * the few worlds in which the hub does not reach it. The answer is the same with any hub; a poor one costs time only.
 */
import { everyWorld, WORDS } from "./bits.ts";
import type { ChannelGraph } from "./channel-graph.ts";
import { reachAnyOf, reachFromAnyOf, type Start } from "./reach.ts";
import type { Rounds, RoundsPasses } from "./reach-rounds.ts";
import type { Hub } from "./reached.ts";
import type { Masks } from "./worlds.ts";

/** Nodes that may be the hub of some world: the next one where those before it are offline. */
const CANDIDATES = 8;

/** The hub of these masks, by two passes. */
export function findHub(graph: ChannelGraph, masks: Masks): Hub {
  const starts = pickHubs(graph, masks);
  return { reaches: reachAnyOf(graph, masks, starts), reachedBy: reachFromAnyOf(graph, masks, starts) };
}

/** The same over few arcs, half of the rounds each way, less one that a start may use besides. A start and the hub are one route then. */
export function findHubWithin(graph: ChannelGraph, masks: Masks, passes: RoundsPasses, { isUsed, count }: Rounds): Hub {
  const starts = pickHubs(graph, masks);
  const to = Math.ceil((count - 1) / 2);
  return {
    reaches: passes.backward(masks, starts, { isUsed, count: to }),
    reachedBy: passes.forward(masks, starts, { isUsed, count: count - 1 - to }),
  };
}

/** In each world the first of the nodes with most directions that is online. */
function pickHubs(graph: ChannelGraph, { online }: Masks): Start[] {
  const open = everyWorld();
  return mostConnected(graph).map((node) => {
    const worlds = open.map((word, g) => word & online[node * WORDS + g]!);
    worlds.forEach((word, g) => {
      open[g]! &= ~word;
    });
    return { node, worlds };
  });
}

function mostConnected({ nodeCount, rows: { inStart, outStart } }: ChannelGraph): number[] {
  const most: number[] = [];
  const degree = (node: number) => Math.min(inStart[node + 1]! - inStart[node]!, outStart[node + 1]! - outStart[node]!);
  for (let node = 0; node < nodeCount; node++) {
    if (most.length === CANDIDATES && degree(node) <= degree(most.at(-1)!)) continue;
    if (most.length === CANDIDATES) most.pop();
    const at = most.findIndex((other) => degree(other) < degree(node));
    most.splice(at < 0 ? most.length : at, 0, node);
  }
  return most;
}
