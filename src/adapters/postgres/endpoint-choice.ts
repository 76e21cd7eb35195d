/** Table `endpoint_belief`, as it is asked: the cheapest first along an index, what might be worth a try, and how many there are. */
import type { Counts, DropReason, Excluded, HopefulRow, RankedRow, Wanted } from "../../core/choice/question.ts";
import { type Queryable, translated } from "./connect.ts";

/** Where a page ended. */
type Place = { floorMsat: number; id: bigint };

const RANKED = `endpoint_id, operator_group, host, payee, floor_cost, hope_cost, price_msat, latency_ms, paid_low, paid_high, unpaid_low,
  unpaid_high, payment_low, payment_good, payment_bad`;

/** More are not counted one by one. */
const COUNTED = 1_000;

export function endpointChoiceTable(database: Queryable) {
  /** The same conditions are one prepared statement. With keywords there is none: which index is best depends on the words. */
  const ask = async (kind: string, wanted: Wanted, conditions: Condition[], order: string, limit: number) => {
    const values: unknown[] = [];
    const all = [...conditionsOf(wanted), ...conditions].map(({ text, value }) => text(`$${values.push(value)}`));
    const text = `SELECT ${RANKED} FROM endpoint_belief WHERE listed AND ${[...KINDS[kind]!, ...all].join(" AND ")}
      ORDER BY ${order} LIMIT $${values.push(limit)}`;
    const isNamed = wanted.keywords.length === 0;
    const { rows } = await translated(
      database.query({ ...(isNamed && { name: `choice ${nameOf(text)}` }), text, values }),
    );
    return rows;
  };

  return {
    /** In the order of their least cost, from a place on, without those of which there are enough. */
    async page(wanted: Wanted, after: Place | undefined, excluded: Excluded, limit: number): Promise<RankedRow[]> {
      const { operatorGroups, hosts, payees } = excluded;
      const conditions: Condition[] = [
        ...(after
          ? [
              {
                text: (at: string) =>
                  `(floor_cost, endpoint_id) > ((${at}::jsonb ->> 0)::float8, (${at}::jsonb ->> 1)::bigint)`,
                value: JSON.stringify([after.floorMsat, String(after.id)]),
              },
            ]
          : []),
        ...(operatorGroups.length > 0
          ? [{ text: (at: string) => `operator_group <> ALL(${at}::text[])`, value: operatorGroups }]
          : []),
        ...(hosts.length > 0 ? [{ text: (at: string) => `host <> ALL(${at}::text[])`, value: hosts }] : []),
        ...(payees.length > 0
          ? [{ text: (at: string) => `(payee IS NULL OR payee <> ALL(${at}::text[]))`, value: payees }]
          : []),
      ];
      return (await ask("priced", wanted, conditions, "floor_cost, endpoint_id", limit)).map(rankedRow);
    },

    /** Those whose price is not known, the likeliest to answer first. */
    async unpriced(wanted: Wanted, limit: number): Promise<RankedRow[]> {
      const { mostMsat: _, ...rest } = wanted;
      return (await ask("unpriced", { ...rest, mostMsat: undefined }, [], "low DESC, endpoint_id", limit)).map(
        rankedRow,
      );
    },

    /** Those of which too little is known, in the order of what they would cost if all that is not known were for the best. */
    async hopeful(wanted: Wanted, limit: number): Promise<HopefulRow[]> {
      // What nobody timed is what there is to find out.
      const open = { ...wanted, includeUnknown: true };
      const rows = await ask("hopeful", open, [], "hope_cost, endpoint_id", limit);
      return rows.map((row) => ({ ...rankedRow(row), hopeMsat: row.hope_cost }));
    },

    async count(wanted: Wanted): Promise<Counts> {
      const values: unknown[] = [];
      const { category, keywords, mostMsat, mostLatencyMs, includeUnknown } = wanted;
      const subject = conditionsOf({
        category,
        keywords,
        mostMsat: undefined,
        mostLatencyMs: undefined,
        includeUnknown,
      });
      const all = subject.map(({ text, value }) => text(`$${values.push(value)}`));
      const reasons = `CASE WHEN verdict IS NULL THEN 'notRated' WHEN verdict = 'avoid' THEN 'avoid'
        ${includeUnknown ? "" : "WHEN price_msat IS NULL THEN 'priceUnknown'"}
        ${mostMsat === undefined ? "" : `WHEN price_msat > $${values.push(mostMsat)} THEN 'overBudget'`}
        ${mostLatencyMs === undefined || includeUnknown ? "" : "WHEN latency_ms IS NULL THEN 'latencyUnknown'"}
        ${mostLatencyMs === undefined ? "" : `WHEN latency_ms > $${values.push(mostLatencyMs)} THEN 'tooSlow'`} ELSE '' END`;
      const text = `SELECT reason, count(*)::int AS count FROM (
          SELECT ${reasons} AS reason FROM endpoint_belief WHERE ${["listed", ...all].join(" AND ")} LIMIT ${COUNTED + 1}) looked_at
        GROUP BY reason`;
      const isNamed = keywords.length === 0;
      const { rows } = await translated(
        database.query({ ...(isNamed && { name: `count ${nameOf(text)}` }), text, values }),
      );
      const counts = new Map<string, number>(rows.map((row) => [row.reason, row.count]));
      const matched = [...counts.values()].reduce((sum, count) => sum + count, 0);
      const dropped = (reason: DropReason) => counts.get(reason) ?? 0;
      return {
        matched: Math.min(matched, COUNTED),
        isMore: matched > COUNTED,
        dropped: {
          notRated: dropped("notRated"),
          avoid: dropped("avoid"),
          priceUnknown: dropped("priceUnknown"),
          overBudget: dropped("overBudget"),
          latencyUnknown: dropped("latencyUnknown"),
          tooSlow: dropped("tooSlow"),
        },
      };
    },
  };
}

