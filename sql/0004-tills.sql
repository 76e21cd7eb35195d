-- The ledger again, for a paid call that costs the database one row: a charge is written once and never touched. What
-- became of it is said by the till it was taken through, and by a refund.

ALTER TABLE charge RENAME TO charge_1;
ALTER TABLE transfer RENAME TO transfer_1;
ALTER TABLE deposit RENAME TO deposit_1;
ALTER INDEX deposit_pkey RENAME TO deposit_1_pkey;
ALTER INDEX charge_pkey RENAME TO charge_1_pkey;
DROP INDEX deposit_token, charge_token, charge_open, charge_open_token;

-- A short name for an account, for the rows that are written by the thousand.
ALTER TABLE token ADD COLUMN account_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE;
-- Room on each page for the next version of a row: a balance changes with each call.
ALTER TABLE token SET (fillfactor = 50);

-- What LND says was paid to our invoices. `settle_index` is that LND's own count; null when
-- the receipt was learned by hash.
CREATE TABLE receipt (
  payment_hash bytea  PRIMARY KEY CHECK (octet_length(payment_hash) = 32),
  amount_msat  bigint NOT NULL CHECK (amount_msat > 0),
  settled_at   bigint NOT NULL,
  settle_index bigint,
  received_at  bigint NOT NULL,
  UNIQUE (payment_hash, amount_msat)
);

-- A receipt, claimed by the account that its macaroon names. The primary key makes a second claim impossible, the
-- foreign key another amount than was received.
CREATE TABLE deposit (
  payment_hash bytea  PRIMARY KEY,
  account_id   bigint NOT NULL REFERENCES token (account_id),
  amount_msat  bigint NOT NULL,
  credited_at  bigint NOT NULL,
  FOREIGN KEY (payment_hash, amount_msat) REFERENCES receipt (payment_hash, amount_msat)
);
CREATE INDEX deposit_account ON deposit (account_id, credited_at);

-- One till is one stream of commits of one api process. It numbers its charges from 1, and each commit says which of
-- them are closed, that is, answered or given back: all below `stated_below` but those `still_open`. Commits are numbered too:
-- one that arrives after a later one, because a network or a server slept, changes nothing. A till that has not been heard of
-- for long belongs to a process that died. It is ended, after which it can neither take nor close, and what it left open is given back.
CREATE TABLE till (
  till_id      bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (till_id BETWEEN 1 AND 8388607),
  stated_below bigint   NOT NULL DEFAULT 1 CHECK (stated_below BETWEEN 1 AND 1099511627776),
  still_open   bigint[] NOT NULL DEFAULT '{}',
  batch        bigint   NOT NULL DEFAULT 0,
  opened_at    bigint   NOT NULL,
  beat_at      bigint   NOT NULL,
  ended_at     bigint
) WITH (fillfactor = 10);

-- One row per priced call that was held. The id is the till's times 2^40, plus the till's number for it. No foreign key to
-- the account: the one statement that writes here takes the account's row in the same breath, and checking again would
-- double its cost; the reconciliation looks for orphans instead.
CREATE TABLE charge (
  charge_id   bigint PRIMARY KEY,
  account_id  bigint NOT NULL,
  operation   text   NOT NULL,
  amount_msat bigint NOT NULL CHECK (amount_msat > 0),
  reserved_at bigint NOT NULL
);
CREATE INDEX charge_account ON charge (account_id, reserved_at);

-- A charge that was given back, once.
CREATE TABLE refund (
  charge_id   bigint PRIMARY KEY REFERENCES charge,
  refunded_at bigint NOT NULL
);

-- The general ledger, one posting per commit: each takes an amount from one account and gives it to another, so the
-- books balance by construction. The tables above hold the rows that a posting sums up.
--   lightning  what our node received       unclaimed  received, and not yet claimed by an account
--   token      what customers may spend     revenue    what was earned, running calls included
CREATE TABLE journal (
  journal_id     bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind           text    NOT NULL,
  debit_account  text    NOT NULL,
  credit_account text    NOT NULL,
  amount_msat    bigint  NOT NULL CHECK (amount_msat > 0),
  items          integer NOT NULL CHECK (items > 0),
  made_at        bigint  NOT NULL,
  CHECK ((kind, debit_account, credit_account) IN (
    ('receipt', 'lightning', 'unclaimed'), ('deposit', 'unclaimed', 'token'),
    ('charge', 'token', 'revenue'), ('refund', 'revenue', 'token')))
);

