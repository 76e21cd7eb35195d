/** A catalogue of any size with beliefs about each endpoint, drawn: for tests and benches of what is done with them. */
import type { Queryable } from "../adapters/postgres/connect.ts";
import { SEARCH } from "../adapters/postgres/endpoint-belief.ts";
import { hopedCost, leastCost, type Offer } from "../core/choice/cost.ts";
import { insertEndpoints } from "./some-endpoints.ts";
import { seededRandom } from "./synthetic-graph.ts";

export type SyntheticBelief = Offer & {
  id: bigint;
  category: string;
  words: string[];
  operatorGroup: string;
  host: string;
  payee: string | undefined;
  verdict: "pay" | "caution" | "avoid" | "insufficient";
  floorMsat: number | undefined;
  hopeMsat: number | undefined;
  paymentLow: number;
  paymentSeen: { good: number; bad: number };
};

const CATEGORIES = 20;
const WORDS = ["weather", "price", "image", "text", "search", "map", "news", "speech", "code", "sport"];
const AT_ONCE = 2_000;
const VERDICTS = ["pay", "caution", "avoid", "insufficient"] as const;

/** Fills the catalogue and its beliefs. Payees are drawn from `payees`, and some have none. */
export async function storeSyntheticBeliefs(
  database: Queryable,
  { count, seed, payees }: { count: number; seed: number; payees: readonly string[] },
): Promise<SyntheticBelief[]> {
  const random = seededRandom(seed);
  const stored: SyntheticBelief[] = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    const drawn = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) =>
      drawBelief(random, from + i, count, payees),
    );
    const inserted = await insertEndpoints(
      database,
      drawn.map(({ url, category, words, host: _, ...each }) => ({
        url,
        category,
        name: words.join(" "),
        priceMsat: each.priceMsat === undefined ? null : BigInt(each.priceMsat),
        payee: each.payee ?? null,
      })),
    );
    const rows = drawn.map(({ url: _, ...each }, i) => ({ ...each, id: inserted[i]!.id }));
    await storeBeliefs(database, rows);
    stored.push(...rows);
  }
  return stored;
}

function drawBelief(random: () => number, index: number, count: number, payees: readonly string[]) {
  // A few operators run most of it.
  const operator = Math.floor((count / 4) * random() ** 3);
  const host = `host-${operator}.example`;
  const low = random() ** 2 * 0.97;
  const high = Math.min(1, low + (1 - low) * random());
  const priceMsat = random() < 0.05 ? undefined : Math.round(1_000 * 10 ** (3 * random()));
  const latencyMs = random() < 0.1 ? undefined : Math.round(30 * 10 ** (2 * random()));
  const unpaidLow = low * (0.5 + 0.5 * random());
  const offer: Offer = {
    priceMsat,
    latencyMs,
    paid: { low, high },
    unpaid: { low: unpaidLow, high: Math.max(unpaidLow, high * 0.95) },
  };
  const wide = high - low > 0.75;
  return {
    ...offer,
    url: `https://${host}/${index}`,
    category: `category-${Math.floor(CATEGORIES * random() ** 2)}`,
    words: [WORDS[Math.floor(WORDS.length * random())]!, `word${Math.floor(200 * random() ** 2)}`],
    operatorGroup: host,
    host,
    payee: payees.length === 0 || random() < 0.1 ? undefined : payees[Math.floor(payees.length * random() ** 2)],
    verdict: wide ? ("insufficient" as const) : VERDICTS[high > 0.9 ? 0 : high > 0.5 ? 1 : 2]!,
    floorMsat: leastCost(offer),
    hopeMsat: hopedCost(offer),
    paymentLow: 0.3 + 0.65 * random(),
    paymentSeen: { good: 5 * random(), bad: random() },
  };
}

async function storeBeliefs(database: Queryable, rows: readonly SyntheticBelief[]): Promise<void> {
  const text = `INSERT INTO endpoint_belief (endpoint_id, catalogue_at, listed, category, search, host, operator_group, rated_marks, rated_at, model_at,
      position, stages, probability, low, high, verdict, paid_low, paid_high, unpaid_low, unpaid_high, payment_low, payment_good, payment_bad,
      observations, newest_at, price_msat, payee, latency_ms, latency_90_ms, floor_cost, hope_cost)
    SELECT e.endpoint_id, e.changed_at, true, e.category, ${SEARCH}, e.host, r.operator_group, 1, extract(epoch FROM now())::bigint, 0, 0, $2::jsonb, r.unpaid_low, r.unpaid_low, r.unpaid_high,
      r.verdict, r.paid_low, r.paid_high, r.unpaid_low, r.unpaid_high, r.payment_low, r.payment_good, r.payment_bad, 7, 1, r.price_msat, r.payee,
      r.latency_ms, r.latency_ms, r.floor_cost, r.hope_cost
    FROM jsonb_to_recordset($1::jsonb) AS r(id bigint, operator_group text, verdict text, paid_low float8, paid_high float8, unpaid_low float8,
      unpaid_high float8, payment_low float8, payment_good float8, payment_bad float8, price_msat bigint, payee text, latency_ms int,
      floor_cost float8, hope_cost float8) JOIN endpoint e ON e.endpoint_id = r.id`;
  const given = rows.map((row) => ({
    id: String(row.id),
    operator_group: row.operatorGroup,
    verdict: row.verdict,
    paid_low: row.paid.low,
    paid_high: row.paid.high,
    unpaid_low: row.unpaid.low,
    unpaid_high: row.unpaid.high,
    payment_low: row.paymentLow,
    payment_good: row.paymentSeen.good,
    payment_bad: row.paymentSeen.bad,
    price_msat: row.priceMsat ?? null,
    payee: row.payee ?? null,
    latency_ms: row.latencyMs ?? null,
    floor_cost: row.floorMsat ?? null,
    hope_cost: row.hopeMsat ?? null,
  }));
  await database.query(text, [JSON.stringify(given), JSON.stringify(SOME_STAGES)]);
}

const stage = (probability: number) => ({
  probability,
  interval: { low: probability - 0.1, high: Math.min(1, probability + 0.05) },
  prior: { good: 0.5, bad: 0.5 },
  seen: { good: 4, bad: 0.2 },
  measured: true,
});
const SOME_STAGES = {
  challenge: stage(0.9),
  invoice: stage(0.95),
  payment: stage(0.9),
  delivery: stage(0.9),
  quality: stage(0.9),
};
