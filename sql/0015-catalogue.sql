-- The catalogue of paid HTTP endpoints: what sources claim of them, each kept, and what is held for true of those claims.

-- One row per URL and method, for good: evidence and history refer to it. What is held for true is merged from the listings
-- (src/core/endpoint), field by field, and `origin` says which source each field was taken from.
CREATE TABLE endpoint (
  endpoint_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  url          text   NOT NULL CHECK (octet_length(url) BETWEEN 8 AND 2048),
  -- Lower-case hex, as the evidence log and callers name it.
  url_hash     text   NOT NULL CHECK (url_hash = encode(sha256(convert_to(url, 'UTF8')), 'hex')),
  method       text   NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
  host         text   NOT NULL CHECK (octet_length(host) BETWEEN 1 AND 253),
  name         text   CHECK (char_length(name) <= 200),
  description  text   CHECK (char_length(description) <= 2000),
  category     text   CHECK (category ~ '^[a-z][a-z0-9/_-]{1,31}$'),
  tags         text[] NOT NULL DEFAULT '{}' CHECK (cardinality(tags) <= 20),
  provider     text   CHECK (char_length(provider) <= 200),
  contact      text   CHECK (char_length(contact) <= 200),
  -- The announced price; null is unknown, and 0 is a claim to be free. What invoices ask is in the probes.
  price_msat   bigint CHECK (price_msat BETWEEN 0 AND 2100000000000000000),
  payee        text   CHECK (payee ~ '^0[23][0-9a-f]{64}$'),
  schemes      text[] NOT NULL DEFAULT '{}',
  -- {contentType, body} of a well-formed call, and {contentType, fields} of what its answer is promised to be.
  input        jsonb,
  promised     jsonb,
  origin       jsonb  NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(origin) = 'object'),
  -- The Nostr key that proved to run the host, 64 lower-case hex digits.
  operator     text   CHECK (operator ~ '^[0-9a-f]{64}$'),
  listed_at    bigint NOT NULL,
  changed_at   bigint NOT NULL,
  -- Its operator took it out. It stays out, whoever lists it, for as long as the operator runs the host.
  withdrawn_at bigint,
  -- No source lists it any more, or its operator took it out. It is not offered and not probed.
  removed_at   bigint,
  search       tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('simple', coalesce(name, '')), 'A') ||
    setweight(to_tsvector('simple', coalesce(category, '')), 'A') ||
    setweight(array_to_tsvector(tags), 'B') ||
    setweight(to_tsvector('simple', coalesce(provider, '')), 'C') ||
    -- An endpoint that nobody describes can still be found by the words of its URL.
    setweight(to_tsvector('simple', translate(url, '/:.?&=%_-+', '          ')), 'D') ||
    setweight(to_tsvector('simple', coalesce(description, '')), 'D')) STORED,
  UNIQUE (url_hash, method)
);
CREATE INDEX endpoint_host ON endpoint (host, endpoint_id);
CREATE INDEX endpoint_operator ON endpoint (operator, endpoint_id) WHERE operator IS NOT NULL;
CREATE INDEX endpoint_category ON endpoint (category, endpoint_id) WHERE removed_at IS NULL;
CREATE INDEX endpoint_search ON endpoint USING gin (search) WHERE removed_at IS NULL;

-- What one source says of one endpoint, as it said it last.
CREATE TABLE endpoint_listing (
  endpoint_id bigint NOT NULL REFERENCES endpoint,
  source      text   NOT NULL CHECK (source IN ('owner', 'manifest', 'openapi', '402index', 'l402.directory', 'announcement')),
  -- Which of that kind: the feed's URL, the document's, the event's address, the owner's key.
  reference   text   NOT NULL CHECK (octet_length(reference) BETWEEN 1 AND 2048),
  -- The reading that ends it by not naming it any more: a row of `feed`, or the reference itself.
  feed        text   NOT NULL CHECK (octet_length(feed) BETWEEN 1 AND 2048),
  run         bigint NOT NULL,
  -- Of an announcement, when it was signed: an older one that turns up later changes nothing.
  version     bigint NOT NULL DEFAULT 0,
  claim       jsonb  NOT NULL CHECK (octet_length(claim::text) <= 65536),
  first_seen_at bigint NOT NULL,
  seen_at     bigint NOT NULL,
  -- The source has stopped naming it.
  gone_at     bigint,
  PRIMARY KEY (endpoint_id, source, reference)
);
CREATE INDEX endpoint_listing_feed ON endpoint_listing (feed, run) WHERE gone_at IS NULL;
CREATE INDEX endpoint_listing_version ON endpoint_listing (reference) WHERE version > 0;

