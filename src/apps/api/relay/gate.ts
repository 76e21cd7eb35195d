/** So many at once, the others in the order they came, and no more than so many waiting. */

/** There is no room to wait. The text is that of a CLOSED message. */
export class Busy extends Error {
  override readonly name = "Busy";
  constructor() {
    super("error: too many questions are waiting; ask again later");
  }
}

export type Gate = ReturnType<typeof createGate>;

export function createGate({ atOnce, mostWaiting }: { atOnce: number; mostWaiting: number }) {
  const queue: (() => void)[] = [];
  let running = 0;
  return {
    get waiting(): number {
      return queue.length;
    },
    /** @throws Busy before `work` begins */
    async pass<Result>(work: () => Promise<Result>): Promise<Result> {
      if (running >= atOnce) {
        if (queue.length >= mostWaiting) throw new Busy();
        await new Promise<void>((resolve) => queue.push(resolve));
      } else running += 1;
      try {
        return await work();
      } finally {
        // Whoever is next takes over this place.
        const next = queue.shift();
        if (next) next();
        else running -= 1;
      }
    },
  };
}
