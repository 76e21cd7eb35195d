/** Table `endpoint_belief`, as it is asked: the cheapest first along an index, what might be worth a try, and how many there are. */
import {
  type Counts,
  DROP_REASONS,
  type DropReason,
  type Excluded,
  type HopefulRow,
  type RankedRow,
  type Wanted,
} from "../../core/choice/question.ts";
import { type Queryable, translated } from "./connect.ts";

/** Where a page ended. */
type Place = { floorMsat: number; id: bigint };
type Sizes = { rows: number; hopeful: number };

/** In the order in which {@link rankedRow} reads them. A row as one JSON array is read several times as fast as its columns. */
const RANKED = `json_build_array(endpoint_id::text, operator_group, host, payee, floor_cost, hope_cost, price_msat::text, latency_ms, paid_low,
  paid_high, unpaid_low, unpaid_high, payment_low, payment_good, payment_bad) AS row`;

/** More are not counted one by one. */
const COUNTED = 300;

/** What each kind of question holds of its rows, as the index that serves it says it, and their order. */
const KINDS = {
  priced: { of: ["verdict <> 'avoid'", "floor_cost IS NOT NULL"], order: "floor_cost, endpoint_id" },
  unpriced: { of: ["verdict <> 'avoid'", "floor_cost IS NULL"], order: "low DESC, endpoint_id" },
  hopeful: { of: ["verdict <> 'avoid'", "hope_cost IS NOT NULL"], order: "hope_cost, endpoint_id" },
};

/** `planned` keeps its plans, which serve as long as no words are looked for: which index is best depends on the words. */
export function endpointChoiceTable(database: Queryable, planned: Queryable) {
  const ask = async (wanted: Wanted, text: string, values: unknown[]) => {
    const asked =
      wanted.keywords.length === 0
        ? planned.query({ name: nameOf(text), text, values })
        : database.query({ text, values });
    return (await translated(asked)).rows[0];
  };

  return {
    /** The first page, those worth a try, and how many there are, in one question. */
    async look(wanted: Wanted, { rows, hopeful }: Sizes) {
      const values: unknown[] = [];
      const text = `SELECT ${listOf("priced", wanted, [], rows, values)} AS priced,
        ${hopeful === 0 ? "'[]'::json" : listOf("hopeful", open(wanted), [], hopeful, values)} AS hopeful,
        ${countOf(wanted, values)} AS counts`;
      const found = await ask(wanted, text, values);
      const counts: Counts = readCounts(found.counts);
      return {
        page: found.priced.map(rankedRow) as RankedRow[],
        hopeful: found.hopeful.map(hopefulRow) as HopefulRow[],
        counts,
      };
    },

    /** In the order of their least cost, from a place on, without those of which there are enough. */
    async page(wanted: Wanted, after: Place, excluded: Excluded, limit: number): Promise<RankedRow[]> {
      const { operatorGroups, hosts, payees } = excluded;
      const place = JSON.stringify([after.floorMsat, String(after.id)]);
      const conditions: Condition[] = [
        {
          text: (at) => `(floor_cost, endpoint_id) > ((${at}::jsonb ->> 0)::float8, (${at}::jsonb ->> 1)::bigint)`,
          value: place,
        },
        { text: (at) => `operator_group <> ALL(${at}::text[])`, value: operatorGroups },
        { text: (at) => `host <> ALL(${at}::text[])`, value: hosts },
        { text: (at) => `(payee IS NULL OR payee <> ALL(${at}::text[]))`, value: payees },
      ];
      const values: unknown[] = [];
      const found = await ask(
        wanted,
        `SELECT ${listOf("priced", wanted, conditions, limit, values)} AS priced`,
        values,
      );
      return found.priced.map(rankedRow);
    },

    /** Those whose price is not known, the likeliest to answer first. */
    async unpriced(wanted: Wanted, limit: number): Promise<RankedRow[]> {
      const values: unknown[] = [];
      const asked = { ...wanted, mostMsat: undefined };
      const found = await ask(asked, `SELECT ${listOf("unpriced", asked, [], limit, values)} AS unpriced`, values);
      return found.unpriced.map(rankedRow);
    },
  };
}

/** What nobody timed is what there is to find out. */
function open(wanted: Wanted): Wanted {
  return { ...wanted, includeUnknown: true };
}

/** Rows of a kind as a list. The limit is part of the text: a plan for any number would sort all there are. */
function listOf(
  kind: keyof typeof KINDS,
  wanted: Wanted,
  more: readonly Condition[],
  limit: number,
  values: unknown[],
): string {
  const { of, order } = KINDS[kind];
  const all = [...conditionsOf(wanted), ...more].map(({ text, value }) => text(`$${values.push(value)}`));
  return `(SELECT coalesce(json_agg(row), '[]') FROM (
    SELECT ${RANKED} FROM endpoint_belief WHERE ${["listed", ...of, ...all].join(" AND ")} ORDER BY ${order} LIMIT ${limit}) ${kind})`;
}

