/** Channels that the node is asked for one by one: a few at a time, each of them once. */

export type Answer = { id: bigint; bytes: Uint8Array | undefined; askedAfter: number };
export type Questions = ReturnType<typeof openQuestions>;

const AT_ONCE = 4;
/** More doubts than this are settled sooner by reading the whole graph. */
const MOST = 2_000;

/** `lastHeard` is the number of the last message that was taken in. */
export function openQuestions(ports: {
  channel(id: bigint): Promise<Uint8Array | undefined>;
  lastHeard(): number;
  onFailed(error: unknown): void;
}) {
  const waiting = new Set<bigint>();
  let answers: Answer[] = [];
  let running = 0;
  let failed = false;
  let round = 0;

  const askNext = () => {
    while (running < AT_ONCE) {
      const [id] = waiting;
      if (id === undefined) return;
      waiting.delete(id);
      running++;
      void ask(id);
    }
  };
  const ask = async (id: bigint) => {
    const askedAfter = ports.lastHeard();
    const askedIn = round;
    try {
      const bytes = await ports.channel(id);
      // What was asked before the whole graph was read is older than that.
      if (askedIn === round) answers.push({ id, bytes, askedAfter });
    } catch (error) {
      // What was in doubt stays so: only a reading of the whole graph settles it.
      failed = true;
      ports.onFailed(error);
    }
    running--;
    askNext();
  };

  return {
    /** Asks for these channels soon. */
    ask(ids: readonly bigint[]): void {
      for (const id of ids) waiting.add(id);
      askNext();
    },
    /** Whether only a reading of the whole graph will settle what is in doubt, or would do it sooner. */
    tooMany: () => failed || waiting.size > MOST,
    /** The answers that came since. */
    take(): Answer[] {
      const taken = answers;
      answers = [];
      return taken;
    },
    /** A reading of the whole graph, about to begin, answers whatever was in doubt before it. */
    forget(): void {
      waiting.clear();
      answers = [];
      round++;
      failed = false;
    },
  };
}
