/** What the rows of `outgoing_payment` say that the journal must have, kind by kind. */

/** Postings of what we pay, as the journal calls them. */
export const PAYMENT_KINDS = ["hold", "release", "payment", "routing-fee"] as const;
export type PaymentKind = (typeof PAYMENT_KINDS)[number];

/** One row: `<kind>_msat` and `<kind>_rows` of each, with `_` for `-`. The postings themselves are made in `sql/0010-spend.sql`. */
export const PAYMENT_TOTALS = `
  WITH sent AS (
    SELECT state, amount_msat AS amount, fee_limit_msat AS allowed, fee_msat AS fee,
           amount_msat + fee_limit_msat AS held, greatest(fee_msat - fee_limit_msat, 0) AS beyond, greatest(fee_limit_msat - fee_msat, 0) AS unused
    FROM outgoing_payment WHERE sent_at IS NOT NULL
  )
  SELECT coalesce(sum(held + coalesce(beyond, 0)), 0) AS hold_msat, count(*) + count(*) FILTER (WHERE beyond > 0) AS hold_rows,
    coalesce(sum(CASE state WHEN 'failed' THEN held WHEN 'succeeded' THEN unused END), 0) AS release_msat,
    count(*) FILTER (WHERE state = 'failed' OR (state = 'succeeded' AND unused > 0)) AS release_rows,
    coalesce(sum(amount) FILTER (WHERE state = 'succeeded'), 0) AS payment_msat, count(*) FILTER (WHERE state = 'succeeded') AS payment_rows,
    coalesce(sum(fee), 0) AS routing_fee_msat, count(*) FILTER (WHERE fee > 0) AS routing_fee_rows
  FROM sent`;
