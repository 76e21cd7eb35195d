/**
 * The largest flow from any of several sources to one vertex (Dinic 1970), searched backwards from that vertex: most nodes are
 * small, so that little of the network is looked at. Capacities are whole numbers, so sums are exact below 2^53.
 */

/** Who is joined to whom. Edge e runs one way and edge e ^ 1 back; what flows over one can flow back over the other. */
export type FlowNet = {
  readonly vertexCount: number;
  /** Edges that leave each vertex: `edges` from `start[v]` to `start[v + 1]`. */
  readonly start: Uint32Array;
  readonly edges: Uint32Array;
  /** By edge: the vertex it enters. */
  readonly to: Uint32Array;
};

/** The value of a flow, and by vertex whether it is on the sink's side of the smallest cut that is nearest to the sink. */
export type Flow = { readonly value: number; readonly behind: Uint8Array };

type Search = {
  readonly net: FlowNet;
  readonly left: Float64Array;
  readonly isSource: Uint8Array;
  /** Steps to the sink, or -1. */
  readonly steps: Int32Array;
  readonly next: Uint32Array;
  readonly queue: Uint32Array;
};

/** The largest flow into `sink`, which must be no source. `left` are the capacities by edge, and holds what is left of them afterwards. */
export function maxFlow(net: FlowNet, left: Float64Array, isSource: Uint8Array, sink: number): Flow {
  const { vertexCount, start } = net;
  const steps = new Int32Array(vertexCount);
  const search = { net, left, isSource, steps, next: start.slice(), queue: new Uint32Array(vertexCount) };
  let value = 0;
  while (countSteps(search, sink)) {
    search.next.set(start);
    value += pushAll(search, sink);
  }
  return { value, behind: Uint8Array.from(steps, (each) => (each >= 0 ? 1 : 0)) };
}

/** Counts every vertex's steps to the sink over edges with something left, up to the nearest source. False when none has a way. */
function countSteps({ net, left, isSource, steps, queue }: Search, sink: number): boolean {
  const { start, edges, to } = net;
  steps.fill(-1);
  steps[sink] = 0;
  queue[0] = sink;
  let nearest = Number.POSITIVE_INFINITY;
  for (let first = 0, last = 1; first < last; first++) {
    const vertex = queue[first]!;
    const next = steps[vertex]! + 1;
    if (next > nearest) break;
    for (let i = start[vertex]!; i < start[vertex + 1]!; i++) {
      const edge = edges[i]!;
      const from = to[edge]!;
      if (steps[from]! >= 0 || left[edge ^ 1]! <= 0) continue;
      steps[from] = next;
      if (isSource[from] === 0) queue[last++] = from;
      else nearest = next;
    }
  }
  return nearest < Number.POSITIVE_INFINITY;
}

/** Sends all that shortest ways can carry. @returns how much */
function pushAll({ net, left, isSource, steps, next }: Search, sink: number): number {
  const { start, edges, to } = net;
  const path: number[] = [];
  let value = 0;
  let vertex = sink;
  for (;;) {
    if (isSource[vertex] !== 0) {
      value += pushAlong(left, path);
      vertex = sink;
      path.length = 0;
      continue;
    }
    let edge = -1;
    for (; next[vertex]! < start[vertex + 1]!; next[vertex]!++) {
      const each = edges[next[vertex]!]!;
      if (steps[to[each]!] === steps[vertex]! + 1 && left[each ^ 1]! > 0) {
        edge = each;
        break;
      }
    }
    if (edge >= 0) {
      path.push(edge);
      vertex = to[edge]!;
    } else if (path.length === 0) {
      return value;
    } else {
      // Nothing comes through here any more: the vertex before goes on with its next edge.
      vertex = to[path.pop()! ^ 1]!;
      next[vertex]!++;
    }
  }
}

/** Sends what the narrowest edge of a way has left. The edges lead from the sink to the source; the flow runs against them. */
function pushAlong(left: Float64Array, path: readonly number[]): number {
  let most = Number.POSITIVE_INFINITY;
  for (const edge of path) most = Math.min(most, left[edge ^ 1]!);
  for (const edge of path) {
    left[edge ^ 1]! -= most;
    left[edge]! += most;
  }
  return most;
}
