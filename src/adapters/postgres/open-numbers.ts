/** Which of a till's numbers are open: what its row says of them is bounded by how many calls run at once. */

/** What a till's row says: numbers below `below` are closed, except those listed. */
export type Stated = { below: number; open: readonly number[] };

export function openNumbers() {
  let next = 1;
  const open = new Set<number>();
  return {
    /** What the row would say with these closed, before any number is taken that it does not know. */
    without(closing: readonly number[]): Stated {
      const closed = new Set(closing);
      return { below: next, open: [...open].filter((number) => !closed.has(number)) };
    },
    /** The first of `count` fresh numbers, which follow each other. */
    take(count: number): number {
      const first = next;
      next += count;
      for (let number = first; number < next; number++) open.add(number);
      return first;
    },
    /** The row says so now. */
    close(closing: readonly number[]): void {
      for (const number of closing) open.delete(number);
    },
  };
}
