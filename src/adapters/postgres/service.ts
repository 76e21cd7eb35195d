/** Tables `endpoint` and `endpoint_belief`, read together: the catalogue as callers see it. */
import type { Method } from "../../core/endpoint/endpoint.ts";
import type { Promised, Scheme, Source } from "../../core/endpoint/listing.ts";
import { type Msat, msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

/** `price` is what invoices asked last, or else what is announced; undefined is unknown. `origin` names the source of each field. */
export type Service = {
  place: bigint;
  id: string;
  url: string;
  method: Method;
  host: string;
  name: string | undefined;
  description: string | undefined;
  category: string | undefined;
  tags: string[];
  provider: string | undefined;
  contact: string | undefined;
  price: Msat | undefined;
  announcedPrice: Msat | undefined;
  payee: string | undefined;
  schemes: Scheme[];
  promised: Promised | undefined;
  origin: Record<string, Source>;
  sources: Source[];
  operator: string | undefined;
  /** What the operator says to what is measured, and how many calls it disputes. */
  reply: string | undefined;
  disputeCount: number;
  listedAt: UnixSeconds;
  changedAt: UnixSeconds;
  belief: ServiceBelief | undefined;
};

export type ServiceBelief = {
  probability: number;
  low: number;
  high: number;
  observations: number;
  newestAt: UnixSeconds | undefined;
};

/** Every condition holds for what is found. `after` is the place of the last one of the page before. */
export type ServiceFilter = {
  text?: string | undefined;
  category?: string | undefined;
  scheme?: Scheme | undefined;
  operator?: string | undefined;
  host?: string | undefined;
  maxPrice?: { price: Msat; withUnknown: boolean } | undefined;
};
export type ServicePage = ServiceFilter & { after: bigint; limit: number };

const PRICE = "coalesce(b.price_msat, e.price_msat)";
const SOURCES = `ARRAY(SELECT DISTINCT l.source FROM endpoint_listing l WHERE l.endpoint_id = e.endpoint_id AND l.gone_at IS NULL ORDER BY 1)`;
const REPLY = `(SELECT r.text FROM endpoint_reply r WHERE r.endpoint_id = e.endpoint_id AND r.operator = e.operator
  ORDER BY r.endpoint_reply_id DESC LIMIT 1)`;
const DISPUTES = `(SELECT count(*)::int FROM endpoint_dispute d WHERE d.endpoint_id = e.endpoint_id AND d.operator = e.operator)`;
/** Beyond it, how many there are is not counted. */
export const MOST_COUNTED = 1_000;

export function serviceTable(database: Queryable) {
  return {
    /** In the order in which they were first listed: a page is not moved by what changes between two. */
    async services({ after, limit, ...filter }: ServicePage): Promise<Service[]> {
      const { text, values } = conditions(filter, [after, limit]);
      const query = `SELECT e.*, ${PRICE} AS price, ${SOURCES} AS sources, ${REPLY} AS reply, ${DISPUTES} AS disputes, b.probability, b.low, b.high, b.observations, b.newest_at
        FROM endpoint e LEFT JOIN endpoint_belief b USING (endpoint_id)
        WHERE e.removed_at IS NULL AND e.endpoint_id > $1 ${text} ORDER BY e.endpoint_id LIMIT $2`;
      const { rows } = await translated(database.query(query, values));
      return rows.map(serviceOf);
    },

    /** How many fit but for a price that nobody knows: {@link MOST_COUNTED} at most. */
    async unpricedServices({ maxPrice: _unasked, ...filter }: ServiceFilter): Promise<number> {
      const { text, values } = conditions(filter, [MOST_COUNTED]);
      const query = `SELECT count(*)::int AS count FROM (SELECT FROM endpoint e LEFT JOIN endpoint_belief b USING (endpoint_id)
        WHERE e.removed_at IS NULL AND ${PRICE} IS NULL ${text} LIMIT $1) unpriced`;
      const { rows } = await translated(database.query(query, values));
      return rows[0].count;
    },

    /** How many endpoints each category has, most first; null is those without one. */
    async categories(): Promise<{ category: string | undefined; count: number }[]> {
      const text = `SELECT category, count(*)::int AS count FROM endpoint WHERE removed_at IS NULL
        GROUP BY category ORDER BY count DESC, category NULLS LAST LIMIT 1000`;
      const { rows } = await translated(database.query({ name: "service-categories", text }));
      return rows.map(({ category, count }) => ({ category: category ?? undefined, count }));
    },
  };
}

/** The conditions of a filter as SQL, and the values of its parameters behind those given. */
function conditions(filter: ServiceFilter, given: readonly unknown[]): { text: string; values: unknown[] } {
  const values = [...given];
  const parts: string[] = [];
  const add = (condition: (place: string) => string, value: unknown) => {
    if (value === undefined) return;
    values.push(value);
    parts.push(` AND ${condition(`$${values.length}`)}`);
  };
  // "api.example" is one word to the parser, and two in the words of a URL: either will do.
  add(
    (place) =>
      `e.search @@ (websearch_to_tsquery('simple', ${place}) || websearch_to_tsquery('simple', translate(${place}, '/:.?&=%_+', '         ')))`,
    filter.text,
  );
  add((place) => `e.category = ${place}`, filter.category);
  add((place) => `${place} = ANY (e.schemes)`, filter.scheme);
  add((place) => `e.operator = ${place}`, filter.operator);
  add((place) => `e.host = ${place}`, filter.host);
  const orUnknown = filter.maxPrice?.withUnknown ? ` OR ${PRICE} IS NULL` : "";
  add((place) => `(${PRICE} <= ${place}${orUnknown})`, filter.maxPrice?.price);
  return { text: parts.join(""), values };
}

function serviceOf(row: Record<string, unknown>): Service {
  const text = (name: string) => (row[name] as string | null) ?? undefined;
  const amount = (name: string) => (row[name] === null ? undefined : msat(row[name] as bigint));
  const at = (name: string) => unixSeconds(Number(row[name]));
  return {
    place: row["endpoint_id"] as bigint,
    id: row["url_hash"] as string,
    url: row["url"] as string,
    method: row["method"] as Method,
    host: row["host"] as string,
    name: text("name"),
    description: text("description"),
    category: text("category"),
    tags: row["tags"] as string[],
    provider: text("provider"),
    contact: text("contact"),
    price: amount("price"),
    announcedPrice: amount("price_msat"),
    payee: text("payee"),
    schemes: row["schemes"] as Scheme[],
    promised: (row["promised"] as Promised | null) ?? undefined,
    origin: row["origin"] as Record<string, Source>,
    sources: row["sources"] as Source[],
    operator: text("operator"),
    reply: text("reply"),
    disputeCount: row["disputes"] as number,
    listedAt: at("listed_at"),
    changedAt: at("changed_at"),
    belief: beliefOf(row),
  };
}

/** Undefined for an endpoint that has not been rated yet. */
function beliefOf(row: Record<string, unknown>): ServiceBelief | undefined {
  if (row["probability"] === null) return undefined;
  const newest = row["newest_at"];
  return {
    probability: row["probability"] as number,
    low: row["low"] as number,
    high: row["high"] as number,
    observations: row["observations"] as number,
    newestAt: newest === null ? undefined : unixSeconds(Number(newest)),
  };
}
