-- Invoices before they are paid, how far LND's settlements were taken in, and what checking the books found.

-- LND's count of settlements begins again on another node, or on one restored from a backup: two receipts may share one.
ALTER TABLE receipt DROP CONSTRAINT IF EXISTS receipt_settle_index_key;

-- Counters of a minute are not worth a flush to disk each.
ALTER TABLE rate_limit SET UNLOGGED;

-- Our invoices that may still be paid: the place of each is claimed before LND is asked for it, and is free again when it is
-- paid, canceled or expired. Unlogged: after a crash of the server those that were open expire uncounted.
CREATE UNLOGGED TABLE open_invoice (
  slot_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- A keyed hash of who asks for what; null when the invoice is not to be handed out again.
  client       bytea  CHECK (octet_length(client) = 32),
  prefix       text   NOT NULL,
  amount_msat  bigint NOT NULL CHECK (amount_msat > 0),
  -- Both null while LND is being asked.
  payment_hash bytea  UNIQUE CHECK (octet_length(payment_hash) = 32),
  invoice      text,
  created_at   bigint NOT NULL,
  expires_at   bigint NOT NULL,
  -- Since when somebody is having it canceled at LND, to take its place.
  given_up_at  bigint,
  CHECK ((payment_hash IS NULL) = (invoice IS NULL))
);
-- One invoice for one client and wish, whoever asks at the same moment.
CREATE UNIQUE INDEX open_invoice_client ON open_invoice (client);
CREATE INDEX open_invoice_prefix ON open_invoice (prefix, created_at);
CREATE INDEX open_invoice_expiry ON open_invoice (expires_at);

-- Claims the place of one more open invoice, or says why not. Claims decide one at a time, whichever process they come
-- from, so the limits are exact; their transactions write no log and wait for no disk.
--   open     this client's invoice, to be handed out again        pending   the same, still being made
--   claimed  make the invoice and fill the slot                   full      the limit of the prefix, for retry_sec more
--   trade    cancel the invoice with this payment_hash at LND,    crowded   the limit of all together, for retry_sec more
--            and claim again with it as `freed`
CREATE FUNCTION claim_open_invoice(
  wish_client bytea, wish_prefix text, wish_amount_msat bigint, freed bytea, now_at bigint, lease_sec bigint,
  min_life_sec bigint, min_age_sec bigint, prefix_limit bigint, total_limit bigint,
  OUT outcome text, OUT slot_id bigint, OUT payment_hash bytea, OUT invoice text, OUT retry_sec bigint
) LANGUAGE plpgsql AS $$
DECLARE
  open_count bigint;
  crowded boolean;
BEGIN
  -- Each statement after this one sees what earlier claims have committed.
  PERFORM pg_advisory_xact_lock(7402403);
  DELETE FROM open_invoice o WHERE o.payment_hash = freed;
  DELETE FROM open_invoice o WHERE o.client = wish_client AND o.expires_at <= now_at;
  UPDATE open_invoice o SET client = NULL
    WHERE o.client = wish_client AND o.payment_hash IS NOT NULL AND o.expires_at < now_at + min_life_sec;

  SELECT CASE WHEN o.payment_hash IS NULL THEN 'pending' ELSE 'open' END, o.payment_hash, o.invoice
    INTO outcome, payment_hash, invoice FROM open_invoice o WHERE o.client = wish_client;
  IF FOUND THEN RETURN; END IF;

  open_count := (SELECT count(*) FROM (SELECT 1 FROM open_invoice o WHERE o.expires_at > now_at LIMIT total_limit + 1) o);
  crowded := open_count >= total_limit;
  IF NOT crowded AND (
    SELECT count(*) FROM open_invoice o WHERE o.prefix = wish_prefix AND o.expires_at > now_at) < prefix_limit
  THEN
    INSERT INTO open_invoice (client, prefix, amount_msat, created_at, expires_at)
      VALUES (wish_client, wish_prefix, wish_amount_msat, now_at, now_at + lease_sec)
      RETURNING 'claimed', open_invoice.slot_id INTO outcome, slot_id;
    RETURN;
  END IF;

  -- Only an invoice of the same prefix makes room, so that nobody can take a place from anybody else. One that a
  -- payment is being booked for is locked, and passed over. Where even that leaves too many, because others may open more than this
  -- one may, nothing is given up for nothing.
  IF open_count <= total_limit THEN
    UPDATE open_invoice o SET client = NULL, given_up_at = now_at WHERE o.slot_id = (
    SELECT v.slot_id FROM open_invoice v
    WHERE v.prefix = wish_prefix AND v.payment_hash IS NOT NULL AND v.expires_at > now_at
      AND v.created_at <= now_at - min_age_sec AND coalesce(v.given_up_at, 0) <= now_at - min_age_sec
    ORDER BY v.created_at, v.slot_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING 'trade', o.payment_hash INTO outcome, payment_hash;
    IF FOUND THEN RETURN; END IF;
  END IF;

  outcome := CASE WHEN crowded THEN 'crowded' ELSE 'full' END;
  retry_sec := CASE WHEN crowded
    THEN (SELECT min(o.expires_at) - now_at FROM open_invoice o WHERE o.expires_at > now_at)
    ELSE (SELECT min(CASE WHEN o.payment_hash IS NULL THEN o.expires_at
                          ELSE greatest(o.created_at, coalesce(o.given_up_at, 0)) + min_age_sec END) - now_at
          FROM open_invoice o WHERE o.prefix = wish_prefix AND o.expires_at > now_at) END;
END $$;

-- How far the settlements of a node were taken in, and how far the invoices it made were compared. A row per node: their
-- counts have nothing to do with each other.
CREATE TABLE invoice_cursor (
  node_pubkey    text   PRIMARY KEY CHECK (node_pubkey ~ '^0[23][0-9a-f]{64}$'),
  -- LND's index of the newest settlement taken in, and its payment hash: a node that no longer knows it has lost data.
  settle_index   bigint NOT NULL DEFAULT 0 CHECK (settle_index >= 0),
  payment_hash   bytea  CHECK (octet_length(payment_hash) = 32),
  -- Every invoice up to this add index is final: paid and booked, canceled, or expired.
  final_index    bigint NOT NULL DEFAULT 0 CHECK (final_index >= 0),
  since_at       bigint NOT NULL
);

-- What each check of the books found.
CREATE TABLE reconciliation (
  reconciliation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  checked_at bigint  NOT NULL,
  ok         boolean NOT NULL,
  facts      jsonb   NOT NULL
);
