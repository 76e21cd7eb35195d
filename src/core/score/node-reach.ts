/** The same terms for one node, by backward passes: every reference caller at once. */
import { everyWorld, WORDS } from "../graph/bits.ts";
import type { ReachEngine } from "../graph/engine.ts";
import { groupRatios } from "./interval.ts";
import type { ReferenceCaller } from "./references.ts";
import type { RankTerm } from "./terms.ts";

/** By group of worlds: the probability of a term for a node. */
export function termOf(
  engine: ReachEngine,
  references: readonly ReferenceCaller[],
  node: number,
  { place, amountMsat }: RankTerm,
): Float64Array {
  if (place === "node") return meanOfCallers(references, node, engine.toTarget(node, amountMsat));
  const { graph, worlds } = engine;
  const { inStart, inTail } = graph.rows;
  const neighbours = new Set(inTail.subarray(inStart[node]!, inStart[node + 1]!));
  const starts = [...neighbours].map((each) => ({ node: each, worlds: everyWorld() }));
  const reached = engine.toAnyOf(starts, amountMsat);
  const online = worlds.online.subarray(node * WORDS, (node + 1) * WORDS);
  for (let i = 0; i < reached.length; i++) reached[i]! &= online[i % WORDS]!;
  return meanOfCallers(references, node, reached);
}

/** By group of worlds: the probability that a typical caller reaches a node, by the worlds in which each node does. */
function meanOfCallers(references: readonly ReferenceCaller[], node: number, reached: Int32Array): Float64Array {
  const groups = new Float64Array(WORDS);
  let total = 0;
  for (const { node: caller, weight } of references) {
    if (caller === node) continue;
    total += weight;
    groupRatios(reached, caller).forEach((ratio, g) => {
      groups[g]! += weight * ratio;
    });
  }
  return groups.map((sum) => sum / Math.max(total, 1));
}
