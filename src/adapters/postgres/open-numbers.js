/** Which of a till's numbers are open: what its row says of them is bounded by how many calls run at once. */
export function openNumbers() {
  let next = 1;
  const open = new Set();
  return {
    /** What the row would say with these closed, before any number is taken that it does not know. */
    without(closing) {
      const closed = new Set(closing);
      return { below: next, open: [...open].filter((number) => !closed.has(number)) };
    },
    /** The first of `count` fresh numbers, which follow each other. */
    take(count) {
      const first = next;
      next += count;
      for (let number = first; number < next; number++) open.add(number);
      return first;
    },
    /** The row says so now. */
    close(closing) {
      for (const number of closing) open.delete(number);
    },
  };
}
//# sourceMappingURL=open-numbers.js.map
