-- Prepaid accounts and their double-entry ledger. Every amount is an integer of millisatoshis, every instant a unix second.

-- One row per account (an L402 token id that was paid for at least once).
CREATE TABLE token (
  token_id     bytea  PRIMARY KEY CHECK (octet_length(token_id) = 32),
  balance_msat bigint NOT NULL CHECK (balance_msat >= 0),
  opened_at    bigint NOT NULL,
  revoked_at   bigint
);

-- One row per settled invoice that was credited; the primary key makes a second credit impossible.
CREATE TABLE deposit (
  payment_hash bytea  PRIMARY KEY CHECK (octet_length(payment_hash) = 32),
  token_id     bytea  NOT NULL REFERENCES token,
  amount_msat  bigint NOT NULL CHECK (amount_msat > 0),
  settled_at   bigint NOT NULL,
  credited_at  bigint NOT NULL
);
CREATE INDEX deposit_token ON deposit (token_id);

-- One row per priced call: reserved before the work, then settled (answered) or refunded (not answered).
CREATE TABLE charge (
  charge_id   uuid   PRIMARY KEY,
  token_id    bytea  NOT NULL REFERENCES token,
  operation   text   NOT NULL,
  amount_msat bigint NOT NULL CHECK (amount_msat > 0),
  state       text   NOT NULL CHECK (state IN ('reserved', 'settled', 'refunded')),
  reserved_at bigint NOT NULL,
  closed_at   bigint,
  CHECK ((state = 'reserved') = (closed_at IS NULL))
);
CREATE INDEX charge_token ON charge (token_id, reserved_at);
CREATE INDEX charge_open ON charge (reserved_at) WHERE state = 'reserved';
CREATE INDEX charge_open_token ON charge (token_id) WHERE state = 'reserved';

-- The ledger: each row takes an amount from one account and gives it to another, so the books balance by construction.
--   lightning  what our node received      token    what customers may still spend
--   held       reserved for calls running  revenue  what was earned
CREATE TABLE transfer (
  transfer_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind           text   NOT NULL,
  debit_account  text   NOT NULL,
  credit_account text   NOT NULL,
  amount_msat    bigint NOT NULL CHECK (amount_msat > 0),
  token_id       bytea  NOT NULL REFERENCES token,
  payment_hash   bytea  REFERENCES deposit,
  charge_id      uuid   REFERENCES charge,
  made_at        bigint NOT NULL,
  CHECK ((kind, debit_account, credit_account) IN (
    ('deposit', 'lightning', 'token'), ('reserve', 'token', 'held'), ('settle', 'held', 'revenue'), ('refund', 'held', 'token'))),
  CHECK ((kind = 'deposit') = (payment_hash IS NOT NULL)),
  CHECK ((kind <> 'deposit') = (charge_id IS NOT NULL)),
  UNIQUE (payment_hash)
);
-- A charge is reserved once, and closed once.
CREATE UNIQUE INDEX transfer_reserve ON transfer (charge_id) WHERE kind = 'reserve';
CREATE UNIQUE INDEX transfer_close ON transfer (charge_id) WHERE kind IN ('settle', 'refund');
CREATE INDEX transfer_token ON transfer (token_id, transfer_id);

-- Every call served under an operator's token, written before the call runs.
CREATE TABLE operator_use (
  operator_use_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  operation  text   NOT NULL,
  request_id text   NOT NULL,
  address    text   NOT NULL,
  used_at    bigint NOT NULL
);

-- Counters of rate limits, shared by every process: the layout rate-limiter-flexible expects. `expire` is in ms, and a
-- double because that library computes with it as a JavaScript number.
CREATE TABLE rate_limit (
  key    varchar(255) PRIMARY KEY,
  points integer NOT NULL DEFAULT 0,
  expire double precision
);
CREATE INDEX rate_limit_expire ON rate_limit (expire);
