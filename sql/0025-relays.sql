-- What each relay is sent, how fast, and how it is doing. Every instant is a unix second.

-- held: the relay may have some version of the address. Set before one is sent, since nobody knows what a process that dies has sent.
-- signed_again: versions that were signed because this relay asked for other ones, since it last took one: a relay cannot ask for ever.
ALTER TABLE relay_ack
  ADD COLUMN held         boolean NOT NULL DEFAULT false,
  ADD COLUMN signed_again integer NOT NULL DEFAULT 0 CHECK (signed_again >= 0);
UPDATE relay_ack SET held = true WHERE attempts > 0;

-- One row per relay that was ever configured.
--   full      is sent everything           selected  identities, heartbeats, retractions, and some assertions
--   indexer   profiles and relay lists     retired   nothing any more
-- The bucket (per_minute, tokens, filled_at) is shared by all keys and all processes: relays count per address.
CREATE TABLE relay_state (
  relay             text             PRIMARY KEY,
  role              text             NOT NULL CHECK (role IN ('full', 'selected', 'indexer', 'retired')),
  per_minute        double precision NOT NULL CHECK (per_minute > 0),
  tokens            double precision NOT NULL CHECK (tokens >= 0),
  filled_at         bigint           NOT NULL,
  -- What it says of itself (NIP-11), as far as it is heeded; info_at without info: it was asked and says nothing.
  info              jsonb,
  info_at           bigint,
  last_contact_at   bigint,
  last_confirmed_at bigint,
  -- The last audit: how many events it did not have that it had been seen with.
  audited_at        bigint,
  missing           integer
);
