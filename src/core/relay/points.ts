/** Filters that name what they want so narrowly that it is looked up, not searched for. */
import type { Filter } from "./filter.ts";

/** Ids, and words as in {@link ListedEvent}. */
export type Points = { ids: readonly string[]; words: readonly string[] };

/** Tags whose values name a subject: few events share one. `k` is not among them, since thousands do. */
const NARROW_TAGS = ["d", "i", "a", "e", "p"] as const;

/** The points of a filter, by its narrowest condition; undefined when it has none. */
export function pointsOf(filter: Filter): Points | undefined {
  if (filter.ids) return { ids: [...filter.ids], words: [] };
  for (const letter of NARROW_TAGS) {
    const values = filter.tags.get(letter);
    if (values) return { ids: [], words: Array.from(values, (value) => letter + value) };
  }
  return undefined;
}