/** How many there are of a category and with these words, by why they are not offered, if so. */
function countOf(wanted: Wanted, values: unknown[]): string {
  const { mostMsat, mostLatencyMs, includeUnknown } = wanted;
  const subject = conditionsOf({ ...wanted, mostMsat: undefined, mostLatencyMs: undefined });
  const all = subject.map(({ text, value }) => text(`$${values.push(value)}`));
  const reasons = [
    "WHEN verdict IS NULL THEN 'notRated' WHEN verdict = 'avoid' THEN 'avoid'",
    includeUnknown ? "" : "WHEN price_msat IS NULL THEN 'priceUnknown'",
    mostMsat === undefined ? "" : `WHEN price_msat > $${values.push(mostMsat)} THEN 'overBudget'`,
    mostLatencyMs === undefined || includeUnknown ? "" : "WHEN latency_ms IS NULL THEN 'latencyUnknown'",
    mostLatencyMs === undefined ? "" : `WHEN latency_ms > $${values.push(mostLatencyMs)} THEN 'tooSlow'`,
  ];
  return `(SELECT coalesce(json_object_agg(reason, count), '{}') FROM (SELECT reason, count(*) FROM (
      SELECT CASE ${reasons.join(" ")} ELSE 'offered' END AS reason FROM endpoint_belief
      WHERE ${["listed", ...all].join(" AND ")} LIMIT ${COUNTED + 1}) looked_at GROUP BY reason) counted)`;
}

function readCounts(counts: Readonly<Record<string, number>>): Counts {
  const matched = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const dropped = DROP_REASONS.map((reason) => [reason, counts[reason] ?? 0]);
  return {
    matched: Math.min(matched, COUNTED),
    isMore: matched > COUNTED,
    dropped: Object.fromEntries(dropped) as Record<DropReason, number>,
  };
}

type Condition = { text: (at: string) => string; value: unknown };

function conditionsOf({ category, keywords, mostMsat, mostLatencyMs, includeUnknown }: Wanted): Condition[] {
  const timed = (at: string) =>
    includeUnknown ? `(latency_ms IS NULL OR latency_ms <= ${at})` : `latency_ms <= ${at}`;
  return [
    ...(category === undefined ? [] : [{ text: (at: string) => `category = ${at}`, value: category }]),
    ...(keywords.length === 0 ? [] : [wordsOf(category, keywords)]),
    ...(mostMsat === undefined ? [] : [{ text: (at: string) => `price_msat <= ${at}`, value: mostMsat }]),
    ...(mostLatencyMs === undefined ? [] : [{ text: timed, value: mostLatencyMs }]),
  ];
}

/** All words of all keywords, each narrows; and the category again, as the word that `search` has of it. */
function wordsOf(category: string | undefined, keywords: readonly string[]): Condition {
  const lexeme = category === undefined ? "" : ` && '''=${category.replaceAll("'", "")}'''::tsquery`;
  return { text: (at) => `search @@ (plainto_tsquery('simple', ${at})${lexeme})`, value: keywords.join(" ") };
}

const names = new Map<string, string>();
/** A short name of a statement: the server keeps no more than 63 characters of one. */
function nameOf(text: string): string {
  const known = names.get(text) ?? `choice ${names.size}`;
  names.set(text, known);
  return known;
}

type Cells = [
  id: string,
  operatorGroup: string,
  host: string,
  payee: string | null,
  floorMsat: number | null,
  hopeMsat: number | null,
  price: string | null,
  latencyMs: number | null,
  ...numbers: number[],
];

function rankedRow(cells: Cells): RankedRow {
  const [id, operatorGroup, host, payee, floor, , price, latency, ...numbers] = cells;
  const [paidLow, paidHigh, unpaidLow, unpaidHigh, paymentLow, good, bad] = numbers as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    id: BigInt(id),
    operatorGroup,
    host,
    payee: payee ?? undefined,
    floorMsat: floor ?? undefined,
    priceMsat: price === null ? undefined : Number(price),
    latencyMs: latency ?? undefined,
    paid: { low: paidLow, high: paidHigh },
    unpaid: { low: unpaidLow, high: unpaidHigh },
    paymentLow,
    paymentSeen: { good, bad },
  };
}

function hopefulRow(cells: Cells): HopefulRow {
  return { ...rankedRow(cells), hopeMsat: cells[5]! };
}
