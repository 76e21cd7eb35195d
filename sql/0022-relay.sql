-- What our own relay asks of the outbox: events by their tags, by author and by age, and what has changed since it last looked.

-- The single-letter tags of an event, each as one word: its letter, then its first value. A longer value is found by no filter.
CREATE FUNCTION relay_words(body text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(DISTINCT (tag ->> 0) || (tag ->> 1)), '{}')
  FROM json_array_elements(body::json -> 'tags') AS tag
  WHERE length(tag ->> 0) = 1 AND octet_length(tag ->> 1) <= 1024
$$;

-- changed_xid: the transaction that last made this row something new to tell. A reader that keeps the snapshot of its last look sees
-- with it exactly what was committed since, in whatever order transactions end.
ALTER TABLE outbox_event
  ADD COLUMN relay_words text[] NOT NULL GENERATED ALWAYS AS (relay_words(body)) STORED,
  ADD COLUMN changed_xid xid8   NOT NULL DEFAULT pg_current_xact_id();

CREATE FUNCTION mark_relay_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.changed_xid := pg_current_xact_id();
  RETURN NEW;
END $$;
CREATE TRIGGER outbox_event_changed BEFORE UPDATE ON outbox_event FOR EACH ROW
  WHEN (NEW.event_id <> OLD.event_id OR (OLD.retracted_at IS NOT NULL AND NEW.retracted_at IS NULL))
  EXECUTE FUNCTION mark_relay_change();

-- The order of a relay is newest first, then lowest id: with the sign turned, both columns run one way, and a page begins where one ended.
CREATE INDEX outbox_event_newest ON outbox_event ((-created_at), event_id) WHERE retracted_at IS NULL;
CREATE INDEX outbox_event_author ON outbox_event (pubkey, (-created_at), event_id) WHERE retracted_at IS NULL;
CREATE INDEX outbox_event_changed ON outbox_event (changed_xid, outbox_id);
-- No pending list: each question would read it to its end.
CREATE INDEX outbox_event_words ON outbox_event USING gin (relay_words) WITH (fastupdate = off);
