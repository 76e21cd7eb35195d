-- What was observed of the network, and the probes it was observed with.

-- The evidence log. `entry` is the canonical text of src/core/evidence/canonical.ts; the columns after it are read out of it
-- by the database, so they cannot say anything else. Each hash covers the one before: see append_evidence.
CREATE TABLE evidence (
  position      bigint PRIMARY KEY CHECK (position > 0),
  previous_hash bytea  NOT NULL CHECK (octet_length(previous_hash) = 32),
  hash          bytea  NOT NULL UNIQUE,
  entry         text   NOT NULL CHECK (octet_length(entry) BETWEEN 2 AND 2000),
  observed_at   bigint NOT NULL GENERATED ALWAYS AS ((entry::jsonb ->> 1)::bigint) STORED,
  source        text   NOT NULL GENERATED ALWAYS AS (entry::jsonb ->> 2) STORED,
  attempt       text   NOT NULL GENERATED ALWAYS AS (entry::jsonb ->> 3) STORED,
  vantage       text   NOT NULL GENERATED ALWAYS AS (entry::jsonb ->> 4) STORED,
  kind          text   NOT NULL GENERATED ALWAYS AS (entry::jsonb ->> 5) STORED,
  CHECK (hash = sha256(previous_hash || convert_to(entry, 'UTF8')))
);
CREATE INDEX evidence_time ON evidence (observed_at);
CREATE INDEX evidence_attempt ON evidence (attempt);

-- Whatever the evidence shows later, what was seen was seen.
CREATE FUNCTION refuse_evidence_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is not allowed: evidence is only added to', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence FOR EACH STATEMENT EXECUTE FUNCTION refuse_evidence_change();

-- An entry follows the newest one and no other, however it gets here.
CREATE FUNCTION follow_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  head evidence%ROWTYPE;
BEGIN
  PERFORM pg_advisory_xact_lock(7402410);
  SELECT * INTO head FROM evidence ORDER BY position DESC LIMIT 1;
  IF NEW.position <> coalesce(head.position, 0) + 1 OR NEW.previous_hash <> coalesce(head.hash, decode(repeat('00', 32), 'hex')) THEN
    RAISE EXCEPTION 'an entry of the evidence log must follow the newest one' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER follows BEFORE INSERT ON evidence FOR EACH ROW EXECUTE FUNCTION follow_evidence();

