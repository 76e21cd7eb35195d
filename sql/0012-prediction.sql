-- Predictions, each written before its outcome is known, in one chain; and what became of them. Nothing says who asked:
-- what the former table held of callers goes with it.

DROP TABLE prediction;

-- `entry` is the text of src/core/prediction/prediction.ts; the columns after it are read out of it by the database.
CREATE TABLE prediction (
  position      bigint PRIMARY KEY CHECK (position > 0),
  previous_hash bytea  NOT NULL CHECK (octet_length(previous_hash) = 32),
  hash          bytea  NOT NULL UNIQUE,
  entry         text   NOT NULL CHECK (octet_length(entry) BETWEEN 2 AND 2000),
  predicted_at  bigint NOT NULL GENERATED ALWAYS AS ((entry::jsonb ->> 1)::bigint) STORED,
  kind          text   NOT NULL GENERATED ALWAYS AS (entry::jsonb ->> 2) STORED,
  prediction_id text   NOT NULL UNIQUE GENERATED ALWAYS AS (entry::jsonb ->> 3) STORED,
  target        text   NOT NULL GENERATED ALWAYS AS (entry::jsonb ->> 4) STORED CHECK (target ~ '^0[23][0-9a-f]{64}$'),
  amount_msat   bigint NOT NULL GENERATED ALWAYS AS ((entry::jsonb ->> 5)::bigint) STORED,
  probability   double precision NOT NULL GENERATED ALWAYS AS ((entry::jsonb ->> 6)::double precision) STORED
    CHECK (probability BETWEEN 0 AND 1),
  lnd_apriori   double precision GENERATED ALWAYS AS ((entry::jsonb ->> 9)::double precision) STORED
    CHECK (lnd_apriori BETWEEN 0 AND 1),
  CHECK (hash = sha256(previous_hash || convert_to(entry, 'UTF8')))
);
CREATE INDEX prediction_time ON prediction (predicted_at);

-- One word on each: the first.
CREATE TABLE prediction_outcome (
  prediction_id text    PRIMARY KEY REFERENCES prediction (prediction_id),
  happened      boolean NOT NULL,
  ended_at      bigint  NOT NULL
);
CREATE INDEX prediction_outcome_time ON prediction_outcome (ended_at);

CREATE FUNCTION refuse_prediction_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is not allowed: predictions are only added to', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON prediction FOR EACH STATEMENT EXECUTE FUNCTION refuse_prediction_change();
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON prediction_outcome
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_prediction_change();

-- A prediction follows the newest one and no other, however it gets here.
CREATE FUNCTION follow_prediction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  head prediction%ROWTYPE;
BEGIN
  PERFORM pg_advisory_xact_lock(7402412);
  SELECT * INTO head FROM prediction ORDER BY position DESC LIMIT 1;
  IF NEW.position <> coalesce(head.position, 0) + 1 OR NEW.previous_hash <> coalesce(head.hash, decode(repeat('00', 32), 'hex')) THEN
    RAISE EXCEPTION 'a prediction must follow the newest one' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER follows BEFORE INSERT ON prediction FOR EACH ROW EXECUTE FUNCTION follow_prediction();

-- Adds predictions in their order, and returns the position of the last one. Writers take turns until they commit.
CREATE FUNCTION append_prediction(entries text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  place bigint;
  head  bytea;
  entry text;
BEGIN
  PERFORM pg_advisory_xact_lock(7402412);
  SELECT p.position, p.hash INTO place, head FROM prediction p ORDER BY p.position DESC LIMIT 1;
  place := coalesce(place, 0);
  head := coalesce(head, decode(repeat('00', 32), 'hex'));
  FOREACH entry IN ARRAY entries LOOP
    place := place + 1;
    INSERT INTO prediction (position, previous_hash, hash, entry)
      VALUES (place, head, sha256(head || convert_to(entry, 'UTF8')), entry) RETURNING prediction.hash INTO head;
  END LOOP;
  RETURN place;
END $$;
