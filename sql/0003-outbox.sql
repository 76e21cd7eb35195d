-- What we say on Nostr, as it was signed, and how far each relay has taken it. Every instant is a unix second.

-- The newest signed version of each address (kind, author, d). `body` is the signed JSON: each retry sends the same bytes.
CREATE TABLE outbox_event (
  outbox_id    bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind         integer  NOT NULL CHECK (kind BETWEEN 0 AND 65535),
  pubkey       bytea    NOT NULL CHECK (octet_length(pubkey) = 32),
  d            text     NOT NULL,
  event_id     bytea    NOT NULL UNIQUE CHECK (octet_length(event_id) = 32),
  created_at   bigint   NOT NULL,
  expires_at   bigint,
  content_hash bytea    NOT NULL CHECK (octet_length(content_hash) = 32),
  subject      text     NOT NULL,
  priority     smallint NOT NULL,
  body         text     NOT NULL,
  staged_at    bigint   NOT NULL,
  UNIQUE (kind, pubkey, d)
);
CREATE INDEX outbox_event_subject ON outbox_event (subject);

-- One row per address and relay. A new version starts again at 'pending'; an answer about an older version changes nothing.
--   pending    to be sent when next_try_at comes   sent     sent, not yet seen on the relay
--   confirmed  read back from the relay            refused  the relay will never take this version
CREATE TABLE relay_ack (
  outbox_id   bigint  NOT NULL REFERENCES outbox_event ON DELETE CASCADE,
  relay       text    NOT NULL,
  event_id    bytea   NOT NULL CHECK (octet_length(event_id) = 32),
  state       text    NOT NULL CHECK (state IN ('pending', 'sent', 'confirmed', 'refused')),
  attempts    integer NOT NULL,
  next_try_at bigint  NOT NULL,
  last_answer text,
  answered_at bigint,
  PRIMARY KEY (outbox_id, relay)
);
CREATE INDEX relay_ack_due ON relay_ack (relay, next_try_at) WHERE state IN ('pending', 'sent');

-- A relay that is away, silent or asked us to wait: nothing is sent to it before until_at. One row per relay in trouble.
CREATE TABLE relay_pause (
  relay    text    PRIMARY KEY,
  failures integer NOT NULL CHECK (failures >= 0),
  until_at bigint  NOT NULL,
  reason   text    NOT NULL
);
