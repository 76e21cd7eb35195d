/** The same graph work on graphology, a widely used general graph library: the baseline of the graph benches. */
import graphology from "graphology";
import { singleSource } from "graphology-shortest-path/dijkstra.js";

/** One direction that carries the amount. */
export type GenericArc = { tail: number; head: number; cost: number };

/** A graph of arcs turned round, so that searches from a target find its callers. */
export type GenericGraph = InstanceType<typeof graphology.MultiDirectedGraph>;

/** Builds it. */
export function buildGenericGraph(arcs: readonly GenericArc[]): GenericGraph {
  const graph = new graphology.MultiDirectedGraph();
  for (const { tail, head, cost } of arcs) {
    graph.mergeNode(tail);
    graph.mergeNode(head);
    graph.addDirectedEdge(head, tail, { cost });
  }
  return graph;
}

/** Everybody who reaches `target`: a breadth-first search. */
export function genericSearch(graph: GenericGraph, target: number): number {
  const seen = new Set<string>([String(target)]);
  if (!graph.hasNode(target)) return 0;
  for (const node of seen) {
    graph.forEachOutNeighbor(node, (neighbour: string) => {
      seen.add(neighbour);
    });
  }
  return seen.size;
}

/** Cheapest paths from everybody to `target`, by fee rate alone. */
export function genericPaths(graph: GenericGraph, target: number): object {
  return graph.hasNode(target) ? singleSource(graph, target, "cost") : {};
}
