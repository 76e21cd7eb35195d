-- What others publish on Nostr and this program takes in: signed by whom it names, and checked before it is here. Every instant is a
-- unix second.

-- How far a relay's events of one feed are read. `read_to`: everything older is. A reading that was cut goes on backwards from
-- `resume_at`, and is then whole as of `begun_at`; `from_start_at` is when the last reading without a lower bound was begun.
CREATE TABLE inbox_cursor (
  relay         text   NOT NULL CHECK (octet_length(relay) BETWEEN 1 AND 2048),
  feed          text   NOT NULL CHECK (feed IN ('nodes', 'comments', 'reactions', 'labels')),
  read_to       bigint NOT NULL DEFAULT 0,
  begun_at      bigint,
  resume_at     bigint,
  from_start_at bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (relay, feed),
  CHECK ((begun_at IS NULL) = (resume_at IS NULL))
);

-- The newest announcement (CLIP, kind 38171) of each node of our graph, whoever signed it. It stays when it is taken back or
-- has expired: an older one of another key does not come into force again.
CREATE TABLE node_announcement (
  node_key   text   PRIMARY KEY CHECK (node_key ~ '^0[23][0-9a-f]{64}$'),
  pubkey     text   NOT NULL CHECK (pubkey ~ '^[0-9a-f]{64}$'),
  event_id   text   NOT NULL CHECK (event_id ~ '^[0-9a-f]{64}$'),
  created_at bigint NOT NULL,
  expires_at bigint,
  -- Where it was found first.
  relay      text   NOT NULL,
  -- created_at of its author's deletion (NIP-09).
  revoked_at bigint
);
CREATE INDEX node_announcement_pubkey ON node_announcement (pubkey);

-- What the key that a node's announcement names says of the node (kind 38171, k=1).
CREATE TABLE node_info (
  node_key        text   NOT NULL REFERENCES node_announcement,
  network         text   NOT NULL CHECK (network ~ '^[a-z0-9]{1,10}$'),
  pubkey          text   NOT NULL CHECK (pubkey ~ '^[0-9a-f]{64}$'),
  created_at      bigint NOT NULL,
  about           text   CHECK (char_length(about) BETWEEN 1 AND 500),
  min_channel_sat bigint CHECK (min_channel_sat >= 0),
  max_channel_sat bigint CHECK (max_channel_sat >= min_channel_sat),
  PRIMARY KEY (node_key, network)
);

-- Who runs a node by a text that the node signed and a request that the key signed (NIP-98). The text names a day, and is good for one
-- claim: who ran a node once cannot bring it again after another has.
CREATE TABLE node_claim (
  node_key   text   NOT NULL CHECK (node_key ~ '^0[23][0-9a-f]{64}$'),
  pubkey     text   NOT NULL CHECK (pubkey ~ '^[0-9a-f]{64}$'),
  signed_day bigint NOT NULL CHECK (signed_day % 86400 = 0),
  claimed_at bigint NOT NULL,
  expires_at bigint NOT NULL CHECK (expires_at > claimed_at),
  ended_at   bigint,
  ended_why  text   CHECK (ended_why IN ('renewed', 'replaced', 'withdrawn')),
  PRIMARY KEY (node_key, pubkey, signed_day),
  CHECK ((ended_at IS NULL) = (ended_why IS NULL))
);
CREATE UNIQUE INDEX node_claim_live ON node_claim (node_key) WHERE ended_at IS NULL;
CREATE INDEX node_claim_pubkey ON node_claim (pubkey) WHERE ended_at IS NULL;

-- Who runs which node at an instant. Of one node the newest word that the node signed holds, in whichever of the two ways, so it has
-- one operator at a time; a word that was taken back or has run out leaves none.
CREATE FUNCTION node_operator(at_second bigint)
  RETURNS TABLE (node_key text, pubkey text, proof text, since bigint) LANGUAGE sql STABLE AS $$
  SELECT a.node_key, a.pubkey, 'clip', a.created_at FROM node_announcement a
  WHERE a.revoked_at IS NULL AND coalesce(a.expires_at, at_second + 1) > at_second AND NOT EXISTS (
    SELECT 1 FROM node_claim c WHERE c.node_key = a.node_key AND c.pubkey <> a.pubkey AND c.claimed_at >= a.created_at)
  UNION ALL
  SELECT c.node_key, c.pubkey, 'nip98', c.claimed_at FROM node_claim c
  WHERE c.ended_at IS NULL AND c.expires_at > at_second AND NOT EXISTS (
    SELECT 1 FROM node_announcement a WHERE a.node_key = c.node_key AND a.pubkey <> c.pubkey AND a.created_at > c.claimed_at)
$$;

-- Comments (kind 1111) and reactions (kind 17) about what we rate. A row that its author deleted stays for as long as it could be read again.
CREATE TABLE mention (
  event_id   text    PRIMARY KEY CHECK (event_id ~ '^[0-9a-f]{64}$'),
  kind       integer NOT NULL CHECK (kind IN (17, 1111)),
  author     text    NOT NULL CHECK (author ~ '^[0-9a-f]{64}$'),
  -- As an assertion names it.
  subject    text    NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 2048),
  -- Of a reaction: whether it is one of approval. The newest of an author counts, so that one can be taken back by another.
  likes      boolean NOT NULL,
  created_at bigint  NOT NULL,
  expires_at bigint,
  seen_at    bigint  NOT NULL,
  deleted_at bigint
);
CREATE INDEX mention_subject ON mention (subject, kind, author, created_at DESC);
CREATE INDEX mention_author ON mention (author, created_at DESC);
CREATE INDEX mention_seen ON mention (seen_at);

-- Labels (kind 1985) that were looked at: each is taken for a report once.
CREATE TABLE label_taken (
  event_id text   PRIMARY KEY CHECK (event_id ~ '^[0-9a-f]{64}$'),
  taken_at bigint NOT NULL
);
CREATE INDEX label_taken_time ON label_taken (taken_at);

-- Where an announced API (kind 31402) was found: a hint for whoever looks for it.
CREATE TABLE announcement_relay (
  address text   PRIMARY KEY CHECK (char_length(address) BETWEEN 72 AND 500),
  relay   text   NOT NULL,
  seen_at bigint NOT NULL
);

-- When a host with an announced API is asked next whether it names who announced it.
CREATE TABLE announced_host (
  origin  text   PRIMARY KEY CHECK (octet_length(origin) BETWEEN 8 AND 300),
  next_at bigint NOT NULL
);
