/** A snapshot of the database, as Postgres writes it (`xmin:xmax:xip`): what was committed when a statement looked. */

export type Moment = {
  text: string;
  /** Whether a transaction that has committed by now had committed then. */
  includes(transactionId: number): boolean;
  /** The first id that no transaction had then. It never falls while the database is the same one. */
  next: number;
};

/** Reads what `pg_current_snapshot()` said. Ids of transactions fit a double for as long as any database lives. */
export function readMoment(text: string): Moment {
  const [oldest = 0, next = 0] = text.split(":", 2).map(Number);
  const underWay = new Set((text.split(":")[2] ?? "").split(",").filter(Boolean).map(Number));
  return {
    text,
    next,
    includes: (id) => id < oldest || (id < next && !underWay.has(id)),
  };
}
