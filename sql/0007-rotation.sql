-- An account that took the place of another one, whose token its holder replaced. The old account is revoked in the same
-- breath. What reaches it later, such as the price of a call that failed or an older invoice paid late, follows.
CREATE TABLE rotation (
  from_account_id bigint PRIMARY KEY REFERENCES token (account_id),
  to_account_id   bigint NOT NULL UNIQUE REFERENCES token (account_id),
  -- SHA-256 of the Idempotency-Key: whoever knows it is told again what the new token is. The old token is not enough,
  -- or a rotation would be no use against a thief.
  key_digest      bytea  NOT NULL CHECK (octet_length(key_digest) = 32),
  rotated_at      bigint NOT NULL,
  UNIQUE (from_account_id, to_account_id),
  CHECK (from_account_id <> to_account_id)
);
CREATE INDEX rotation_time ON rotation (rotated_at);

-- What was moved along a rotation. The journal has no posting for it: customers own as much as before.
CREATE TABLE account_move (
  account_move_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_account_id bigint NOT NULL,
  to_account_id   bigint NOT NULL,
  amount_msat     bigint NOT NULL CHECK (amount_msat > 0),
  moved_at        bigint NOT NULL,
  FOREIGN KEY (from_account_id, to_account_id) REFERENCES rotation (from_account_id, to_account_id)
);
CREATE INDEX account_move_from ON account_move (from_account_id);
CREATE INDEX account_move_to ON account_move (to_account_id, moved_at);

CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON rotation     FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON account_move FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
