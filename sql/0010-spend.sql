-- What we pay: planned, held against a budget before it is sent, and accounted for to the msat whatever became of it.

-- One row per invoice. The primary key makes a second payment of it impossible; a trigger allows no step but these:
--   awaiting-approval -> approved -> sending -> succeeded | failed | unknown       unknown -> succeeded | failed
-- and from the first two to failed. From `sending` on LND may have been asked, so the row is committed before it is.
CREATE TABLE outgoing_payment (
  payment_hash   bytea  PRIMARY KEY CHECK (octet_length(payment_hash) = 32),
  state          text   NOT NULL CHECK (state IN ('awaiting-approval', 'approved', 'sending', 'unknown', 'succeeded', 'failed')),
  -- The node that pays: its book alone says what became of the payment, so no other node is ever asked, or asked to pay it.
  node_pubkey    text   NOT NULL CHECK (node_pubkey ~ '^0[23][0-9a-f]{64}$'),
  invoice        text   NOT NULL CHECK (octet_length(invoice) BETWEEN 1 AND 7089),
  payee          text   NOT NULL CHECK (payee ~ '^0[23][0-9a-f]{64}$'),
  purpose        text   NOT NULL CHECK (purpose ~ '^[a-z][a-z0-9-]{0,31}$'),
  subject        text   NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 256),
  amount_msat    bigint NOT NULL CHECK (amount_msat BETWEEN 1 AND 2100000000000000000),
  fee_limit_msat bigint NOT NULL CHECK (fee_limit_msat BETWEEN 0 AND 2100000000000000000),
  -- LND refuses the invoice from here on, by its own clock.
  invoice_ends_at bigint NOT NULL,
  planned_at     bigint NOT NULL,
  -- Until when it may be approved, or sent once it is; exclusive.
  valid_until    bigint NOT NULL,
  -- Who brought it into this state, for the record.
  actor          text   NOT NULL CHECK (char_length(actor) BETWEEN 1 AND 128),
  sent_at        bigint,
  -- When whoever sent it has stopped waiting for an answer.
  answer_by      bigint,
  -- LND numbers its payments, and gives a hash that failed a new number when it is tried again. `prior_index` is what it had under
  -- this hash before we sent (0: nothing), `lnd_index` what it told us it gave to ours.
  prior_index    bigint CHECK (prior_index >= 0),
  lnd_index      bigint CHECK (lnd_index > prior_index),
  -- Whether LND has answered our call: it can then begin nothing any more.
  answered       boolean NOT NULL DEFAULT false,
  closed_at      bigint,
  preimage       bytea  CHECK (sha256(preimage) = payment_hash),
  fee_msat       bigint CHECK (fee_msat >= 0),
  failure        text   CHECK (failure ~ '^[a-z]+(-[a-z]+){0,4}$'),
  CHECK ((sent_at IS NULL) = (answer_by IS NULL) AND (sent_at IS NULL) = (prior_index IS NULL)),
  CHECK (sent_at IS NOT NULL OR (lnd_index IS NULL AND NOT answered)),
  CHECK (state NOT IN ('awaiting-approval', 'approved') OR sent_at IS NULL),
  CHECK (state NOT IN ('sending', 'unknown', 'succeeded') OR sent_at IS NOT NULL),
  CHECK ((state IN ('succeeded', 'failed')) = (closed_at IS NOT NULL)),
  CHECK ((state = 'succeeded') = (preimage IS NOT NULL) AND (state = 'succeeded') = (fee_msat IS NOT NULL)),
  CHECK ((state = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX outgoing_payment_open ON outgoing_payment (sent_at) WHERE state IN ('sending', 'unknown');
CREATE INDEX outgoing_payment_waiting ON outgoing_payment (valid_until) WHERE state IN ('awaiting-approval', 'approved');
CREATE INDEX outgoing_payment_spent ON outgoing_payment (closed_at) WHERE state = 'succeeded';
CREATE INDEX outgoing_payment_planned ON outgoing_payment (planned_at, payment_hash);
CREATE INDEX outgoing_payment_node ON outgoing_payment (node_pubkey, sent_at) WHERE sent_at IS NOT NULL;

-- What a payment takes from the budget: as long as it may settle, the most it can cost; once it has, what it cost.
CREATE FUNCTION cost_msat(payment outgoing_payment) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN (payment).state IN ('sending', 'unknown') THEN (payment).amount_msat + (payment).fee_limit_msat
              WHEN (payment).state = 'succeeded' THEN (payment).amount_msat + (payment).fee_msat ELSE 0 END
$$;

-- Who did what to a payment, and when. Written by the trigger below, so no step goes unrecorded.
CREATE TABLE payment_step (
  payment_step_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  payment_hash    bytea  NOT NULL REFERENCES outgoing_payment,
  state           text   NOT NULL,
  actor           text   NOT NULL,
  made_at         bigint NOT NULL
);
CREATE INDEX payment_step_payment ON payment_step (payment_hash, payment_step_id);
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON outgoing_payment FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The ledger's way out:
--   in-flight  held for payments that may settle      spent  arrived at payees      routing-fee  kept by nodes on the way
ALTER TABLE journal DROP CONSTRAINT journal_check, ADD CONSTRAINT journal_check CHECK ((kind, debit_account, credit_account) IN (
  ('receipt', 'lightning', 'unclaimed'), ('deposit', 'unclaimed', 'token'),
  ('charge', 'token', 'revenue'), ('refund', 'revenue', 'token'),
  ('hold', 'in-flight', 'lightning'), ('release', 'lightning', 'in-flight'),
  ('payment', 'spent', 'in-flight'), ('routing-fee', 'routing-fee', 'in-flight')));

CREATE FUNCTION guard_outgoing_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('awaiting-approval', 'approved') THEN
      RAISE EXCEPTION 'a payment does not begin as %', NEW.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
    ('awaiting-approval', 'approved'), ('awaiting-approval', 'failed'), ('approved', 'sending'), ('approved', 'failed'),
    ('sending', 'succeeded'), ('sending', 'failed'), ('sending', 'unknown'), ('unknown', 'succeeded'), ('unknown', 'failed'))
  THEN
    RAISE EXCEPTION 'a payment that is % does not become %', OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
  END IF;
  IF OLD.state IN ('succeeded', 'failed')
    OR (NEW.payment_hash, NEW.node_pubkey, NEW.invoice, NEW.payee, NEW.purpose, NEW.subject, NEW.amount_msat, NEW.fee_limit_msat,
        NEW.invoice_ends_at, NEW.planned_at)
      IS DISTINCT FROM (OLD.payment_hash, OLD.node_pubkey, OLD.invoice, OLD.payee, OLD.purpose, OLD.subject, OLD.amount_msat,
        OLD.fee_limit_msat, OLD.invoice_ends_at, OLD.planned_at)
    OR (OLD.sent_at IS NOT NULL AND (NEW.sent_at, NEW.answer_by, NEW.prior_index) IS DISTINCT FROM (OLD.sent_at, OLD.answer_by, OLD.prior_index))
    OR (OLD.sent_at IS NULL AND NEW.sent_at IS NOT NULL AND NEW.state <> 'sending')
    OR (OLD.lnd_index IS NOT NULL AND NEW.lnd_index IS DISTINCT FROM OLD.lnd_index)
    OR (OLD.answered AND NOT NEW.answered)
  THEN
    RAISE EXCEPTION 'what was decided of a payment is not changed' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON outgoing_payment FOR EACH ROW EXECUTE FUNCTION guard_outgoing_payment();

-- Each step is recorded and posted in the commit that makes it: no process can do one without the other.
CREATE FUNCTION post_outgoing_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  made bigint := extract(epoch FROM clock_timestamp())::bigint;
  held bigint := NEW.amount_msat + NEW.fee_limit_msat;
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.state = NEW.state THEN RETURN NULL; END IF;
  INSERT INTO payment_step (payment_hash, state, actor, made_at) VALUES (NEW.payment_hash, NEW.state, NEW.actor, made);
  INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at)
    SELECT kind, debit_account, credit_account, posted, 1, made FROM (VALUES
      (1, 'hold', 'in-flight', 'lightning', CASE WHEN NEW.state = 'sending' THEN held
        -- A node that paid more for routing than it was allowed: the books say what happened.
        WHEN NEW.state = 'succeeded' THEN greatest(NEW.fee_msat - NEW.fee_limit_msat, 0) ELSE 0 END),
      (2, 'payment', 'spent', 'in-flight', CASE WHEN NEW.state = 'succeeded' THEN NEW.amount_msat ELSE 0 END),
      (3, 'routing-fee', 'routing-fee', 'in-flight', CASE WHEN NEW.state = 'succeeded' THEN NEW.fee_msat ELSE 0 END),
      (4, 'release', 'lightning', 'in-flight', CASE WHEN NEW.state = 'succeeded' THEN greatest(NEW.fee_limit_msat - NEW.fee_msat, 0)
        WHEN NEW.state = 'failed' AND NEW.sent_at IS NOT NULL THEN held ELSE 0 END)
    ) posting(place, kind, debit_account, credit_account, posted) WHERE posted > 0 ORDER BY place;
  RETURN NULL;