/** What each kind of question holds of its rows: as the index that serves it says it. */
const KINDS: Record<string, string[]> = {
  priced: ["verdict <> 'avoid'", "floor_cost IS NOT NULL"],
  unpriced: ["verdict <> 'avoid'", "floor_cost IS NULL"],
  hopeful: ["verdict = 'insufficient'", "hope_cost IS NOT NULL"],
};

type Condition = { text: (at: string) => string; value: unknown };

function conditionsOf({ category, keywords, mostMsat, mostLatencyMs, includeUnknown }: Wanted): Condition[] {
  const timed = (at: string) =>
    includeUnknown ? `(latency_ms IS NULL OR latency_ms <= ${at})` : `latency_ms <= ${at}`;
  return [
    ...(category === undefined ? [] : [{ text: (at: string) => `category = ${at}`, value: category }]),
    // All words of all keywords: each narrows.
    ...(keywords.length === 0
      ? []
      : [{ text: (at: string) => `search @@ plainto_tsquery('simple', ${at})`, value: keywords.join(" ") }]),
    ...(mostMsat === undefined ? [] : [{ text: (at: string) => `price_msat <= ${at}`, value: mostMsat }]),
    ...(mostLatencyMs === undefined ? [] : [{ text: timed, value: mostLatencyMs }]),
  ];
}

const names = new Map<string, number>();
/** A short name of a statement: the server keeps no more than 63 characters of one. */
function nameOf(text: string): number {
  const known = names.get(text) ?? names.size;
  names.set(text, known);
  return known;
}

// biome-ignore lint/suspicious/noExplicitAny: a row as the driver gives it
function rankedRow(row: any): RankedRow {
  return {
    id: row.endpoint_id,
    operatorGroup: row.operator_group,
    host: row.host,
    payee: row.payee ?? undefined,
    floorMsat: row.floor_cost ?? undefined,
    priceMsat: row.price_msat === null ? undefined : Number(row.price_msat),
    latencyMs: row.latency_ms ?? undefined,
    paid: { low: row.paid_low, high: row.paid_high },
    unpaid: { low: row.unpaid_low, high: row.unpaid_high },
    paymentLow: row.payment_low,
    paymentSeen: { good: row.payment_good, bad: row.payment_bad },
  };
}
