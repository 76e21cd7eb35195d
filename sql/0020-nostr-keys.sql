-- Which keys speak for this oracle, and which did: for readers that cannot sign, such as the api. Every instant is a unix second.

CREATE TABLE nostr_key (
  pubkey bytea  PRIMARY KEY CHECK (octet_length(pubkey) = 32),
  role   text   NOT NULL CHECK (role IN ('brand', 'lightning-node', 'l402-endpoint', 'operator')),
  since  bigint NOT NULL,
  -- NULL: the key in use.
  until  bigint CHECK (until >= since)
);
CREATE UNIQUE INDEX nostr_key_in_use ON nostr_key (role) WHERE until IS NULL;

-- The calibration as heartbeats name it by its digest: the text that hashes to it, for whoever checks. One a day.
CREATE TABLE calibration_report (
  digest bytea  PRIMARY KEY CHECK (octet_length(digest) = 32),
  as_of  bigint NOT NULL UNIQUE,
  body   text   NOT NULL CHECK (digest = sha256(convert_to(body, 'UTF8')))
);
