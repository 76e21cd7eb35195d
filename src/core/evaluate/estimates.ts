/** What each baseline believes of a hop, from a channel's capacity and from what it remembers. */
import { usableMsat } from "../graph/worlds.ts";
import { aprioriNode, aprioriPair } from "./lnd-apriori.ts";
import { bimodalNode, bimodalPair, NO_WEIGHTS } from "./lnd-bimodal.ts";
import { type LndMemory, type PairResult, resultsByTail } from "./lnd-memory.ts";
import { capacities, type Estimate, type Router } from "./search.ts";

const NOTHING: readonly PairResult[] = [];

/** LND's default estimator; an empty memory is a node that never paid. */
export function aprioriEstimate(router: Router, memory: LndMemory): Estimate {
  const capacityMsat = capacities(router.graph);
  const { inTail } = router.graph.rows;
  if (memory.size === 0) return (slot, _pair, amountMsat) => aprioriNode(NOTHING, amountMsat, capacityMsat[slot]!);
  const byTail = resultsByTail(memory, router.pairs);
  return (slot, pair, amountMsat) => {
    const node = aprioriNode(byTail.get(inTail[slot]!) ?? NOTHING, amountMsat, capacityMsat[slot]!);
    return aprioriPair(memory.get(pair), node, amountMsat);
  };
}

/** LND's bimodal estimator. */
export function bimodalEstimate(router: Router, memory: LndMemory): Estimate {
  const capacityMsat = capacities(router.graph);
  const { inTail } = router.graph.rows;
  const weights = new Map(
    [...resultsByTail(memory, router.pairs)].map(([node, results]) => [node, bimodalNode(results)]),
  );
  return (slot, pair, amountMsat) =>
    bimodalPair(memory.get(pair), weights.get(inTail[slot]!) ?? NO_WEIGHTS, amountMsat, capacityMsat[slot]!);
}

/** Every balance equally likely. */
export function uniformEstimate({ graph }: Router): Estimate {
  const usable = Float64Array.from(graph.rows.inArc, (arc) => usableMsat(graph, arc >>> 1));
  return (slot, _pair, amountMsat) => Math.max(0, 1 - amountMsat / usable[slot]!);
}