-- Documents that list endpoints, and how far each has been read. A run goes through all pages of one; what it did not meet is
-- gone at its end, and only then.
CREATE TABLE feed (
  feed          text     PRIMARY KEY CHECK (octet_length(feed) BETWEEN 1 AND 2048),
  form          text     NOT NULL CHECK (form IN ('402index', 'l402.directory', 'l402.json', 'l402-services', 'l402', 'openapi', 'announcements')),
  run           bigint   NOT NULL DEFAULT 0,
  -- Null between two runs.
  started_at    bigint,
  -- Items and pages of this run so far: where it goes on.
  place         integer  NOT NULL DEFAULT 0,
  pages         integer  NOT NULL DEFAULT 0,
  -- A page of this run was left out.
  is_partial    boolean  NOT NULL DEFAULT false,
  page_digest   bytea    CHECK (octet_length(page_digest) = 32),
  -- Validators of the last whole answer (RFC 9110, 8.8), for feeds of one page.
  etag          text     CHECK (octet_length(etag) <= 1024),
  last_modified text     CHECK (octet_length(last_modified) <= 1024),
  failures      integer  NOT NULL DEFAULT 0,
  last_failure  text     CHECK (octet_length(last_failure) <= 1024),
  next_at       bigint   NOT NULL,
  completed_at  bigint
);
CREATE INDEX feed_due ON feed (next_at);

-- Each change of what is held for true.
CREATE TABLE endpoint_change (
  endpoint_change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  endpoint_id bigint NOT NULL REFERENCES endpoint,
  changed_at  bigint NOT NULL,
  field       text   NOT NULL CHECK (field ~ '^[a-z]+(_[a-z]+)*$'),
  before      jsonb,
  after       jsonb,
  source      text   NOT NULL
);
CREATE INDEX endpoint_change_endpoint ON endpoint_change (endpoint_id, endpoint_change_id);
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint_change FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Who runs a host, or one URL of it, by the word of that host: never by a claimer's. `subject` is an origin (proved by a file) or a whole
-- URL (proved by its challenge). One operator at a time; whom the host names now is who it is.
CREATE TABLE operator_claim (
  operator_claim_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject       text    NOT NULL CHECK (octet_length(subject) BETWEEN 8 AND 2048),
  -- What is asked again: the URL and method whose claim was made.
  url           text    NOT NULL CHECK (octet_length(url) BETWEEN 8 AND 2048),
  method        text    NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
  operator      text    NOT NULL CHECK (operator ~ '^[0-9a-f]{64}$'),
  proof         text    NOT NULL CHECK (proof IN ('file', 'challenge')),
  claimed_at    bigint  NOT NULL,
  proven_at     bigint  NOT NULL,
  expires_at    bigint  NOT NULL CHECK (expires_at > proven_at),
  next_check_at bigint  NOT NULL,
  -- Answers in a row that did not name the operator.
  misses        integer NOT NULL DEFAULT 0 CHECK (misses >= 0),
  ended_at      bigint,
  ended_why     text    CHECK (ended_why IN ('removed', 'replaced', 'expired')),
  CHECK ((ended_at IS NULL) = (ended_why IS NULL))
);
CREATE UNIQUE INDEX operator_claim_live ON operator_claim (subject) WHERE ended_at IS NULL;
CREATE INDEX operator_claim_due ON operator_claim (next_check_at) WHERE ended_at IS NULL;

-- Signed requests (NIP-98) that were used: each is good for one.
CREATE TABLE signed_request (
  event_id   bytea  PRIMARY KEY CHECK (octet_length(event_id) = 32),
  expires_at bigint NOT NULL
);
CREATE INDEX signed_request_expired ON signed_request (expires_at);

-- What an operator answers to what is said of its endpoint; the newest counts, and an empty one takes it back.
CREATE TABLE endpoint_reply (
  endpoint_reply_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  endpoint_id bigint NOT NULL REFERENCES endpoint,
  operator    text   NOT NULL CHECK (operator ~ '^[0-9a-f]{64}$'),
  text        text   CHECK (char_length(text) BETWEEN 1 AND 500),
  written_at  bigint NOT NULL
);
CREATE INDEX endpoint_reply_newest ON endpoint_reply (endpoint_id, endpoint_reply_id DESC);
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint_reply FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Calls in the evidence log that an operator says were not as they are told. They stay evidence.
CREATE TABLE endpoint_dispute (
  attempt     text   PRIMARY KEY CHECK (attempt ~ '^[0-9a-f]{64}$'),
  endpoint_id bigint NOT NULL REFERENCES endpoint,
  operator    text   NOT NULL CHECK (operator ~ '^[0-9a-f]{64}$'),
  text        text   NOT NULL CHECK (char_length(text) BETWEEN 1 AND 500),
  disputed_at bigint NOT NULL
);
CREATE INDEX endpoint_dispute_endpoint ON endpoint_dispute (endpoint_id, disputed_at DESC);
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint_dispute FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Calls in the evidence log (src/core/evidence/call.ts), by endpoint; and the log without them, which is what the network is judged by.
CREATE INDEX evidence_call ON evidence ((entry::jsonb ->> 6), (entry::jsonb ->> 7), position) WHERE kind = 'call';
CREATE INDEX evidence_network ON evidence (position) WHERE kind <> 'call';
CREATE INDEX evidence_network_time ON evidence (observed_at) WHERE kind <> 'call';
