/** The same graph work in igraph, a library in C, through its Python binding where that is installed: the harder baseline. */
import { spawnSync } from "node:child_process";
import type { GenericArc } from "./graphology.ts";

/** Medians in ms, as igraph measures them itself: building the graph, one search of one target, and Dijkstra to it. */
export type IgraphTimes = { buildMs: number; searchMs: number; pathsMs: number };

const RUNS = 9;
/** What it is given: a target and three numbers per arc, on stdin. */
const SCRIPT = `
import sys, json, time
import igraph
given = json.load(sys.stdin)
def median(work):
    times = []
    for _ in range(${RUNS}):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return sorted(times)[${RUNS} // 2]
arcs = list(zip(given["tails"], given["heads"]))
build = lambda: igraph.Graph(n=given["nodes"], edges=arcs, directed=True)
graph = build()
print(json.dumps({
    "buildMs": median(build),
    "searchMs": median(lambda: graph.subcomponent(given["target"], mode="in")),
    "pathsMs": median(lambda: graph.distances(source=[given["target"]], weights=given["costs"], mode="in")),
}))
`;

/** Undefined where python3 or its igraph is not installed. */
export function timeIgraph(arcs: readonly GenericArc[], nodes: number, target: number): IgraphTimes | undefined {
  const [tails, heads, costs] = [arcs.map((arc) => arc.tail), arcs.map((arc) => arc.head), arcs.map((arc) => arc.cost)];
  const input = JSON.stringify({ nodes, target, tails, heads, costs });
  const { status, stdout } = spawnSync("python3", ["-c", SCRIPT], { input, encoding: "utf8", maxBuffer: 1 << 26 });
  return status === 0 ? (JSON.parse(stdout) as IgraphTimes) : undefined;
}
