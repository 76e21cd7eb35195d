-- Calls of endpoints: when each is due, and what became of each one.

-- One row per endpoint that is looked after. What is due is handed to the queue in the transaction that moves `next_at` on.
CREATE TABLE endpoint_schedule (
  endpoint_id  bigint  PRIMARY KEY REFERENCES endpoint,
  next_at      bigint  NOT NULL,
  -- From when on the next call may also pay.
  next_paid_at bigint  NOT NULL,
  -- Calls in a row that were no success.
  misses       integer NOT NULL DEFAULT 0 CHECK (misses >= 0)
);
CREATE INDEX endpoint_schedule_due ON endpoint_schedule (next_at);

-- One row per call, written before the first request leaves. A trigger allows no step but these:
--   asking -> paying | ended        paying -> delivering | ended        delivering -> ended
-- From `paying` on, money may have left; from `delivering` on, what was paid for may have been handed out.
CREATE TABLE endpoint_probe (
  attempt      text    PRIMARY KEY CHECK (attempt ~ '^[0-9a-f]{64}$'),
  -- The job that asked for it. A job that is run again goes on with its call.
  job_id       uuid    NOT NULL UNIQUE,
  endpoint_id  bigint  NOT NULL REFERENCES endpoint,
  may_pay      boolean NOT NULL,
  state        text    NOT NULL DEFAULT 'asking' CHECK (state IN ('asking', 'paying', 'delivering', 'ended')),
  -- The credential that is being paid for; forgotten when the call has ended.
  token        text    CHECK (octet_length(token) BETWEEN 1 AND 16384),
  invoice      text    CHECK (octet_length(invoice) BETWEEN 1 AND 7089),
  payment_hash bytea   UNIQUE CHECK (octet_length(payment_hash) = 32),
  started_at   bigint  NOT NULL,
  ended_at     bigint,
  -- The last stage that was looked at, and what was seen there ('unknown': nothing that the endpoint answers for).
  stage        text    CHECK (stage IN ('challenge', 'invoice', 'payment', 'delivery', 'quality')),
  verdict      text    CHECK (verdict IN ('good', 'bad', 'unknown')),
  code         text    CHECK (code ~ '^[A-Z0-9_]{1,64}$'),
  price_msat   bigint  CHECK (price_msat > 0),
  payee        text    CHECK (payee ~ '^0[23][0-9a-f]{64}$'),
  latency_ms   integer CHECK (latency_ms >= 0),
  token_form   text    CHECK (token_form IN ('macaroon', 'opaque')),
  -- The ways of payment that the endpoint offered.
  schemes      text[]  NOT NULL DEFAULT '{}',
  CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
  CHECK ((state = 'ended') = (verdict IS NOT NULL) AND (verdict IS NULL) = (stage IS NULL) AND (verdict IS NULL) = (code IS NULL)),
  CHECK (state NOT IN ('paying', 'delivering') OR (token IS NOT NULL AND invoice IS NOT NULL AND payment_hash IS NOT NULL)),
  CHECK (state <> 'ended' OR token IS NULL)
);
CREATE INDEX endpoint_probe_endpoint ON endpoint_probe (endpoint_id, started_at);
CREATE INDEX endpoint_probe_open ON endpoint_probe (started_at) WHERE state <> 'ended';
-- Whose invoices an endpoint hands out: what a report's payment is held against.
CREATE INDEX endpoint_probe_payee ON endpoint_probe (endpoint_id, payee) WHERE payee IS NOT NULL;
CREATE INDEX endpoint_probe_paid_to ON endpoint_probe (payee, endpoint_id) WHERE payee IS NOT NULL;

CREATE FUNCTION guard_endpoint_probe() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'ended' OR (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
    ('asking', 'paying'), ('asking', 'ended'), ('paying', 'delivering'), ('paying', 'ended'), ('delivering', 'ended')))
  THEN
    RAISE EXCEPTION 'a call that is % does not become %', OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
  END IF;
  IF (NEW.attempt, NEW.job_id, NEW.endpoint_id, NEW.may_pay, NEW.started_at)
      IS DISTINCT FROM (OLD.attempt, OLD.job_id, OLD.endpoint_id, OLD.may_pay, OLD.started_at)
    OR (OLD.payment_hash IS NOT NULL AND NEW.payment_hash IS DISTINCT FROM OLD.payment_hash)
  THEN
    RAISE EXCEPTION 'what was begun of a call is not changed' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON endpoint_probe FOR EACH ROW EXECUTE FUNCTION guard_endpoint_probe();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON endpoint_probe FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