-- What a narrowed token may still take from its account (caveat satrank_max_sats). The id is derived from the token.
CREATE TABLE budget (
  budget_id   bytea  PRIMARY KEY CHECK (octet_length(budget_id) = 32),
  account_id  bigint NOT NULL REFERENCES token (account_id),
  limit_msat  bigint NOT NULL CHECK (limit_msat >= 0),
  spent_msat  bigint NOT NULL CHECK (spent_msat BETWEEN 0 AND limit_msat)
);
-- Which budgets a charge was taken from, so that a refund finds them.
CREATE TABLE budget_charge (
  charge_id bigint NOT NULL REFERENCES charge,
  budget_id bytea  NOT NULL REFERENCES budget,
  PRIMARY KEY (charge_id, budget_id)
);

-- The answer to a call that came with an Idempotency-Key: claimed when its price is held, filled before it is sent.
CREATE TABLE kept_answer (
  account_id  bigint NOT NULL REFERENCES token (account_id),
  key         text   NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  fingerprint bytea  NOT NULL CHECK (octet_length(fingerprint) = 32),
  charge_id   bigint NOT NULL UNIQUE REFERENCES charge DEFERRABLE INITIALLY DEFERRED,
  body        text,
  kept_at     bigint NOT NULL,
  PRIMARY KEY (account_id, key)
);
CREATE INDEX kept_answer_age ON kept_answer (kept_at);

-- Records of money are added to, never changed.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is not allowed: records of money are only added to', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

-- What was there: charges get numbers of a till that has ended, in the order they were made; those that were still held
-- are given back.
INSERT INTO till (opened_at, beat_at, ended_at, stated_below)
  SELECT 0, 0, extract(epoch FROM now())::bigint, (SELECT count(*) + 1 FROM charge_1) WHERE EXISTS (SELECT 1 FROM charge_1);
CREATE TEMPORARY TABLE renumbered ON COMMIT DROP AS
  SELECT c.charge_id AS old_id, (SELECT min(till_id) FROM till) * 1099511627776 + row_number() OVER (ORDER BY reserved_at, c.charge_id) AS charge_id,
         account_id, operation, amount_msat, state, reserved_at, coalesce(closed_at, extract(epoch FROM now())::bigint) AS closed_at
  FROM charge_1 c JOIN token USING (token_id);
INSERT INTO charge (charge_id, account_id, operation, amount_msat, reserved_at)
  SELECT charge_id, account_id, operation, amount_msat, reserved_at FROM renumbered;
INSERT INTO refund (charge_id, refunded_at) SELECT charge_id, closed_at FROM renumbered WHERE state <> 'settled';
UPDATE token SET balance_msat = balance_msat + held.amount_msat
  FROM (SELECT account_id, sum(amount_msat)::bigint AS amount_msat FROM renumbered WHERE state = 'reserved' GROUP BY account_id) held
  WHERE token.account_id = held.account_id;
INSERT INTO receipt (payment_hash, amount_msat, settled_at, received_at)
  SELECT payment_hash, amount_msat, settled_at, credited_at FROM deposit_1;
INSERT INTO deposit (payment_hash, account_id, amount_msat, credited_at)
  SELECT payment_hash, account_id, amount_msat, credited_at FROM deposit_1 JOIN token USING (token_id);
INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at)
  SELECT kind, debit_account, credit_account, amount_msat, items, made_at FROM (
    SELECT 1, 'receipt' AS kind, 'lightning' AS debit_account, 'unclaimed' AS credit_account, sum(amount_msat) AS amount_msat, count(*) AS items, max(received_at) AS made_at FROM receipt
    UNION ALL SELECT 2, 'deposit', 'unclaimed', 'token', sum(amount_msat), count(*), max(credited_at) FROM deposit
    UNION ALL SELECT 3, 'charge', 'token', 'revenue', sum(amount_msat), count(*), max(reserved_at) FROM charge
    UNION ALL SELECT 4, 'refund', 'revenue', 'token', sum(amount_msat), count(*), max(refunded_at) FROM refund JOIN charge USING (charge_id)
  ) posting WHERE items > 0;
DROP TABLE transfer_1, deposit_1, charge_1;

CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON charge  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON refund  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON deposit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON receipt FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
