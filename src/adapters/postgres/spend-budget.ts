/** What was spent, what may be, and how payments stand: read from table `outgoing_payment` for people and metrics. */
import { PAYMENT_STATES, type PaymentState } from "../../core/spend/payment.ts";
import { type Msat, msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, translated } from "./connect.ts";

/** `spent` has settled within the window; `held` may still settle, whenever it was sent. */
export type Spending = {
  spent: Msat;
  held: Msat;
  /** When the oldest settled payment leaves the window, and how much that frees. */
  nextFree?: { at: UnixSeconds; amount: Msat };
  counts: Record<PaymentState, number>;
  /** How long ago the oldest payment was sent of which nobody knows the end. */
  oldestUnknownSec?: number;
  at: UnixSeconds;
};

const UNKNOWN = `
  SELECT count(*) AS count, extract(epoch FROM clock_timestamp())::bigint - min(sent_at) AS oldest
  FROM outgoing_payment WHERE state = 'unknown'`;

/** Payments whose end nobody knows: how many, and how long ago the oldest of them was sent. */
export async function readUnknownPayments(
  database: Database,
): Promise<{ count: number; oldestSec: number | undefined }> {
  const { rows } = await translated(database.query({ name: "payments-unknown", text: UNKNOWN }));
  const { count, oldest } = rows[0];
  return { count: Number(count), oldestSec: oldest === null ? undefined : Math.max(0, Number(oldest)) };
}

const NOW = "extract(epoch FROM clock_timestamp())::bigint";

const SPENDING = `
  WITH settled AS (
    SELECT closed_at, amount_msat + fee_msat AS cost FROM outgoing_payment WHERE state = 'succeeded' AND closed_at >= ${NOW} - $1
  ), open AS (
    SELECT state, sent_at, amount_msat + fee_limit_msat AS cost FROM outgoing_payment WHERE state IN ('sending', 'unknown')
  ), next AS (
    SELECT closed_at + $1 + 1 AS at, sum(cost) AS cost FROM settled GROUP BY closed_at ORDER BY closed_at LIMIT 1
  )
  SELECT (SELECT coalesce(sum(cost), 0) FROM settled)::bigint AS spent, (SELECT coalesce(sum(cost), 0) FROM open)::bigint AS held,
    (SELECT at FROM next) AS next_at, (SELECT cost FROM next)::bigint AS next_cost, ${NOW} AS now_at,
    (SELECT ${NOW} - min(sent_at) FROM open WHERE state = 'unknown') AS oldest_unknown,
    (SELECT coalesce(json_object_agg(state, n), '{}') FROM (SELECT state, count(*) AS n FROM outgoing_payment GROUP BY state) each) AS counts`;

/** Spending within the last `windowSec`. */
export async function readSpending(database: Database, windowSec: number): Promise<Spending> {
  const { rows } = await translated(database.query({ name: "spending", text: SPENDING, values: [windowSec] }));
  const row = rows[0];
  return {
    spent: msat(row.spent),
    held: msat(row.held),
    ...(row.next_at !== null && { nextFree: { at: unixSeconds(Number(row.next_at)), amount: msat(row.next_cost) } }),
    counts: Object.fromEntries(PAYMENT_STATES.map((state) => [state, row.counts[state] ?? 0])) as Spending["counts"],
    ...(row.oldest_unknown !== null && { oldestUnknownSec: Math.max(0, Number(row.oldest_unknown)) }),
    at: unixSeconds(Number(row.now_at)),
  };
}
