-- Operator's tokens: each opens named operations without payment, until it expires, is used up or is revoked.
-- A secret is 32 random bytes, so its plain SHA-256 is enough: there is no dictionary to try against a stolen hash.
CREATE TABLE operator_token (
  operator_token_id text   PRIMARY KEY CHECK (operator_token_id ~ '^[0-9a-f]{12}$'),
  secret_hash  bytea  NOT NULL CHECK (octet_length(secret_hash) = 32),
  label        text   NOT NULL CHECK (char_length(label) BETWEEN 1 AND 64 AND label !~ '[[:cntrl:]]'),
  -- Names of operations; '*' is all of them, and an empty list none.
  operations   text[] NOT NULL CHECK (
    cardinality(operations) <= 32 AND operations = string_to_array(array_to_string(operations, ' '), ' ')
    AND array_to_string(operations, ' ') ~ '^(\*|([A-Za-z][A-Za-z0-9_-]{0,63}( [A-Za-z][A-Za-z0-9_-]{0,63})*)?)$'),
  created_at   bigint NOT NULL CHECK (created_at >= 0),
  expires_at   bigint NOT NULL CHECK (expires_at > created_at AND expires_at <= created_at + 31622400), -- 366 days
  max_uses     bigint CHECK (max_uses BETWEEN 1 AND 1000000000000),
  uses         bigint NOT NULL DEFAULT 0 CHECK (uses >= 0 AND uses <= max_uses),
  last_used_at bigint,
  -- Held to nothing else: no clock that is behind may stand in the way of a revocation.
  revoked_at   bigint,
  CHECK ((uses = 0) = (last_used_at IS NULL))
);

-- Which token served a call; null is the one plain secret of the settings.
ALTER TABLE operator_use ADD COLUMN operator_token_id text REFERENCES operator_token;
CREATE INDEX operator_use_token ON operator_use (operator_token_id, operator_use_id);

-- An audit that can be edited is none.
CREATE FUNCTION refuse_change_of_operator_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of operator_use is not allowed: its rows are only added to', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_use
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_operator_use();
