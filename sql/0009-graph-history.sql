-- The graph as it changes: the versions between two snapshots, who writes them, and what was so when.

-- Every state the graph has been in since its snapshot. Number 0 is the snapshot itself; where `base_*` are set it is the
-- same graph as that version, written out whole. Every other version is the one before it, changed by `body`
-- (src/core/graph/delta.ts), and its digest is SHA-256(digest before || body).
CREATE TABLE graph_version (
  snapshot_id      bigint  NOT NULL REFERENCES graph_snapshot ON DELETE CASCADE,
  number           integer NOT NULL CHECK (number >= 0),
  digest           bytea   NOT NULL CHECK (octet_length(digest) = 32),
  at               bigint  NOT NULL,
  body             bytea,
  base_snapshot_id bigint,
  base_number      integer,
  PRIMARY KEY (snapshot_id, number),
  CHECK ((number = 0) = (body IS NULL)),
  CHECK ((base_snapshot_id IS NULL) = (base_number IS NULL) AND (number = 0 OR base_number IS NULL))
);
INSERT INTO graph_version (snapshot_id, number, digest, at) SELECT snapshot_id, 0, digest, taken_at FROM graph_snapshot;

-- The newest version, and which process may write the next one, until when. One row. A write names the version it follows
-- and finds it here or writes nothing, so that two processes which both believe in their lease cannot both write.
CREATE TABLE graph_head (
  singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  snapshot_id bigint  REFERENCES graph_snapshot,
  number      integer NOT NULL DEFAULT 0,
  holder      uuid,
  held_until  timestamptz
);
INSERT INTO graph_head (snapshot_id) SELECT max(snapshot_id) FROM graph_snapshot;

-- History. Rows are written in the transaction that writes the version they belong to, and never changed. `at` is when we heard of it.
-- A channel id is LND's unsigned 64-bit number, kept as the signed one of the same bits. `row_id` orders what happened in one second.

-- Channels when they were first seen, and again after a reorganisation or other ends for the same id. The funding block is in
-- the id: (id >> 40). Ends are nodes by key, the smaller first.
CREATE TABLE channel_opened (
  channel_id   bigint NOT NULL,
  row_id       bigint GENERATED ALWAYS AS IDENTITY,
  at           bigint NOT NULL,
  node_a       bytea  NOT NULL,
  node_b       bytea  NOT NULL,
  capacity_sat bigint NOT NULL,
  PRIMARY KEY (channel_id, row_id)
);

-- Channels that are gone. Without a height nobody said why: found missing by a reading (dead for a fortnight, or closed
-- while we were not listening).
CREATE TABLE channel_closed (
  channel_id    bigint NOT NULL,
  row_id        bigint GENERATED ALWAYS AS IDENTITY,
  at            bigint NOT NULL,
  closed_height integer,
  PRIMARY KEY (channel_id, row_id)
);
CREATE INDEX channel_closed_at ON channel_closed USING brin (at);

-- What one direction of a channel announced, each time it announced something else. Side 0 is from end A to end B. `flags`: 1 known, 2
-- enabled; 0 is a policy that was withdrawn. `announced_at` is the policy's own time, or when we heard of it where that was not told.
CREATE TABLE channel_policy (
  channel_id       bigint   NOT NULL,
  row_id           bigint   GENERATED ALWAYS AS IDENTITY,
  at               bigint   NOT NULL,
  announced_at     bigint   NOT NULL,
  min_htlc_msat    bigint   NOT NULL,
  max_htlc_msat    bigint   NOT NULL,
  fee_base_msat    bigint   NOT NULL,
  fee_ppm          bigint   NOT NULL,
  inbound_base     integer  NOT NULL,
  inbound_ppm      integer  NOT NULL,
  cltv_delta       integer  NOT NULL,
  side             smallint NOT NULL CHECK (side IN (0, 1)),
  flags            smallint NOT NULL CHECK (flags IN (0, 1, 3)),
  PRIMARY KEY (channel_id, side, row_id)
);

-- Nodes when they were first seen, each time they took another alias, and when they were gone (alias null).
CREATE TABLE node_announced (
  node_key     bytea  NOT NULL CHECK (octet_length(node_key) = 33),
  row_id       bigint GENERATED ALWAYS AS IDENTITY,
  at           bigint NOT NULL,
  announced_at bigint NOT NULL,
  alias        text,
  PRIMARY KEY (node_key, row_id)
);