END $$;
CREATE TRIGGER post AFTER INSERT OR UPDATE ON outgoing_payment FOR EACH ROW EXECUTE FUNCTION post_outgoing_payment();

-- Holds the most a payment may cost against what may be spent in any window of `window_sec`, and marks it as being sent; or says
-- why not. Payments decide one at a time, whichever process they come from. What may still settle counts however old it
-- is; what has settled counts until it left every window that a payment sent now can settle in.
--   sending       ask LND now                              not-approved  it is in another state, `state`
--   expired       too late for its approval or invoice     over-day, over-subject  no room; there will be at `frees_at`,
--   absent        there is no such payment                                         unless that is null
CREATE FUNCTION begin_payment(
  hash bytea, new_actor text, earlier_index bigint, answer_sec bigint, window_sec bigint, day_limit bigint, subject_limit bigint,
  OUT outcome text, OUT current_state text, OUT left_msat bigint, OUT frees_at bigint
) LANGUAGE plpgsql AS $$
DECLARE
  wanted outgoing_payment;
  now_at bigint;
  need bigint;
BEGIN
  -- Each statement after this one sees what earlier payments have committed.
  PERFORM pg_advisory_xact_lock(7402409);
  now_at := extract(epoch FROM clock_timestamp())::bigint;
  SELECT * INTO wanted FROM outgoing_payment WHERE payment_hash = hash FOR UPDATE;
  IF NOT FOUND THEN outcome := 'absent'; RETURN; END IF;
  current_state := wanted.state;
  IF wanted.state <> 'approved' THEN outcome := 'not-approved'; RETURN; END IF;
  IF now_at >= least(wanted.valid_until, wanted.invoice_ends_at) THEN outcome := 'expired'; RETURN; END IF;
  need := wanted.amount_msat + wanted.fee_limit_msat;

  SELECT r.left_msat, r.frees_at INTO left_msat, frees_at FROM room_to_spend(day_limit, need, window_sec, NULL) r;
  IF left_msat < need THEN outcome := 'over-day'; RETURN; END IF;
  SELECT r.left_msat, r.frees_at INTO left_msat, frees_at FROM room_to_spend(subject_limit, need, window_sec, wanted.subject) r;
  IF left_msat < need THEN outcome := 'over-subject'; RETURN; END IF;

  UPDATE outgoing_payment SET state = 'sending', actor = new_actor, sent_at = now_at, answer_by = now_at + answer_sec,
    prior_index = earlier_index WHERE payment_hash = hash;
  outcome := 'sending';
  current_state := 'sending';
