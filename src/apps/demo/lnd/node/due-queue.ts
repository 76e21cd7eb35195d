/** A queue that hands out first what is due first (a binary heap), as LND keeps its invoices by expiry. */

export type DueQueue<Item> = {
  readonly size: number;
  push(item: Item): void;
  /** The item that is due first and by `now`, taken out; undefined when there is none. */
  takeDue(now: number): Item | undefined;
};

export function createDueQueue<Item>(dueAt: (item: Item) => number): DueQueue<Item> {
  const heap: Item[] = [];
  const isBefore = (a: number, b: number) => dueAt(heap[a]!) < dueAt(heap[b]!);
  const swap = (a: number, b: number) => {
    const item = heap[a]!;
    heap[a] = heap[b]!;
    heap[b] = item;
  };

  const sink = () => {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const right = left + 1;
      let first = at;
      if (left < heap.length && isBefore(left, first)) first = left;
      if (right < heap.length && isBefore(right, first)) first = right;
      if (first === at) return;
      swap(at, first);
      at = first;
    }
  };

  return {
    get size() {
      return heap.length;
    },
    push(item) {
      heap.push(item);
      for (let at = heap.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1;
        if (!isBefore(at, parent)) return;
        swap(at, parent);
        at = parent;
      }
    },
    takeDue(now) {
      const first = heap[0];
      if (first === undefined || dueAt(first) > now) return undefined;
      const last = heap.pop()!;
      if (heap.length > 0) {
        heap[0] = last;
        sink();
      }
      return first;
    },
  };
}
