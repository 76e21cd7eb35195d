/**
 * Commits made together: statements that arrive while others are being committed wait for one another and go to the
 * server as one. Each caller is answered only after its own commit, so nothing is less durable; the commit under way is
 * the only delay, and an idle connection means none.
 */
import { OracleError } from "../../core/errors.ts";

/** What one caller waits for. */
type Waiting<Item, Result> = { item: Item; resolve(result: Result): void; reject(error: unknown): void };

export type GroupCommitOptions = {
  /** Batches under way at once: two keep a disk busy while the next batch gathers. */
  lanes: number;
  /** Most items in one statement. */
  batch: number;
  /** Most items waiting; beyond it callers are refused at once instead of waiting ever longer. */
  queue: number;
};

export const LEDGER_COMMITS: GroupCommitOptions = { lanes: 2, batch: 256, queue: 10_000 };

/**
 * `commit` takes a batch in order of arrival and gives one result for each, after the commit. When it throws, every
 * caller of the batch gets the error: whether the batch was committed is then not known.
 */
export function groupCommit<Item, Result>(
  commit: (items: Item[]) => Promise<Result[]>,
  options: GroupCommitOptions,
): (item: Item) => Promise<Result> {
  const waiting: Waiting<Item, Result>[] = [];
  let free = options.lanes;
  let scheduled = false;

  const run = async (batch: Waiting<Item, Result>[]): Promise<void> => {
    try {
      const results = await commit(batch.map(({ item }) => item));
      batch.forEach((each, index) => {
        const result = results[index];
        if (result === undefined) each.reject(new OracleError("INTERNAL", "a batch was answered in part"));
        else each.resolve(result);
      });
    } catch (error) {
      for (const each of batch) each.reject(error);
    } finally {
      free += 1;
      flush();
    }
  };
  const flush = (): void => {
    scheduled = false;
    while (free > 0 && waiting.length > 0) {
      free -= 1;
      void run(waiting.splice(0, options.batch));
    }
  };

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= options.queue) {
        reject(new OracleError("DATABASE_UNAVAILABLE", "too much is waiting for the database; try again in a moment"));
        return;
      }
      waiting.push({ item, resolve, reject });
      // At the end of this turn of the event loop: what arrived with it goes along.
      if (free > 0 && !scheduled) {
        scheduled = true;
        setImmediate(flush);
      }
    });
}
