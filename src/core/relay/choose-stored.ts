/** The answer to one request out of events that may match it. */
import type { Filter } from "./filter.ts";
import { compareListed, type ListedEvent, matches } from "./listed-event.ts";
import { createQuota, type Limits } from "./quota.ts";

/** @param candidates everything that may match, in any order, each once */
export function chooseStored<Event extends ListedEvent>(
  filters: readonly Filter[],
  candidates: readonly Event[],
  limits: Limits,
): { events: Event[]; hint: "finish" | "more" } {
  const quota = createQuota(filters, limits);
  const events = [...candidates].sort(compareListed).filter((event) => {
    const places = filters.flatMap((filter, place) => (matches(filter, event) ? [place] : []));
    return quota.take(event.createdAt, places);
  });
  return { events, hint: quota.hint() };
}
