/** Filters of a relay as conditions on `outbox_event`. Every value travels as a parameter. */
import { fromHex } from "../../core/bytes.ts";
import type { Filter } from "../../core/relay/filter.ts";
import type { UnixSeconds } from "../../core/units.ts";

/** Beyond so many words, holding each event against them all takes longer than looking each of them up. */
const COMPARED_WORDS = 8;
/** IS TRUE keeps the planner from joining the two, which takes seconds where it knows no statistics: the list is found once, and hashed. */
const FOUND_BY_INDEX = (words: string) => `(outbox_id IN (
  SELECT found.outbox_id FROM unnest(${words}) AS wanted(word) CROSS JOIN LATERAL (
    SELECT outbox_id FROM outbox_event WHERE relay_words @> ARRAY[wanted.word] OFFSET 0
  ) AS found)) IS TRUE`;

/** The parameters of one statement, in the order they are first named. */
export function createParameters() {
  const values: unknown[] = [];
  return {
    values,
    /** The name of a parameter of this value. */
    add(value: unknown, type: string): string {
      values.push(value);
      return `$${values.length}::${type}`;
    },
  };
}

export type Parameters = ReturnType<typeof createParameters>;

/** What is served at all: not taken back (NIP-09), not expired (NIP-40). */
export function isServed(parameters: Parameters, now: UnixSeconds): string {
  return `retracted_at IS NULL AND (expires_at IS NULL OR expires_at > ${parameters.add(now, "bigint")})`;
}

/** The conditions of a filter, its limit aside; `true` when it has none. */
export function conditionsOf(filter: Filter, parameters: Parameters): string {
  const conditions: string[] = [];
  const anyOf = (column: string, values: readonly unknown[], type: string) =>
    conditions.push(`${column} = ANY(${parameters.add(values, type)})`);
  if (filter.ids) anyOf("event_id", Array.from(filter.ids, fromHex), "bytea[]");
  if (filter.authors) anyOf("pubkey", Array.from(filter.authors, fromHex), "bytea[]");
  if (filter.kinds) anyOf("kind", [...filter.kinds], "int[]");
  for (const [letter, values] of filter.tags) {
    const words = parameters.add(
      Array.from(values, (value) => letter + value),
      "text[]",
    );
    conditions.push(values.size > COMPARED_WORDS ? FOUND_BY_INDEX(words) : `relay_words && ${words}`);
  }
  // In the terms of the index.
  if (filter.since !== undefined) conditions.push(`-created_at <= ${parameters.add(-filter.since, "bigint")}`);
  if (filter.until !== undefined) conditions.push(`-created_at >= ${parameters.add(-filter.until, "bigint")}`);
  return conditions.length === 0 ? "true" : conditions.join(" AND ");
}
