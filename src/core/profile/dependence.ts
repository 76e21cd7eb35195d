/** Whose loss costs a node most: the same worlds without one neighbour after the other. */
import { countWorlds, WORDS } from "../graph/bits.ts";
import { inboundCount, nodeKeyHex } from "../graph/channel-graph.ts";
import type { ReachEngine } from "../graph/engine.ts";
import { reachTarget, withoutSlots } from "../graph/reach.ts";
import { heldIn, type Reached } from "../graph/reached.ts";
import { chanceOf } from "../score/interval.ts";
import { meanOfCallers } from "../score/mean-of-callers.ts";
import type { ReferenceCaller } from "../score/references.ts";
import type { Cuts } from "./cuts.ts";
import type { Dependence, WithoutPeer } from "./profile.ts";

/** Neighbours whose loss is computed: a pass each. */
const PEERS_TRIED = 3;

/** The neighbours tried are those that most worlds have as their only way in; without one that is the only way in no world, nothing changes. */
export function* findDependence(
  { engine, references }: { readonly engine: ReachEngine; readonly references: readonly ReferenceCaller[] },
  cuts: Cuts,
  node: number,
  amountMsat: number,
): Generator<void, Dependence> {
  const { graph } = engine;
  const chance = (reached: Reached) => chanceOf(meanOfCallers(references, node, reached));
  const withoutPeer: WithoutPeer[] = [];
  for (const peer of peersThatDecide(engine, node, amountMsat)) {
    const masks = withoutSlots(engine.masks(amountMsat), slotsOf(engine, peer));
    withoutPeer.push({ peer: nodeKeyHex(graph, peer), ...chance(heldIn(reachTarget(graph, masks, node))) });
    yield;
  }
  const cut = cuts.cutOf[node]!;
  return {
    cutOffBy: cut < 0 ? null : nodeKeyHex(graph, cut),
    dependents: cuts.dependents[node]!,
    amountMsat,
    withAll: inboundCount(graph, node) === 0 ? null : chance(engine.toTarget(node, amountMsat)),
    withoutPeer: withoutPeer.sort((a, b) => a.probability - b.probability),
  };
}

/** Neighbours by the number of worlds in which theirs is the only direction to the node that carries the amount. */
function peersThatDecide({ graph, masks }: ReachEngine, node: number, amountMsat: number): number[] {
  const { inStart, inTail } = graph.rows;
  const { words } = masks(amountMsat);
  const byPeer = new Map<number, Int32Array>();
  for (let slot = inStart[node]!; slot < inStart[node + 1]!; slot++) {
    const worlds = byPeer.get(inTail[slot]!) ?? new Int32Array(WORDS);
    for (let g = 0; g < WORDS; g++) worlds[g]! |= words[slot * WORDS + g]!;
    byPeer.set(inTail[slot]!, worlds);
  }
  const [once, twice] = [new Int32Array(WORDS), new Int32Array(WORDS)];
  for (const worlds of byPeer.values()) {
    for (let g = 0; g < WORDS; g++) {
      twice[g]! |= once[g]! & worlds[g]!;
      once[g]! |= worlds[g]!;
    }
  }
  const counted = [...byPeer].map(([peer, worlds]) => ({
    peer,
    alone: countWorlds(worlds.map((word, g) => word & ~twice[g]!)),
  }));
  counted.sort((a, b) => b.alone - a.alone || a.peer - b.peer);
  return counted
    .filter(({ alone }) => alone > 0)
    .slice(0, PEERS_TRIED)
    .map(({ peer }) => peer);
}

/** Every enabled direction to or from a node. */
function slotsOf({ graph: { rows } }: ReachEngine, node: number): number[] {
  const { inStart, outStart, outSlot } = rows;
  const inbound = Array.from({ length: inStart[node + 1]! - inStart[node]! }, (_, i) => inStart[node]! + i);
  return [...inbound, ...outSlot.subarray(outStart[node]!, outStart[node + 1]!)];
}