END $$;

-- What is left of a limit, of one subject or of all, and when as much as `need` will be. Whole seconds are rounded against us.
CREATE FUNCTION room_to_spend(spend_limit bigint, need bigint, window_sec bigint, of_subject text,
  OUT left_msat bigint, OUT frees_at bigint
) LANGUAGE sql AS $$
  WITH counted AS (
    SELECT cost_msat(p) AS cost, CASE WHEN p.state = 'succeeded' THEN p.closed_at + window_sec + 1 END AS ends_at FROM outgoing_payment p
    WHERE (p.state IN ('sending', 'unknown')
        OR (p.state = 'succeeded' AND p.closed_at >= extract(epoch FROM clock_timestamp())::bigint - window_sec))
      AND (of_subject IS NULL OR p.subject = of_subject)
  ), total AS (
    SELECT coalesce(sum(cost), 0) AS cost FROM counted
  ), freed AS (
    SELECT ends_at, (SELECT cost FROM total) - sum(cost) OVER (ORDER BY ends_at) AS remaining FROM counted WHERE ends_at IS NOT NULL
  )
  SELECT greatest(spend_limit - total.cost, 0)::bigint,
    CASE WHEN spend_limit - total.cost < need THEN (SELECT min(ends_at) FROM freed WHERE remaining <= spend_limit - need) END
  FROM total
$$;

-- How far a node's payments were compared with ours: everything up to this index of LND's is decided.
CREATE TABLE payment_cursor (
  node_pubkey text   PRIMARY KEY CHECK (node_pubkey ~ '^0[23][0-9a-f]{64}$'),
  final_index bigint NOT NULL CHECK (final_index >= 0)
);
