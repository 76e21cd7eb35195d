-- What is believed of each endpoint, ready to be ranked. Everything here follows from the evidence log, the catalogue and the
-- graph's scores, and is computed again from them (src/oracle/trust, src/core/trust).

-- What endpoints are like that nobody has tried, as it was fitted to the log before a whole hour (src/core/trust/model.ts).
CREATE TABLE endpoint_model (
  fitted_at bigint PRIMARY KEY CHECK (fitted_at >= 0 AND fitted_at % 3600 = 0),
  model     jsonb  NOT NULL
);

-- How far the log and the catalogue have been looked through for what has to be rated again.
CREATE TABLE endpoint_rating (
  one_row    boolean PRIMARY KEY DEFAULT true CHECK (one_row),
  position   bigint  NOT NULL DEFAULT 0,
  changed_at bigint  NOT NULL DEFAULT 0
);
INSERT INTO endpoint_rating DEFAULT VALUES;

CREATE TABLE endpoint_belief (
  endpoint_id    bigint  PRIMARY KEY REFERENCES endpoint,
  -- Of the catalogue, so that a ranked query reads one table. `catalogue_at` is the change it was copied after.
  catalogue_at   bigint  NOT NULL,
  listed         boolean NOT NULL,
  category       text,
  -- With the category as one word after "=", so that one index serves words within a category.
  search         tsvector NOT NULL,
  host           text    NOT NULL,
  -- Whose endpoints say something of each other: the claimed operator's, else the host's.
  operator_group text    NOT NULL,
  -- Each reason to rate it again adds a mark; it is due while some have not been seen to.
  marks          bigint  NOT NULL DEFAULT 1,
  rated_marks    bigint  NOT NULL DEFAULT 0,

  -- The instant ages are counted to, the model, and the last entry of the log that was read.
  rated_at       bigint,
  model_at       bigint,
  position       bigint,
  -- By stage: the prior, what its own calls say, and what is believed after both (src/core/trust/believe-endpoint.ts).
  stages         jsonb,
  probability    double precision CHECK (probability BETWEEN 0 AND 1),
  low            double precision,
  high           double precision,
  verdict        text    CHECK (verdict IN ('pay', 'caution', 'avoid', 'insufficient')),
  paid_low       double precision,
  paid_high      double precision,
  unpaid_low     double precision,
  unpaid_high    double precision,
  -- The payment from a typical caller; and what payments there have shown, which holds for any caller.
  payment_low    double precision,
  payment_good   double precision,
  payment_bad    double precision,
  observations   integer NOT NULL DEFAULT 0,
  newest_at      bigint,
  -- What invoices ask and whom they pay by the newest calls of ours, else as announced; null is unknown.
  price_msat     bigint  CHECK (price_msat BETWEEN 0 AND 2100000000000000000),
  payee          text,
  latency_ms     integer CHECK (latency_ms >= 0),
  latency_90_ms  integer CHECK (latency_90_ms >= latency_ms),
  -- Expected msat per good answer (src/core/choice/cost.ts): the least for any caller, and if all that is not known were for the best.
  floor_cost     double precision CHECK (floor_cost >= 0),
  hope_cost      double precision CHECK (hope_cost >= 0),
  CHECK ((rated_at IS NULL) = (verdict IS NULL)),
  CHECK (low <= probability AND probability <= high)
);
CREATE INDEX endpoint_belief_due ON endpoint_belief (operator_group) WHERE marks <> rated_marks;
CREATE INDEX endpoint_belief_group ON endpoint_belief (operator_group, endpoint_id);
CREATE INDEX endpoint_belief_age ON endpoint_belief (rated_at) WHERE rated_at IS NOT NULL;
-- What is asked for is ranked along these: cheapest first, of one category or of all.
CREATE INDEX endpoint_belief_rank ON endpoint_belief (category, floor_cost, endpoint_id)
  WHERE listed AND verdict <> 'avoid' AND floor_cost IS NOT NULL;
CREATE INDEX endpoint_belief_cheapest ON endpoint_belief (floor_cost, endpoint_id)
  WHERE listed AND verdict <> 'avoid' AND floor_cost IS NOT NULL;
-- And what might be worth a try.
CREATE INDEX endpoint_belief_hope ON endpoint_belief (category, hope_cost, endpoint_id)
  WHERE listed AND verdict <> 'avoid' AND hope_cost IS NOT NULL;
CREATE INDEX endpoint_belief_hopeful ON endpoint_belief (hope_cost, endpoint_id)
  WHERE listed AND verdict <> 'avoid' AND hope_cost IS NOT NULL;
-- What nobody knows the price of has no cost: it comes last, for those who want it.
CREATE INDEX endpoint_belief_unpriced ON endpoint_belief (category, low DESC, endpoint_id)
  WHERE listed AND verdict <> 'avoid' AND floor_cost IS NULL;
-- What there is of a category, and why some of it is not offered.
CREATE INDEX endpoint_belief_category ON endpoint_belief (category) INCLUDE (verdict, price_msat, latency_ms)
  WHERE listed;
CREATE INDEX endpoint_belief_search ON endpoint_belief USING gin (search) WHERE listed;

CREATE INDEX endpoint_changed ON endpoint (changed_at);
-- Calls as they are weighed: by source, and those that went as far as a payment apart from those that cost nothing.
CREATE INDEX evidence_call_kind ON evidence ((entry::jsonb ->> 6), (entry::jsonb ->> 7), source,
  (entry::jsonb ->> 8 IN ('payment', 'delivery', 'quality')), position) WHERE kind = 'call';
CREATE INDEX evidence_call_place ON evidence (position) WHERE kind = 'call';

-- A prediction may be of a call: its target is the endpoint's id and method (src/core/prediction/prediction.ts).
ALTER TABLE prediction DROP CONSTRAINT prediction_target_check;
ALTER TABLE prediction ADD CONSTRAINT prediction_target_check CHECK (
  CASE WHEN kind = 'call' THEN target ~ '^[0-9a-f]{64} (GET|POST|PUT|PATCH|DELETE)$' ELSE target ~ '^0[23][0-9a-f]{64}$' END);