-- Adds entries in their order, and returns the position of the last one. Writers take turns until they commit.
CREATE FUNCTION append_evidence(entries text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  place bigint;
  head  bytea;
  entry text;
BEGIN
  PERFORM pg_advisory_xact_lock(7402410);
  SELECT e.position, e.hash INTO place, head FROM evidence e ORDER BY e.position DESC LIMIT 1;
  place := coalesce(place, 0);
  head := coalesce(head, decode(repeat('00', 32), 'hex'));
  FOREACH entry IN ARRAY entries LOOP
    place := place + 1;
    INSERT INTO evidence (position, previous_hash, hash, entry)
      VALUES (place, head, sha256(head || convert_to(entry, 'UTF8')), entry) RETURNING evidence.hash INTO head;
  END LOOP;
  RETURN place;
END $$;

-- One row per probe, written before it is sent. The payment hash is 32 random bytes of ours: nobody has its preimage.
CREATE TABLE probe (
  payment_hash bytea   PRIMARY KEY CHECK (octet_length(payment_hash) = 32),
  -- The LND it is sent from, and the only one that knows how it ends.
  node_pubkey  text    NOT NULL CHECK (node_pubkey ~ '^0[23][0-9a-f]{64}$'),
  target       text    NOT NULL CHECK (target ~ '^0[23][0-9a-f]{64}$'),
  -- Our peer, through whom it leaves.
  first_peer   text    NOT NULL CHECK (first_peer ~ '^0[23][0-9a-f]{64}$'),
  amount_msat  bigint  NOT NULL CHECK (amount_msat > 0),
  purpose      text    NOT NULL CHECK (purpose IN ('asked', 'explore', 'manual')),
  -- The probe that this one follows: with the policy it brought, or with another amount.
  follows      bytea   REFERENCES probe,
  -- The HTLC of each hop (src/core/probe/route.ts), as it must be read when the answer comes after a restart.
  route        jsonb   NOT NULL,
  -- The block height after which the money cannot be locked any more.
  lock_height  integer NOT NULL CHECK (lock_height > 0),
  -- sent: the call may be under way; answered; unknown: it ended without an answer, and the HTLC may be held somewhere;
  -- unsent: LND refused it, nothing left; expired: never answered, and its time lock has passed.
  state        text    NOT NULL DEFAULT 'sent' CHECK (state IN ('sent', 'answered', 'unknown', 'unsent', 'expired')),
  code         text,
  source_index integer,
  sent_at      bigint  NOT NULL,
  ended_at     bigint,
  -- When its record was taken out of LND's book of payments.
  deleted_at   bigint,
  CHECK ((state IN ('sent', 'unknown')) = (ended_at IS NULL)),
  CHECK (code IS NULL OR state = 'answered')
);
CREATE INDEX probe_time ON probe (sent_at);
CREATE INDEX probe_target ON probe (target, sent_at);
CREATE INDEX probe_open ON probe (sent_at) WHERE state IN ('sent', 'unknown');
CREATE INDEX probe_kept ON probe (ended_at) WHERE deleted_at IS NULL AND state IN ('answered', 'expired');

-- Takes a place for one probe and writes it down, or says which limit is in the way. Claims decide one at a time, whichever
-- process they come from, so the limits are exact.
--   hour, target, peer       the budget of the hour in all, of the target's day, of the peer's hour
--   in-flight                too many are held through this peer, or towards this target
--   backoff                  what was tried here before failed, and it is too soon for the next
CREATE FUNCTION claim_probe(
  wish_hash bytea, wish_node text, wish_target text, wish_peer text, wish_amount_msat bigint, wish_purpose text,
  wish_follows bytea, wish_route jsonb, wish_lock_height integer,
  per_hour bigint, per_target_24h bigint, per_peer_in_flight bigint, per_peer_per_hour bigint, now_at bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  refusal text;
BEGIN
  -- Each statement after this one sees what earlier claims have committed.
  PERFORM pg_advisory_xact_lock(7402411);
  refusal := CASE
    WHEN (SELECT count(*) FROM probe WHERE sent_at > now_at - 3600 AND state <> 'unsent') >= per_hour THEN 'hour'
    WHEN (SELECT count(*) FROM probe WHERE target = wish_target AND sent_at > now_at - 86400 AND state <> 'unsent') >= per_target_24h
      THEN 'target'
    WHEN (SELECT count(*) FROM probe WHERE first_peer = wish_peer AND sent_at > now_at - 3600 AND state <> 'unsent') >= per_peer_per_hour
      THEN 'peer'
    WHEN (SELECT greatest(count(*) FILTER (WHERE first_peer = wish_peer), count(*) FILTER (WHERE target = wish_target))
          FROM probe WHERE state IN ('sent', 'unknown')) >= per_peer_in_flight THEN 'in-flight'
    WHEN wish_follows IS NULL AND wish_purpose <> 'manual' AND probe_rests_until(wish_target, now_at) > now_at THEN 'backoff'
  END;
  IF refusal IS NULL THEN
    INSERT INTO probe (payment_hash, node_pubkey, target, first_peer, amount_msat, purpose, follows, route, lock_height, sent_at)
      VALUES (wish_hash, wish_node, wish_target, wish_peer, wish_amount_msat, wish_purpose, wish_follows, wish_route, wish_lock_height, now_at);
  END IF;
  RETURN refusal;
END $$;

-- When a target may be tried again: a minute after the first attempt that did not reach it, then two, four, … up to six
-- hours, until one reaches it. Attempts that follow another one count with it.
CREATE FUNCTION probe_rests_until(wish_target text, now_at bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  WITH tries AS (
    SELECT sent_at, state = 'answered' AND source_index = jsonb_array_length(route) AS reached
    FROM probe WHERE target = wish_target AND sent_at > now_at - 86400 AND follows IS NULL AND state <> 'unsent')
  SELECT max(sent_at) + least(60 * 2 ^ (count(*) - 1), 21600)::bigint FROM tries
  WHERE sent_at > coalesce((SELECT max(sent_at) FROM tries WHERE reached), 0)
  HAVING count(*) > 0
$$;
