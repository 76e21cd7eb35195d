/** The queue of shortest-path searches. */

/** A binary heap of nodes by cost at the time of pushing; a node pushed again simply appears twice. */
export class NodeHeap {
  #nodes: number[] = [];
  #costs: number[] = [];

  push(node: number, cost: number): void {
    const nodes = this.#nodes;
    const costs = this.#costs;
    let at = nodes.length;
    nodes.push(node);
    costs.push(cost);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (costs[parent]! <= cost) break;
      nodes[at] = nodes[parent]!;
      costs[at] = costs[parent]!;
      at = parent;
    }
    nodes[at] = node;
    costs[at] = cost;
  }

  /** The least cost of any node in it; infinite when there is none. */
  leastCost(): number {
    return this.#costs[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The node with the least cost, or -1. */
  pop(): number {
    const nodes = this.#nodes;
    const costs = this.#costs;
    if (nodes.length === 0) return -1;
    const top = nodes[0]!;
    const node = nodes.pop()!;
    const cost = costs.pop()!;
    const size = nodes.length;
    if (size === 0) return top;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && costs[child + 1]! < costs[child]!) child++;
      if (costs[child]! >= cost) break;
      nodes[at] = nodes[child]!;
      costs[at] = costs[child]!;
      at = child;
    }
    nodes[at] = node;
    costs[at] = cost;
    return top;
  }
}
