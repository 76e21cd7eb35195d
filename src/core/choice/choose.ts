/** The cheapest candidates, not too many of one kind; and from how many of them it is certain without having read all. */

export type Candidate = {
  readonly id: bigint;
  /** No caller gets it for less. */
  readonly floorMsat: number;
  /** For this caller; at least the floor. */
  readonly costMsat: number;
  /** Who fails together: its operator, its host, its payee. */
  readonly groups: readonly string[];
};

/** Whoever falls back to the next one should not fall with the same operator, server or node. */
const MOST_OF_A_GROUP = 2;

export type Choice<Row extends Candidate> = {
  /** Cheapest first. */
  readonly chosen: readonly Row[];
  /** How many cheaper ones were passed over because two of their group were chosen. */
  readonly repeats: number;
  /** Groups of which there are enough already, whatever is read next. */
  readonly full: readonly string[];
  /** Whether nothing that was not read can change it. */
  readonly isSettled: boolean;
};

/** Chooses among what was read. Whatever was not read has a floor of at least `frontier`; infinite when all was. */
export function choose<Row extends Candidate>(read: readonly Row[], limit: number, frontier: number): Choice<Row> {
  const byCost = [...read].sort((a, b) => a.costMsat - b.costMsat || (a.id < b.id ? -1 : 1));
  const crowd = openCrowd();
  const certain = openCrowd();
  const chosen: Row[] = [];
  let repeats = 0;
  for (const row of byCost) {
    if (chosen.length === limit) break;
    if (!crowd.admits(row.groups)) {
      repeats++;
      continue;
    }
    chosen.push(row);
    crowd.add(row.groups);
    if (row.costMsat < frontier) certain.add(row.groups);
  }
  const isSettled =
    frontier === Number.POSITIVE_INFINITY || (chosen.length === limit && chosen.at(-1)!.costMsat < frontier);
  return { chosen, repeats, full: certain.full(), isSettled };
}

/** Counts who was chosen of each group. */
export function openCrowd() {
  const counts = new Map<string, number>();
  return {
    admits: (groups: readonly string[]) => groups.every((group) => (counts.get(group) ?? 0) < MOST_OF_A_GROUP),
    add(groups: readonly string[]): void {
      for (const group of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
    },
    full: () => [...counts].filter(([, count]) => count >= MOST_OF_A_GROUP).map(([group]) => group),
  };
}
