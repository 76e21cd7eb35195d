-- What callers say became of their calls of endpoints. Each report that counts is one entry of the evidence log, too.

CREATE TABLE endpoint_report (
  attempt      text   PRIMARY KEY CHECK (attempt ~ '^[0-9a-f]{64}$'),
  endpoint_id  bigint NOT NULL REFERENCES endpoint,
  source       text   NOT NULL CHECK (source IN ('proven', 'holder', 'signed')),
  -- The same for one reporter: a Nostr key, or a keyed digest that does not tell the token.
  witness      text   NOT NULL CHECK (witness ~ '^[0-9a-f]{64}$'),
  -- The payment that proves it; each proves one.
  payment_hash bytea  UNIQUE CHECK (octet_length(payment_hash) = 32),
  reported_at  bigint NOT NULL,
  CHECK ((source = 'proven') = (payment_hash IS NOT NULL))
);
CREATE INDEX endpoint_report_witness ON endpoint_report (witness, reported_at);
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint_report FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Who was told of an endpoint for money, for a day: only they may say something of it without a proof. Nothing else is kept of what
-- somebody asked.
CREATE TABLE endpoint_asked (
  witness     text   NOT NULL CHECK (witness ~ '^[0-9a-f]{64}$'),
  endpoint_id bigint NOT NULL REFERENCES endpoint,
  asked_at    bigint NOT NULL,
  PRIMARY KEY (witness, endpoint_id)
);
CREATE INDEX endpoint_asked_time ON endpoint_asked (asked_at);

-- Takes a report into the books, or says why not. Reports of one reporter take turns.
--   used      the payment has proven another one
--   repeated  without a proof, one word on an endpoint counts a day
--   limited   more than anybody has to tell in a day
CREATE FUNCTION book_endpoint_report(
  new_attempt text, new_endpoint bigint, new_source text, new_witness text, new_payment bytea, now_at bigint, per_day bigint
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7402412, hashtext(new_witness));
  IF new_payment IS NULL THEN
    IF EXISTS (SELECT 1 FROM endpoint_report WHERE witness = new_witness AND endpoint_id = new_endpoint
        AND payment_hash IS NULL AND reported_at > now_at - 86400) THEN
      RETURN 'repeated';
    END IF;
    IF (SELECT count(*) FROM endpoint_report WHERE witness = new_witness AND payment_hash IS NULL AND reported_at > now_at - 86400) >= per_day THEN
      RETURN 'limited';
    END IF;
  END IF;
  INSERT INTO endpoint_report (attempt, endpoint_id, source, witness, payment_hash, reported_at)
    VALUES (new_attempt, new_endpoint, new_source, new_witness, new_payment, now_at) ON CONFLICT (payment_hash) DO NOTHING;
  RETURN CASE WHEN FOUND THEN 'booked' ELSE 'used' END;
END $$;
