/** The probability that a typical caller reaches a node, from one backward pass. */
import { WORDS } from "../graph/bits.ts";
import { type Reached, reachedAt } from "../graph/reached.ts";
import { groupRatios } from "./interval.ts";
import type { ReferenceCaller } from "./references.ts";

/** By group of worlds; `reached` is by node the worlds in which it reaches this one. A caller says nothing about itself. */
export function meanOfCallers(references: readonly ReferenceCaller[], node: number, reached: Reached): Float64Array {
  const groups = new Float64Array(WORDS);
  let total = 0;
  for (const { node: caller, weight } of references) {
    if (caller === node) continue;
    total += weight;
    groupRatios(reachedAt(reached, caller)).forEach((ratio, g) => {
      groups[g]! += weight * ratio;
    });
  }
  return groups.map((sum) => sum / Math.max(total, 1));
}
